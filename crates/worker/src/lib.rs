//! The worker: `Message -> Plan -> Outcome`, from the queue into the database, exactly once.

mod backoff;
mod config;
mod job;
mod pause;
mod split;
mod take;
mod verdict;
mod worker;

pub use config::{Config, Work};
pub use worker::{Worker, stop_signal};
