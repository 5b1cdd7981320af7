//! The queues and the exchanges: one table, declared by every connection before it is used.
//!
//! Declaring is idempotent as long as the arguments are the same; with others the broker answers
//! 406 (<https://www.rabbitmq.com/docs/queues#property-equivalence>). So only arguments stand here
//! that RabbitMQ 3.10 and 4.x both take; what is newer belongs into a policy.

use std::collections::BTreeMap;

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{
    Config, Error,
    connection::{Link, within},
    lane::{Class, Lane},
};

/// What was given up must be kept, whatever happens to it: the default delivery limit of
/// RabbitMQ 4 (20) would drop a message that was looked at 20 times. No limit at all
/// cannot be said in a way that 3.10 takes, so this is one that is never reached.
const NEVER: i32 = 1_000_000_000;

/// The names under one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Of every lane there is.
    lanes: BTreeMap<Lane, ShortString>,
    pub(crate) undelivered: ShortString,
    pub(crate) dead: ShortString,
    pub(crate) events: ShortString,
    pub(crate) ended: ShortString,
}

impl Names {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let name = |suffix: &str| {
            let name = format!("{}.{suffix}", config.queue_prefix);
            let size = name.len();
            ShortString::try_new(name).map_err(|_too_long| Error::TooLarge {
                what: "name of the queue",
                size,
                limit: 255,
            })
        };
        Ok(Self {
            lanes: Lane::all().map(|lane| Ok((lane, name(&lane.name())?))).collect::<Result<_, Error>>()?,
            undelivered: name("undelivered")?,
            dead: name("dead")?,
            events: name("events")?,
            ended: name("ended")?,
        })
    }

    /// All queues.
    #[cfg(feature = "testing")]
    pub(crate) fn queues(&self) -> impl Iterator<Item = &ShortString> {
        self.lanes.values().chain([&self.undelivered, &self.dead])
    }

    #[expect(clippy::indexing_slicing, reason = "every lane has its name")]
    pub(crate) fn of(&self, queue: Queue) -> &ShortString {
        match queue {
            Queue::Lane(lane) => &self.lanes[&lane],
            Queue::Undelivered => &self.undelivered,
            Queue::Dead => &self.dead,
        }
    }

    /// The queue or exchange that a message goes to.
    pub(crate) fn target(&self, route: &Route) -> &ShortString {
        match route {
            Route::Queue(queue) => self.of(*queue),
            Route::Events(_) => &self.events,
            Route::Ended => &self.ended,
        }
    }
}

/// One of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// What is to be done.
    Lane(Lane),
    /// What came back from a lane more often than is allowed, and nobody was told of yet.
    Undelivered,
    /// What could not be done.
    Dead,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// To one queue, which must be there.
    Queue(Queue),
    /// To the exchange of events, by a routing key: to whoever asked for it, which may be nobody.
    Events(ShortString),
    /// To the exchange of notices: to whoever listens right now, which may be nobody.
    Ended,
}

/// Messages waiting in the queues, not counting those delivered and not yet settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depths {
    /// Messages ready in the lanes of small jobs.
    pub small: u32,
    /// Messages ready in the lanes of bulk.
    pub bulk: u32,
    /// Messages ready in the queue of those that came back too often.
    pub undelivered: u32,
    /// Messages ready in the dead queue.
    pub dead: u32,
}

impl Depths {
    /// Messages ready in all lanes.
    pub fn work(&self) -> u32 {
        self.small + self.bulk
    }
}

/// Asks the broker how many messages wait, on a connection of its own.
pub async fn depths(config: &Config) -> Result<Depths, Error> {
    let link = Link::open(config, "intake depths").await?;
    let depths = async {
        let names = link.names();
        let channel = link.channel().await?;
        let ready = async |name: &ShortString| {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::durable() };
            let declare = channel.queue_declare(name.clone(), passive, FieldTable::default());
            match within(config.broker_call_timeout, "queue.declare", declare).await? {
                Ok(queue) => Ok(queue.message_count()),
                Err(source) => Err(Error::Declare { name: name.to_string(), source: source.into() }),
            }
        };
        let (mut small, mut bulk) = (0, 0);
        for (lane, name) in &names.lanes {
            match lane.class() {
                Class::Small => small += ready(name).await?,
                Class::Bulk => bulk += ready(name).await?,
            }
        }
        Ok(Depths {
            small,
            bulk,
            undelivered: ready(&names.undelivered).await?,
            dead: ready(&names.dead).await?,
        })
    }
    .await;
    link.close().await;
    depths
}

/// Declares the queues, the lanes last, since they point to that of the undelivered; then the exchanges.
pub(crate) async fn declare(channel: &Channel, names: &Names, config: &Config) -> Result<(), Error> {
    let lanes = names.lanes.values().map(|name| (name, lane(names, config)));
    let queues = [(&names.dead, kept(config)), (&names.undelivered, kept(config))];
    for (name, arguments) in queues.into_iter().chain(lanes) {
        let declare = channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments);
        within(config.broker_call_timeout, "queue.declare", declare)
            .await?
            .map_err(|source| Error::Declare { name: name.to_string(), source: source.into() })?;
    }
    // Topic: who reads the events binds a queue of its own, by patterns such as `db.1.*`. Whoever operates the broker
    // decides on those queues, so none is declared here: https://www.rabbitmq.com/tutorials/tutorial-five-python
    // Fanout: every listener of notices hears all; its queue goes with its connection, see `notices`.
    for (name, kind) in [(&names.events, ExchangeKind::Topic), (&names.ended, ExchangeKind::Fanout)] {
        // Durable is about the exchange, not about what goes through it: notices are kept in memory only. It outlives a
        // restart of the broker, and where it does not, whoever connects next declares it again.
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declare = channel.exchange_declare(name.clone(), kind, options, FieldTable::default());
        within(config.broker_call_timeout, "exchange.declare", declare)
            .await?
            .map_err(|source| Error::Declare { name: name.to_string(), source: source.into() })?;
    }
    Ok(())
}

/// What all queues have.
fn bounded(config: &Config) -> FieldTable {
    let mut arguments = FieldTable::default();
    // Replicated, and on disk before the broker confirms; a classic queue confirms before its fsync:
    // https://www.rabbitmq.com/docs/quorum-queues and /blog/2025/01/17/how-are-the-messages-stored
    arguments.insert("x-queue-type".into(), text("quorum"));
    // The disk is finite. Counts payload bytes only: https://www.rabbitmq.com/docs/maxlength
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(config.queue_max_bytes));
    // A full queue nacks the publisher, it does not drop its oldest message, which is the default.
    // At-least-once dead lettering requires it: https://www.rabbitmq.com/docs/maxlength#overflow-behaviour
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn kept(config: &Config) -> FieldTable {
    let mut arguments = bounded(config);
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(NEVER));
    arguments
}

fn lane(names: &Names, config: &Config) -> FieldTable {
    let mut arguments = bounded(config);
    // Against messages that kill their worker. 3.10 has no limit of its own, 4.0 has 20. Up to 4.2
    // every return counts, also that of an innocent neighbour in the same prefetch:
    // https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(config.queue_delivery_limit));
    // The default exchange routes by queue name, so there is no binding that could be missing:
    // https://www.rabbitmq.com/docs/dlx#using-optional-queue-arguments
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(names.undelivered.as_str()));
    // The default may lose a message on its way. Where the feature flag
    // stream_queue is off (3.10 upgraded from older), the broker falls back to that default:
    // https://www.rabbitmq.com/docs/quorum-queues#dead-lettering
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
