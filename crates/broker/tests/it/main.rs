//! Against a real broker: what is confirmed is there, whatever happens to the connection.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test that is how a failure is told"
)]

mod burying;
mod confirming;
mod dead;
mod delivering;
mod events;
mod lanes;
mod noticing;
mod outage;
mod peer;
mod publishing;
mod undelivered;
mod world;
