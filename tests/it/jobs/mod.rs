//! Jobs from their request to their end, and what can be asked and done in between. Their results have stories of their own.

mod ahead;
mod callbacks;
mod cancel;
mod listing;
mod retention;
mod retry;
mod status;
mod sync;
mod together;
