//! One message of the dead queue: what it is called, and what it says.

use intake_broker::{Delivery, unpack};
use intake_types::{
    FIRST_INDEX_HEADER, Fingerprint, Header, JOB_HEADER, JobId, KIND_HEADER, Message, MessageKind, PartV1,
};

/// A part of a stream as it is kept, that this version cannot read.
pub(super) const UNREADABLE: intake_store::Error = intake_store::Error::Unreadable("a part of a stream");
/// Digits of the digest by which a message is named that nothing else names.
const DIGITS: usize = 12;

/// A message and its name.
pub(super) struct DeadMessage {
    /// The same for the same message wherever it stands in the queue, and however often it is there.
    pub(super) name: String,
    pub(super) delivery: Delivery,
}

impl DeadMessage {
    pub(super) fn of(delivery: Delivery) -> Self {
        Self { name: name(&delivery), delivery }
    }

    /// The payload; else why there is none. CPU work.
    pub(super) fn payload(&self) -> Result<Vec<u8>, String> {
        self.delivery.payload().map_err(|error| error.to_string())
    }

    /// The job, as it is said beside the payload.
    pub(super) fn brief(&self) -> Option<Header> {
        self.delivery.header(JOB_HEADER).and_then(Header::from_brief)
    }
}

/// Reads a payload; else why it cannot be read.
pub(super) fn read(payload: &Result<Vec<u8>, String>) -> Result<Message<'_>, String> {
    let payload = payload.as_ref().map_err(Clone::clone)?;
    Message::from_bytes(payload).map_err(|error| error.to_string())
}

/// Reads a part of a stream as it is kept, for something to be made of it. CPU work.
pub(super) fn with_part<T>(
    packed: &[u8],
    payload_max: usize,
    work: impl FnOnce(PartV1<'_>) -> T,
) -> Result<T, intake_store::Error> {
    let payload = unpack(packed, payload_max).map_err(|_broken| UNREADABLE)?;
    match Message::from_bytes(&payload) {
        Ok(Message::PartV1(part)) => Ok(work(part)),
        Ok(_) | Err(_) => Err(UNREADABLE),
    }
}

/// A job's message is named by the job, for a job has one; a piece of a stream by its job and what it is; any other by a
/// digest. Nothing is unpacked for it.
fn name(delivery: &Delivery) -> String {
    let digest = || {
        let digest = Fingerprint::of(&[delivery.body()]).to_string();
        digest.chars().take(DIGITS).collect::<String>()
    };
    let Ok(job) = delivery.message_id.parse().map(JobId) else { return format!("message/{}", digest()) };
    let Some(word) = delivery.header(KIND_HEADER) else { return job.to_string() };
    match (MessageKind::parse(word), delivery.header(FIRST_INDEX_HEADER)) {
        (Some(MessageKind::Import | MessageKind::Seal), _) => job.to_string(),
        (Some(MessageKind::Part), Some(first)) if first.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{job}/part-{first}")
        }
        (Some(kind @ (MessageKind::Cut | MessageKind::Repeated)), _) => format!("{job}/{}", kind.word()),
        (Some(MessageKind::Part) | None, _) => format!("{job}/{}", digest()),
    }
}
