//! The worker: `Message -> Plan -> Outcome`, from the queue into the database, exactly once; and events from there to the
//! broker, at least once.

mod announce;
mod at_work;
mod attempt;
mod backoff;
mod callbacks;
mod config;
mod geo;
mod job;
mod patience;
mod pause;
mod ranges;
mod relay;
mod slots;
mod stream;
mod suspects;
mod take;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod together;
mod undelivered;
mod upkeep;
mod verdict;
mod worker;

pub use config::{Calls, Config, Events, Upkeep, Work};
pub use worker::{Worker, stop_signal};
