//! PostgreSQL: the catalogue, the profiles, the ledger of jobs and the outbox of events. The only crate that names diesel.
//!
//! [`Store`] has one method per use case. Each runs plain synchronous queries, one transaction at most, on a pooled
//! connection; nothing of diesel shows outside.

mod apply;
mod callbacks;
mod catalog;
mod columns;
mod config;
mod conninfo;
#[cfg(test)]
mod distribution;
mod error;
#[cfg(test)]
mod fixture;
mod import;
mod ledger;
mod migrate;
mod outbox;
mod pool;
mod prepared;
mod profiles;
mod schema;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use apply::Applied;
pub use callbacks::{Attempt, Callback};
pub use catalog::TokenEntry;
pub use config::{Config, Retention};
pub use error::Error;
pub use import::Import;
pub use ledger::{
    DeadJob, Ending, Excerpt, FailedChunk, GivenUp, JobFilter, Kept, Part, Portion, Redriven, Registered,
    Reserved, Swept,
};
pub use outbox::{Backlog, Dispatch, Limits, Relayed};
pub use pool::Store;
pub use profiles::StoredProfile;
