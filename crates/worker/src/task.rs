//! What a delivery asks for: a job that is whole, or a piece of a streamed one.

use intake_broker::Delivery;
use intake_store::{Import, Part};
use intake_types::{CutV1, DecodeError, Header, JOB_HEADER, KIND_HEADER, Message, MessageKind, RepeatedV1};

/// What a delivery asks for.
#[derive(Debug)]
pub(crate) enum Task {
    /// A job with all of its records.
    Import(Import),
    /// A part of a stream, to be kept.
    Part(Part),
    /// The stream has come to its end, and is a job.
    Seal(Header),
    /// The stream will not come to its end.
    Cut(CutV1),
    /// The stream was sent before.
    Repeated(RepeatedV1),
}

/// Why a delivery cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The bytes that came make no sense to anybody.
    #[error("{0}")]
    Packed(#[from] intake_broker::Error),
    /// Neither does what was in them, or it does to somebody newer.
    #[error("{0}")]
    Message(#[from] DecodeError),
}

impl Unreadable {
    /// Whether a worker of a later version may be able to read it.
    pub(crate) fn is_newer(&self) -> bool {
        match self {
            Self::Packed(error) => matches!(error, intake_broker::Error::Encoding(_)),
            Self::Message(error) => matches!(error, DecodeError::Unknown(_)),
        }
    }
}

impl Task {
    /// Reads a delivery. CPU work.
    pub(crate) fn of(delivery: &Delivery) -> Result<Self, Unreadable> {
        let payload = delivery.payload()?;
        Ok(match Message::from_bytes(&payload)? {
            Message::V1(message) => Self::Import(Import::from(message)),
            Message::PartV1(part) => Self::Part(Part::of(part, delivery.packed()?.to_vec())),
            Message::SealV1(seal) => Self::Seal(seal.header),
            Message::CutV1(cut) => Self::Cut(cut),
            Message::RepeatedV1(repeated) => Self::Repeated(repeated),
        })
    }

    /// Of the job that it belongs to.
    pub(crate) fn header(&self) -> &Header {
        match self {
            Self::Import(Import { header, .. })
            | Self::Part(Part { header, .. })
            | Self::Seal(header)
            | Self::Cut(CutV1 { header, .. })
            | Self::Repeated(RepeatedV1 { header, .. }) => header,
        }
    }
}

/// The job that a message is of, by what is said beside its payload.
pub(crate) fn job_of(delivery: &Delivery) -> Option<Header> {
    delivery.header(JOB_HEADER).and_then(Header::from_brief)
}

/// Whether it is a piece of a stream, which is quickly entered: told beside the message, which is not unpacked for that.
pub(crate) fn is_piece(delivery: &Delivery) -> bool {
    delivery.header(KIND_HEADER).and_then(MessageKind::parse).is_some_and(MessageKind::is_piece)
}
