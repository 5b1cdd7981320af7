//! The gateway: HTTP in, one message per accepted batch out, and what became of it back to the client.
//!
//! The first and the last stage of the flow. A request is read within bounds ([`extract`]), checked and made a message
//! off the threads of the server ([`accept`]), and answered 202 once the broker has stored it. `PostgreSQL` is asked
//! only for what became of a job; who may do what comes from a snapshot of the catalogue ([`snapshot`]).

mod accept;
mod app;
mod clock;
mod config;
mod describe;
mod error;
mod extract;
mod gateway;
mod idempotency;
mod memory;
mod observe;
mod publish;
mod respond;
mod results;
mod routes;
mod snapshot;
mod stream;
mod wait;

pub use config::Config;
pub use gateway::{Error, Gateway};
