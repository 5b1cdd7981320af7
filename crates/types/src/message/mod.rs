//! What crosses the broker: one accepted request, as the worker will apply it.
//!
//! Fourth stage of the flow, from gateway to worker, as JSON: `{"v1":{"header":{…},"records":[…]}}`. Records are
//! carried as the text they came in: copied once when written, borrowed when read. A later version is a further
//! variant; what is already in a queue stays readable.
//!
//! Workers pass over members that they do not know. So a member without which a message would be applied wrongly is no
//! member to be added: it makes another version, which an older worker leaves to a newer one.
//!
//! A stream is several messages: its parts, which are only kept, and then the seal, which makes them a job; or a `cut_v1`,
//! when it did not come to its end; or a `repeated_v1`, when it turned out to be one again.

mod beside;
mod header;
mod kind;
mod rest;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{Batch, JobId, Stamp};

pub use beside::{FIRST_INDEX_HEADER, JOB_HEADER, KIND_HEADER};
pub use header::Header;
pub use kind::MessageKind;
pub use rest::PART_BYTES;

/// One accepted request on its way to a worker, or a piece of one. Every version ever sent decodes for ever.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message<'a> {
    /// Header and records as JSON text.
    #[serde(rename = "v1", borrow)]
    V1(V1<'a>),
    /// Some records of a stream.
    #[serde(rename = "part_v1", borrow)]
    PartV1(PartV1<'a>),
    /// The good end of a stream.
    #[serde(rename = "seal_v1")]
    SealV1(SealV1),
    /// A stream that did not come to its end.
    #[serde(rename = "cut_v1")]
    CutV1(CutV1),
    /// A stream that was sent before.
    #[serde(rename = "repeated_v1")]
    RepeatedV1(RepeatedV1),
}

/// The first version: `{"v1":{"header":{…},"records":[…]}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct V1<'a> {
    /// How to apply the records.
    pub header: Header,
    /// The records, as JSON text, `header.total` of them.
    #[serde(borrow, deserialize_with = "borrowed")]
    pub records: Vec<Cow<'a, RawValue>>,
}

/// Records of a stream that follow each other: `{"part_v1":{"header":{…},"first_index":0,"open_until":1792900000,"records":[…]}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct PartV1<'a> {
    /// How to apply the records; its total counts those of the stream up to the last one here.
    pub header: Header,
    /// The position of the first of them in the stream.
    pub first_index: u32,
    /// Until when more of the stream may come, its end included: seconds of Unix time, by the sender's clock. A stream that
    /// is heard nothing of after that has lost its sender.
    pub open_until: u64,
    /// The records, as JSON text; at least one.
    #[serde(borrow, deserialize_with = "borrowed")]
    pub records: Vec<Cow<'a, RawValue>>,
    /// What is wrong with those that could not be read as JSON, by position in the stream. In the place of such a
    /// record stands its text, as a JSON string.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreadable: BTreeMap<u32, String>,
}

/// A stream that has come to its end, and is a job from here on: `{"seal_v1":{"header":{…}}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct SealV1 {
    /// How its records are to be applied; its total counts all of them.
    pub header: Header,
}

/// A stream that did not come to its end: `{"cut_v1":{"header":{…},"error":400,"text":"…"}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct CutV1 {
    /// How its records would have been applied; its total counts those that were read.
    pub header: Header,
    /// The number that its job ends with.
    pub error: u16,
    /// Why.
    pub text: String,
}

/// A stream that was sent before, and so has no job of its own: `{"repeated_v1":{"header":{…},"same_as":"…"}}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct RepeatedV1 {
    /// As of a stream that was cut.
    pub header: Header,
    /// The job that it was sent as before.
    pub same_as: JobId,
}

/// Reads records without copying them, as `Cow` by itself would.
fn borrowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, RawValue>>, D::Error> {
    let records = Vec::<&RawValue>::deserialize(deserializer)?;
    Ok(records.into_iter().map(Cow::Borrowed).collect())
}

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON.
    #[error("the message is not readable")]
    Unreadable(#[source] serde_json::Error),
    /// JSON, but of a version or shape that is not known here: whoever is newer may know it.
    #[error("the message is of a version or shape that is not known here")]
    Unknown(#[source] serde_json::Error),
    /// It does not hold what it says.
    #[error("the message says {said} records and holds {held}")]
    Miscounted {
        /// How many there are by its header.
        said: u32,
        /// Records there are.
        held: usize,
    },
    /// Of a stream without records, or with more than any may have.
    #[error("the message is of a stream of {0} records")]
    Impossible(u32),
}

/// Why bytes could not be read: the first error may come long before the place where they cease to be JSON.
fn unreadable(bytes: &[u8], error: serde_json::Error) -> DecodeError {
    match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
        Ok(_json) => DecodeError::Unknown(error),
        Err(error) => DecodeError::Unreadable(error),
    }
}

