//! What must hold whatever bytes arrive: one check for each way that bytes of others take into the core.
//!
//! `cargo xtask fuzz` runs the checks under libFuzzer, which looks for inputs that reach new code; the tests of this
//! crate run them on the files of `cases/`: seeds, and every input that was ever found to break one.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a check that does not hold panics: that is how a fuzzer is told"
)]

mod batch;
mod json;
mod message;
mod plan;
mod record;
mod refusal;
mod world;
mod xml;

/// One way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A request body in JSON, read, checked, drafted and planned.
    Json,
    /// The same in XML; and its JSON twin.
    Xml,
    /// The payload of a message from the broker.
    Message,
    /// One record, with the parameters of a request.
    Record,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Json, Self::Xml, Self::Message, Self::Record];

    /// Its name, and that of its folder in `cases/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Message => "message",
            Self::Record => "record",
        }
    }

    /// Panics if these bytes break what must hold.
    pub fn check(self, bytes: &[u8]) {
        match self {
            Self::Json => json::check(bytes),
            Self::Xml => xml::check(bytes),
            Self::Message => message::check(bytes),
            Self::Record => record::check(bytes),
        }
    }
}
