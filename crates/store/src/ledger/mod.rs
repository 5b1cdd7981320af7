//! The ledger: which jobs there are, which chunks of them were applied, and what became of each record.

mod cancel;
pub(crate) mod chunk;
mod dead;
mod ending;
pub(crate) mod failure;
mod job;
mod key;
mod lock;
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
pub use ending::Ending;
pub(crate) use ending::finish;
pub use job::Registered;
#[cfg(test)]
pub(crate) use job::register;
pub use key::Reserved;
pub(crate) use lock::{Locked, lock, lock_all};
pub use parts::Part;
pub use read::JobFilter;
pub(crate) use read::status;
pub use redrive::{GivenUp, Redriven};
pub use results::{Excerpt, Portion};
pub use retry::{FailedChunk, Kept};
pub use sweep::Swept;
pub(crate) use warning::warn;