impl Header {
    /// Where the request stands in the order of acceptance.
    pub fn stamp(&self) -> Stamp {
        self.order.unwrap_or_else(|| Stamp::of(self.job_id))
    }

    /// Most bytes that are said beside a message.
    const LONGEST_BRIEF: usize = 16 << 10;

    /// What is needed of a job to end it, as text that goes beside its message, where that can be short.
    pub fn brief(&self) -> Option<String> {
        let brief = Self { match_values: serde_json::Map::new(), warnings: Vec::new(), ..self.clone() };
        serde_json::to_string(&brief).ok().filter(|text| text.len() <= Self::LONGEST_BRIEF)
    }

    /// Reads it back.
    pub fn from_brief(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl<'a> Message<'a> {
    /// Room for a header, and for what is around a record.
    const HEADER_BYTES: usize = 1024;

    /// The bytes that are sent.
    ///
    /// # Panics
    /// Never: writing to memory cannot fail.
    pub fn to_bytes(&self) -> Vec<u8> {
        let size: usize = self.records().iter().map(|record| record.get().len() + 1).sum();
        let mut bytes = Vec::with_capacity(Self::HEADER_BYTES + size);
        #[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all keys are text")]
        serde_json::to_writer(&mut bytes, self).expect("a message is writable");
        bytes
    }

    /// Reads what was sent. Records are borrowed from `bytes`.
    ///
    /// # Errors
    /// When the bytes are no message that this version knows, or one that is not whole.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let message: Self = serde_json::from_slice(bytes).map_err(|error| unreadable(bytes, error))?;
        let total = message.header().total;
        let (said, whole) = match &message {
            Self::V1(_) => (Some(total), true),
            Self::SealV1(_) | Self::CutV1(_) | Self::RepeatedV1(_) => (Some(0), false),
            Self::PartV1(PartV1 { first_index, .. }) => {
                (total.checked_sub(*first_index).filter(|count| *count > 0), false)
            }
        };
        let said = said.filter(|_| whole || (1..=Batch::MOST_RECORDS).contains(&total));
        let said = said.ok_or(DecodeError::Impossible(total))?;
        let held = message.records().len();
        if usize::try_from(said).is_ok_and(|said| said == held) {
            Ok(message)
        } else {
            Err(DecodeError::Miscounted { said, held })
        }
    }

    fn records(&self) -> &[Cow<'a, RawValue>] {
        match self {
            Self::V1(V1 { records, .. }) | Self::PartV1(PartV1 { records, .. }) => records,
            Self::SealV1(_) | Self::CutV1(_) | Self::RepeatedV1(_) => &[],
        }
    }

    /// Most records of a small message: as many as are applied in one transaction, unless that is set otherwise.
    pub const SMALL_RECORDS: usize = 1_000;
    /// Most bytes that the text of its records has.
    pub const SMALL_BYTES: usize = 256 << 10;

    /// Whether its records are so few, and so short, that applying them holds up nobody for long. A message that has none
    /// says nothing of that.
    pub fn is_small(&self) -> bool {
        let records = self.records();
        let bytes: usize = records.iter().map(|record| record.get().len()).sum();
        (1..=Self::SMALL_RECORDS).contains(&records.len()) && bytes <= Self::SMALL_BYTES
    }

    /// What it is.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::V1(_) => MessageKind::Import,
            Self::PartV1(_) => MessageKind::Part,
            Self::SealV1(_) => MessageKind::Seal,
            Self::CutV1(_) => MessageKind::Cut,
            Self::RepeatedV1(_) => MessageKind::Repeated,
        }
    }

    /// How to apply the records.
    pub fn header(&self) -> &Header {
        match self {
            Self::V1(V1 { header, .. })
            | Self::PartV1(PartV1 { header, .. })
            | Self::SealV1(SealV1 { header })
            | Self::CutV1(CutV1 { header, .. })
            | Self::RepeatedV1(RepeatedV1 { header, .. }) => header,
        }
    }

    /// To be changed while the message is still the sender's.
    pub fn header_mut(&mut self) -> &mut Header {
        match self {
            Self::V1(V1 { header, .. })
            | Self::PartV1(PartV1 { header, .. })
            | Self::SealV1(SealV1 { header })
            | Self::CutV1(CutV1 { header, .. })
            | Self::RepeatedV1(RepeatedV1 { header, .. }) => header,
        }
    }

    /// Header and records.
    pub fn into_parts(self) -> (Header, Vec<Cow<'a, RawValue>>) {
        match self {
            Self::V1(V1 { header, records }) | Self::PartV1(PartV1 { header, records, .. }) => {
                (header, records)
            }
            Self::SealV1(SealV1 { header })
            | Self::CutV1(CutV1 { header, .. })
            | Self::RepeatedV1(RepeatedV1 { header, .. }) => (header, Vec::new()),
        }
    }
}
