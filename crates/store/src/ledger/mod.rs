//! The ledger: which jobs there are, which chunks of them were applied, and what became of each record.

mod cancel;
pub(crate) mod chunk;
mod dead;
pub(crate) mod failure;
mod job;
mod key;
mod parts;
mod read;
mod redrive;
mod results;
mod retry;
mod stalled;
mod sweep;
#[cfg(test)]
mod tests;
mod warning;

pub use dead::DeadJob;
#[cfg(test)]
pub(crate) use job::register;
pub use job::{Ending, Registered};
pub(crate) use job::{Locked, end, lock};
pub use key::Reserved;
pub use parts::Part;
pub use read::JobFilter;
pub(crate) use read::status;
pub use redrive::{GivenUp, Redriven};
pub use results::{Excerpt, Portion};
pub use retry::{FailedChunk, Kept};
pub use sweep::Swept;
pub(crate) use warning::warn;
