//! The harness of the black-box stories: a whole installation in one process, on real servers, isolated per test.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the harness is test code: it fails loudly"
)]
#![expect(clippy::missing_panics_doc, reason = "every verb panics when the story goes another way")]

mod answer;
mod clock;
mod events;
mod examples;
mod format;
mod gate;
mod listener;
mod network;
mod operator;
mod process;
mod queue;
mod receiver;
mod table;
mod until;
mod verbs;
mod world;
mod xml;

pub use answer::Answer;
pub use clock::Clock;
pub use events::Events;
pub use examples::{Examples, fits, run_examples};
pub use format::Format;
pub use listener::Listener;
pub use operator::Told;
pub use process::{GatewayProcess, Process, WorkerProcess, binary};
pub use receiver::{Got, Receiver};
pub use table::table;
pub use until::until;
pub use world::{DEMO_TOKEN, OTHER_TOKEN, World, WorldBuilder};
