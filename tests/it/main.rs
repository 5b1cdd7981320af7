//! Black-box stories on the real services, written from the contract alone. One binary, so that it links once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that goes another way fails loudly"
)]

mod codes;
mod concurrency;
mod conformance;
mod dead;
mod describing;
mod docs;
mod dry_run;
mod events;
mod fairness;
mod faults;
mod geo;
mod hostile;
mod idempotency;
mod isolation;
mod jobs;
mod order;
mod reading;
mod refusals;
mod results;
mod rollout;
mod seed;
mod streams;
