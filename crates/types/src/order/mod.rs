//! The order of acceptance, kept whatever order jobs are applied in: who wrote what of a profile.
//!
//! Beside the plan: each profile carries a [`Log`] of its cells, which are its fields and what its subscriptions hold. A cell
//! that was set keeps the stamp of the request that set it: what an older request says of it, and comes later, is
//! superseded. A cell that functions changed also keeps the last of them, so that an older request which comes between is
//! put where it belongs and they are done anew on top of it. So the order in which requests are applied to a profile makes no
//! difference to what it holds in the end, within the bounds of [`Entry`].

mod cell;
mod entry;
mod log;
mod packed;
mod stamp;
#[cfg(test)]
mod tests;

pub(crate) use cell::Cell;
pub(crate) use entry::{Entry, Write};
pub use log::Log;
pub use packed::PackedLog;
pub use stamp::Stamp;
