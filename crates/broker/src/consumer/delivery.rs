//! A message in the hands of this process, until it is settled.

use std::{collections::BTreeMap, fmt, mem::take, sync::Arc};

use lapin::{
    Acker, BasicProperties, message,
    options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::runtime::Handle;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{debug, warn};

use crate::{
    Class, Error, Lane, Outgoing, Publisher,
    connection::Link,
    message::{LANE, SPARED, decode, only_packed, text_headers},
    topology::{Queue, Route},
};

/// How often the broker has delivered a message before: set by it on each redelivery from a quorum
/// queue, <https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling>.
const COUNT: &str = "x-delivery-count";
/// How often it was handed out, from RabbitMQ 4.3 on.
const ACQUIRED: &str = "x-acquired-count";
/// Where a message was dead-lettered from, why and how often: <https://www.rabbitmq.com/docs/dlx#effects>
const DEATHS: [&str; 3] = ["x-death", "x-first-death-", "x-last-death-"];
const REASON: &str = "x-intake-reason";
/// Headers must fit one frame; a reason is a sentence, not a report.
const REASON_MAX: usize = 1000;

/// A message taken from the queue. It must be settled, by one of the methods that consume it; one that
/// is dropped goes back to the queue as if its work had failed.
pub struct Delivery {
    /// The name given by the publisher.
    pub message_id: String,
    /// The lane that it waited in, and would go back to.
    pub lane: Lane,
    /// How often it was spared, see [`Delivery::spare`].
    pub spared: u32,
    /// The text headers given by the publisher.
    pub headers: Vec<(String, String)>,
    /// Whether the broker may have delivered the message before.
    pub redelivered: bool,
    /// How often it came back, as far as the broker counts.
    pub delivery_count: u64,
    /// For whoever puts it back: whether it is to be worked on by itself. Not when it comes.
    pub is_apart: bool,
    body: Vec<u8>,
    properties: BasicProperties,
    acker: Option<Acker>,
    origin: Arc<Origin>,
    _unsettled: TaskTrackerToken,
}

/// What a delivery needs in order to be settled.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) link: Arc<Link>,
    /// Takes a message to another queue.
    pub(super) other: Publisher,
    pub(super) payload_max: usize,
}

#[derive(Debug, Clone, Copy)]
enum Verdict {
    Done,
    NotStarted,
    Failed,
}

impl Delivery {
    pub(super) fn new(
        message: message::Delivery,
        queue: Queue,
        origin: Arc<Origin>,
        unsettled: TaskTrackerToken,
    ) -> Self {
        let message::Delivery { redelivered, properties, data, acker, .. } = message;
        let headers = properties.headers().as_ref();
        let text = text_headers(headers);
        Self {
            message_id: properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            lane: lane(queue, &text),
            spared: said(&text, SPARED).and_then(|count| count.parse().ok()).unwrap_or_default(),
            headers: text.into_iter().filter(|(name, _)| !is_ours(name) && !is_brokers(name)).collect(),
            redelivered,
            delivery_count: headers.map_or(0, delivery_count),
            is_apart: false,
            body: data,
            properties,
            acker: Some(acker),
            origin,
            _unsettled: unsettled,
        }
    }

    /// Unpacks the payload. CPU work: call it where blocking is allowed.
    ///
    /// Fails, for this message and for ever, when the payload is broken, of unknown encoding or larger
    /// than `payload_max_bytes`; never takes more memory than that.
    pub fn payload(&self) -> Result<Vec<u8>, Error> {
        decode(&self.body, self.encoding(), self.origin.payload_max)
    }

    /// The payload as it came, to be stored and unpacked later, by [`unpack`](crate::unpack). Only what is packed as
    /// [`Outgoing::compress`] does; [`Error::Encoding`] for anything else. Whether it can be unpacked is not looked at.
    pub fn packed(&self) -> Result<&[u8], Error> {
        only_packed(&self.body, self.encoding())
    }

    fn encoding(&self) -> Option<&str> {
        self.properties.content_encoding().as_ref().map(ShortString::as_str)
    }

