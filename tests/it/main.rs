//! Black-box stories on the real services, written from the contract alone. One binary, so that it links once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that goes another way fails loudly"
)]

mod callbacks;
mod cancel;
mod codes;
mod concurrency;
mod conformance;
mod crash;
mod describing;
mod docs;
mod dry_run;
mod events;
mod geo;
mod hostile;
mod idempotency;
mod isolation;
mod listing;
mod order;
mod outage;
mod patience;
mod poison;
mod reading;
mod refusals;
mod results;
mod retention;
mod retry;
mod seed;
mod status;
mod streams;
mod sync;
mod taken_back;
mod watchdog;
