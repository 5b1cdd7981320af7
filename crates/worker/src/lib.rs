//! The worker: `Message -> Plan -> Outcome`, from the queue into the database, exactly once.

mod backoff;
mod config;
mod geo;
mod job;
mod pause;
mod split;
mod take;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verdict;
mod worker;

pub use config::{Config, Work};
pub use worker::{Worker, stop_signal};
