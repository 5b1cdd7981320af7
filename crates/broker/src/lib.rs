//! The message broker: RabbitMQ, and the only crate that knows it.
//!
//! The gateway publishes what it accepted, the worker consumes it. A payload is opaque here: bytes with
//! a name and headers. [`Publisher`] says `Ok` only for what the broker has stored; a [`Consumer`] hands
//! out [`Delivery`]s that stay with the broker until they are settled. Each keeps one connection open on
//! its own and shows its [`State`]. What is to be done waits in [`Lane`]s, so that nobody waits for the bulk of
//! others. Beside the queues go notices that nobody waits for: [`Publisher::announce`] and [`Notices`].

mod config;
mod connection;
mod consumer;
mod error;
mod lane;
mod message;
mod notices;
mod publisher;
mod topology;

#[cfg(feature = "testing")]
pub mod testing;

pub use crate::{
    config::Config,
    connection::State,
    consumer::{Consumer, DeadQueue, Delivery, Gate, Prefetch},
    error::{Cause, Error},
    lane::{Class, Lane},
    message::{Outgoing, pack, unpack},
    notices::Notices,
    publisher::Publisher,
    topology::{Depths, depths},
};

/// A filter directive for the log, to be set in every process that uses this crate.
///
/// The client library logs each failure that is also reported here, and at the level WARN the whole
/// content of a message that the broker returned.
pub const LOG_DIRECTIVE: &str = "lapin=off";