    /// The text of a header given by the publisher.
    pub fn header(&self, name: &str) -> Option<&str> {
        said(&self.headers, name)
    }

    /// Why it was buried, if it was.
    pub fn reason(&self) -> Option<&str> {
        self.header(REASON)
    }

    /// The payload as it came, whatever it is.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Bytes of the packed payload.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// Whether it can still be settled. If not, the connection was lost: the message will be delivered
    /// again, here or elsewhere, and work on it can stop.
    pub fn is_current(&self) -> bool {
        !self.origin.link.is_failed() && self.acker.as_ref().is_some_and(Acker::usable)
    }

    /// The work is done and stored: the broker forgets the message.
    ///
    /// [`Error::Redelivered`] is no failure of the work: the message comes again and must then be found
    /// done. Even `Ok` says only that the broker was told.
    pub async fn ack(mut self) -> Result<(), Error> {
        self.settle(Verdict::Done).await
    }

    /// Gives the message back for reasons that are not its own, such as a shutdown.
    ///
    /// RabbitMQ 4.3 does not count it towards the delivery limit; earlier versions do, so this is not
    /// for waiting out an outage: see [`Consumer::pause`](crate::Consumer::pause).
    pub async fn release(mut self) -> Result<(), Error> {
        self.settle(Verdict::NotStarted).await
    }

    /// Leaves the message unsettled: in nobody else's hands before the connection is closed, and then in the queue again.
    pub fn set_aside(mut self) {
        self.acker = None;
    }

    /// Gives the message back because the work failed. Counts towards the delivery limit of its lane, after which
    /// the broker takes it to where [`Consumer::start_undelivered`](crate::Consumer::start_undelivered) finds it.
    pub async fn reject_for_retry(mut self) -> Result<(), Error> {
        self.settle(Verdict::Failed).await
    }

    /// Moves the message, from whichever queue, to the dead queue: payload and headers kept, with the reason as the header
    /// `x-intake-reason`. The reason must not hold anything personal.
    ///
    /// A copy is stored there before the message is forgotten here. If that fails, the message goes back
    /// to the queue as after [`Delivery::reject_for_retry`]; if only the last step fails, it will be
    /// delivered and buried once more.
    pub async fn bury(self, reason: &str) -> Result<(), Error> {
        debug!(message.id = self.message_id, reason, "a message goes to the dead queue");
        let reason: String = reason.chars().take(REASON_MAX).collect();
        self.move_to(Queue::Dead, Some((REASON, &reason))).await
    }

    /// Moves the message, from whichever queue, back to its lane, where its deliveries are counted anew. A copy first, as
    /// with [`Delivery::bury`].
    pub async fn put_back(self) -> Result<(), Error> {
        let lane = self.lane;
        debug!(message.id = self.message_id, message.lane = lane.name(), "a message goes back to its lane");
        self.move_to(Queue::Lane(lane), None).await
    }

    /// The same for one that came back too often, most likely through no fault of its own. That is counted, so that it is
    /// not done for ever; [`Delivery::put_back`] begins anew.
    pub async fn spare(self) -> Result<(), Error> {
        let (lane, count) = (self.lane, self.spared.saturating_add(1).to_string());
        debug!(message.id = self.message_id, message.lane = lane.name(), "a message is spared");
        self.move_to(Queue::Lane(lane), Some((SPARED, &count))).await
    }

    async fn move_to(mut self, queue: Queue, mark: Option<(&str, &str)>) -> Result<(), Error> {
        let copied = match self.copy(mark) {
            Ok(copy) => self.origin.other.publish_to(Route::Queue(queue), copy).await,
            Err(error) => Err(error),
        };
        let verdict = if copied.is_ok() { Verdict::Done } else { Verdict::Failed };
        let settled = self.settle(verdict).await;
        // Where the copy failed, the message comes again, whether the broker was told so or not.
        copied.and(settled)
    }

