//! The records of a stream to messages: parts, a seal at the end, or a word that there will be none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use intake_broker::{Class, Lane, Outgoing, Publisher};
use intake_types::{
    CutV1, Header, Item, JobId, Message, PART_BYTES, PartV1, RepeatedV1, RequestKey, SealV1, Stamp,
};
use serde_json::value::RawValue;
use tokio::time::sleep;
use tracing::{Instrument as _, Span};

use super::Capacity;
use crate::accept;
use crate::clock;
use crate::error::ApiError;
use crate::memory::Reservation;

/// A longer record is accounted for by itself.
const COMMON_BYTES: usize = 1 << 20;
/// How often, and between two times how long after, a stream is told to be cut. After that its parts lie until they are
/// swept away.
const CUT_TRIES: u32 = 60;
const CUT_PAUSE: Duration = Duration::from_secs(5);
/// How long after the last chunk of a body its seal, or a word that it is cut, may still be on its way: what is unpacked and
/// published of what has come, and all tries to have it cut.
const SEALING: Duration = Duration::from_mins(15);

/// The records that are not published yet, and what was.
pub(super) struct Parts<'a> {
    pub(super) capacity: &'a Capacity,
    pub(super) publisher: &'a Publisher,
    pub(super) header: Header,
    pub(super) reservation: Reservation,
    /// Where all of its messages wait for a worker, the seal behind the parts.
    lane: Lane,
    /// The stream's key has a job already: its records are only counted.
    pub(super) is_known: bool,
    /// Until when it goes on at the longest, as the parts say.
    open_until: u64,
    /// Records that were published, or tried to.
    published: u32,
    /// Bytes of text of all records.
    text: u64,
    records: Vec<Box<RawValue>>,
    unreadable: BTreeMap<u32, String>,
    bytes: usize,
    /// All parts are published: what comes next decides.
    sealing: Option<Sealing>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        capacity: &'a Capacity,
        publisher: &'a Publisher,
        header: Header,
        reservation: Reservation,
    ) -> Self {
        Self {
            capacity,
            publisher,
            lane: Lane::of(Class::Bulk, &header.account),
            header,
            reservation,
            is_known: false,
            open_until: clock::seconds_in(capacity.whole + SEALING),
            published: 0,
            text: 0,
            records: Vec::new(),
            unreadable: BTreeMap::new(),
            bytes: 0,
            sealing: None,
        }
    }

    fn total(&self) -> u32 {
        self.published.saturating_add(u32::try_from(self.records.len()).unwrap_or(u32::MAX))
    }

    /// Takes one more record; publishes those before it where they are enough for a part.
    pub(super) fn take(&mut self, Item { record, problem }: Item) -> Result<(), ApiError> {
        let (index, size) = (self.total(), record.get().len());
        self.check(index, size)?;
        if !self.records.is_empty()
            && (self.bytes + size > PART_BYTES || self.records.len() >= self.capacity.part_records)
        {
            self.publish(false)?;
        }
        if size > COMMON_BYTES {
            // A longer one than is allowed was accepted when more was.
            self.reservation.cover(super::bytes(size.min(self.capacity.record_bytes)))?;
        }
        self.bytes += size;
        self.records.push(record);
        self.unreadable.extend(problem.map(|problem| (index, problem)));
        Ok(())
    }

    /// Accounts for records that are in hand and are taken next: up to a part of them is there several times, the rest once.
    pub(super) fn expect(&mut self, text: usize) -> Result<(), ApiError> {
        let text = text.min(self.capacity.record_bytes);
        let several = self.bytes.saturating_add(text).saturating_mul(super::COPIES);
        self.reservation.cover(several.min(super::BYTES.saturating_add(text)))
    }

    /// Refuses what a stream may not have more of. What is sent again was accepted once.
    fn check(&mut self, index: u32, size: usize) -> Result<(), ApiError> {
        if self.header.retry_of.is_some() {
            return Ok(());
        }
        if index >= self.capacity.records {
            return Err(ApiError::StreamTooLarge { what: "records", limit: self.capacity.records.into() });
        }
        self.text += u64::try_from(size).unwrap_or(u64::MAX);
        super::work::check_size(self.text, self.capacity.bytes)
    }

    fn publish(&mut self, is_last: bool) -> Result<(), ApiError> {
        if self.is_known {
            self.published = self.total();
            self.records.clear();
            self.unreadable.clear();
        } else {
            self.publish_part(is_last)?;
        }
        self.bytes = 0;
        self.reservation.shrink(super::BYTES);
        Ok(())
    }

    fn publish_part(&mut self, is_last: bool) -> Result<(), ApiError> {
        let (first_index, total) = (self.published, self.total());
        if self.header.retry_of.is_some() {
            // It has no time as a whole, only each of its steps has.
            self.open_until = clock::seconds_in(self.capacity.whole + SEALING);
        }
        let part = Message::PartV1(PartV1 {
            header: Header { total, ..self.header.clone() },
            first_index,
            open_until: self.open_until,
            records: std::mem::take(&mut self.records).into_iter().map(Cow::Owned).collect(),
            unreadable: std::mem::take(&mut self.unreadable),
        });
        if first_index == 0 && is_last {
            self.lane = accept::lane(&part);
        }
        let message = accept::pack(&part)?;
        drop(part);
        self.published = total;
        self.send(message)
    }

    fn send(&self, message: Outgoing) -> Result<(), ApiError> {
        Ok(self.capacity.runtime.block_on(self.publisher.publish(self.lane, message))?)
    }

    pub(super) fn job_id(&self) -> JobId {
        self.header.job_id
    }

    pub(super) fn retry_of(&self) -> Option<JobId> {
        self.header.retry_of
    }

    /// Where the request stands in the order of acceptance, where that is known before it is accepted.
    pub(super) fn order(&self) -> Option<Stamp> {
        self.header.order
    }

    /// Publishes what is left. A stream that was one part only is a small job where that is little.
    pub(super) fn flush(&mut self) -> Result<(), ApiError> {
        if self.records.is_empty() { Ok(()) } else { self.publish(true) }
    }

    /// Publishes the seal of a job whose parts these are, or equal ones, with its place in the order of acceptance: from its
    /// confirmation on it is a job, of so many records.
    pub(super) fn seal(
        &mut self,
        job_id: JobId,
        key: Option<RequestKey>,
        order: Stamp,
    ) -> Result<u32, ApiError> {
        self.sealing = Some(Sealing { job_id, has_key: key.is_some() });
        let header = Header {
            job_id,
            total: self.published,
            request_key: key,
            order: Some(order),
            ..self.header.clone()
        };
        self.send(accept::pack(&Message::SealV1(SealV1 { header }))?)?;
        Ok(self.published)
    }

    /// The seal was refused, and its key is free: nobody will seal these parts any more.
    pub(super) fn cannot_be_sealed(&mut self) {
        if let Some(sealing) = &mut self.sealing {
            sealing.has_key = false;
        }
    }

    /// Has the parts thrown away, because of an error. Not waited for.
    pub(super) fn cut(self, error: &ApiError) {
        let is_open = match (&self.sealing, error) {
            // It was about those that were sent before.
            (Some(sealing), _) if sealing.job_id != self.job_id() => {
                let before = sealing.job_id;
                return self.discard(before);
            }
            // A seal that may be stored decides; and the key of one that is not may be sent again with it.
            (Some(sealing), ApiError::Broker(_)) => sealing.has_key || error.is_unknown(),
            _ => false,
        };
        if !is_open {
            let what = if self.header.retry_of.is_some() { "retry" } else { "stream" };
            let text = format!("the {what} was cut: {error}; nothing of it is applied");
            let error = error.status().as_u16();
            self.throw_away(|header| Message::CutV1(CutV1 { header, error, text }));
        }
    }

    /// Has the parts thrown away, because the same were sent before. Not waited for.
    pub(super) fn discard(self, before: JobId) {
        self.throw_away(|header| Message::RepeatedV1(RepeatedV1 { header, same_as: before }));
    }

    fn throw_away(self, message: impl FnOnce(Header) -> Message<'static>) {
        if self.published == 0 || self.is_known {
            return;
        }
        let header = Header { total: self.published, ..self.header };
        let Ok(message) = accept::pack(&message(header)) else { return };
        let (publisher, lane) = (self.publisher.clone(), self.lane);
        let tell = async move {
            for _ in 0..CUT_TRIES {
                match publisher.publish(lane, message.clone()).await {
                    Ok(()) => return,
                    Err(error) => tracing::debug!(%error, "a stream cannot be thrown away yet"),
                }
                sleep(CUT_PAUSE).await;
            }
            tracing::warn!("a stream could not be thrown away: its parts lie until they are swept away");
        };
        self.capacity.runtime.spawn(tell.instrument(Span::current()));
    }
}

/// The seal was sent, or tried to.
struct Sealing {
    /// Whose parts are to be a job.
    job_id: JobId,
    /// Whether who sends the same again may seal them.
    has_key: bool,
}
