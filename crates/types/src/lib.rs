//! The pure core of Intake: the vocabulary, the wire formats and the rules.
//!
//! Data flows one way and every stage is one noun:
//! `bytes -> Envelope -> Batch -> Message -> Drafts -> Plan -> Outcome -> Report -> bytes`, and beside it `Plan -> Event -> bytes`.
//! Nothing here does I/O, knows a clock or draws a random number, so all of it can be tested as plain functions.

mod batch;
pub mod callback;
pub mod catalog;
mod code;
mod draft;
mod envelope;
pub mod event;
mod field;
mod geo;
mod id;
mod imprint;
mod key;
mod listing;
mod lookup;
mod match_values;
mod message;
mod order;
mod outcome;
pub mod plan;
mod profile;
mod refusal;
mod report;
mod request_key;
mod rule;
mod stream;
mod subscription;
pub mod wire;

pub use batch::{Batch, Nulls, Operation, Terms, UnknownFields};
pub use code::Code;
pub use draft::{Draft, Drafts, Glance, Repeat};
pub use envelope::{Envelope, shortened};
pub use field::{Field, FieldType, Problem};
pub use geo::{Atlas, Place};
pub use id::{DatabaseId, JobId, JobKey, ProfileId, ResourceId, TokenHash};
pub use imprint::Imprint;
pub use key::{Carried, Key, Kind, Places, Source, Sources};
pub use listing::Listing;
pub use lookup::Lookup;
pub use match_values::{Combination, MatchValues};
pub use message::{
    CutV1, DecodeError, FIRST_INDEX_HEADER, Header, JOB_HEADER, KIND_HEADER, Message, MessageKind,
    PART_BYTES, PartV1, RepeatedV1, SealV1, V1,
};
pub use order::{Log, PackedLog, Stamp};
pub use outcome::{Action, Failure, Outcome, Tally, Warning};
pub use plan::{Candidates, Plan};
pub use profile::Profile;
pub use refusal::Refusal;
pub use report::{Entry, JobState, LedgerEntry, Pace, Status};
pub use request_key::{Fingerprint, Fingerprinting, KeyScope, RequestKey};
pub use rule::MatchRule;
pub use stream::{Item, Splitter, StreamFormat};
pub use subscription::{Channel, Contact, Subscription, SubscriptionStatus};