    fn copy(&mut self, mark: Option<(&str, &str)>) -> Result<Outgoing, Error> {
        let headers = self.properties.headers().iter().flat_map(FieldTable::inner);
        let is_kept = |name: &str| name != REASON && name != SPARED && !is_brokers(name);
        let kept = headers.filter(|(name, _)| is_kept(name.as_str()));
        let kept: BTreeMap<_, _> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        let properties = self.properties.clone().with_headers(kept.into());
        let copy = Outgoing::forward(take(&mut self.body), properties).in_lane(self.lane)?;
        match mark {
            Some((name, value)) => copy.header(name, value),
            None => Ok(copy),
        }
    }

    async fn settle(&mut self, verdict: Verdict) -> Result<(), Error> {
        let Some(acker) = self.acker.take() else { return Err(Error::Redelivered(None)) };
        let told = self.origin.link.ask("a settlement", tell(&acker, verdict)).await;
        match told {
            Ok(true) => Ok(()),
            // The channel it came on is gone, so the broker has taken it back already.
            Ok(false) => Err(Error::Redelivered(None)),
            Err(error) => {
                // Even where only the answer is missing: a settlement cannot be repeated.
                self.origin.link.fail(&error);
                Err(Error::Redelivered(Some(error.into())))
            }
        }
    }
}

async fn tell(acker: &Acker, verdict: Verdict) -> lapin::Result<bool> {
    match verdict {
        // Never `multiple`: that would settle earlier deliveries that are still being worked on.
        Verdict::Done => acker.ack(BasicAckOptions { multiple: false }).await,
        // nack and reject differ in what they count from 4.3 on:
        // https://www.rabbitmq.com/blog/2026/04/23/rabbitmq-4.3-release
        Verdict::NotStarted => acker.nack(BasicNackOptions { multiple: false, requeue: true }).await,
        Verdict::Failed => acker.reject(BasicRejectOptions { requeue: true }).await,
    }
}

/// Whether the broker wrote the header. It is about one stay in one queue, so it does not travel on: before RabbitMQ 4 the
/// broker believes deaths that are published, and adds to them with each round.
fn is_brokers(name: &str) -> bool {
    [COUNT, ACQUIRED].contains(&name) || DEATHS.iter().any(|death| name.starts_with(death))
}

/// Where a message waited, else where it says that it did. One that does not say was not published by us: any lane will do.
fn lane(queue: Queue, headers: &[(String, String)]) -> Lane {
    match queue {
        Queue::Lane(lane) => lane,
        Queue::Undelivered | Queue::Dead => {
            said(headers, LANE).and_then(Lane::parse).unwrap_or(Lane::of(Class::Bulk, ""))
        }
    }
}

fn said<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Whether the header is for this module alone.
fn is_ours(name: &str) -> bool {
    [LANE, SPARED].contains(&name)
}

fn delivery_count(headers: &FieldTable) -> u64 {
    let count = match headers.inner().get(COUNT) {
        Some(AMQPValue::LongLongInt(count)) => u64::try_from(*count).ok(),
        Some(AMQPValue::LongInt(count)) => u64::try_from(*count).ok(),
        Some(AMQPValue::LongUInt(count)) => Some(u64::from(*count)),
        Some(AMQPValue::ShortInt(count)) => u64::try_from(*count).ok(),
        Some(AMQPValue::ShortUInt(count)) => Some(u64::from(*count)),
        Some(AMQPValue::ShortShortInt(count)) => u64::try_from(*count).ok(),
        Some(AMQPValue::ShortShortUInt(count)) => Some(u64::from(*count)),
        _ => None,
    };
    count.unwrap_or(0)
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_current() {
            return;
        }
        let Some(acker) = self.acker.take() else { return };
        // As long as it is unsettled it takes one place of the prefetch count.
        warn!(message.id = self.message_id, "a delivery was dropped unsettled, it goes back to the queue");
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { tell(&acker, Verdict::Failed).await });
        }
    }
}

impl fmt::Debug for Delivery {
    /// Without payload and headers: they may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message_id", &self.message_id)
            .field("delivery_count", &self.delivery_count)
            .field("size", &self.body.len())
            .finish_non_exhaustive()
    }
}
