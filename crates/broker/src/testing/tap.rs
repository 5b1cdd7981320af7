//! A queue on the exchange of events, as one of those who read them would bind it.

use lapin::{
    Channel,
    options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{Config, Error, connection::Link, message::short, topology::Names};

/// One queue under each prefix; [`delete_queues`](super::delete_queues) deletes it.
#[derive(Debug)]
pub struct Tap {
    link: Link,
    channel: Channel,
    name: ShortString,
}

/// A message read from a [`Tap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tapped {
    /// What it was published under.
    pub routing_key: String,
    /// What the payload is.
    pub content_type: String,
    /// Whether it survives a restart of the broker.
    pub persistent: bool,
    /// The name given by the publisher.
    pub message_id: String,
    /// The payload.
    pub body: Vec<u8>,
}

pub(super) fn name(names: &Names) -> Result<ShortString, Error> {
    short("name of the queue", &format!("{}.tap", names.events))
}

impl Tap {
    /// Declares the queue and binds it by a pattern. It refuses messages beyond `most`, if that is given.
    pub async fn bind(config: &Config, pattern: &str, most: Option<u32>) -> Result<Self, Error> {
        let link = Link::open(config, "intake tests tap").await?;
        let (channel, name, exchange) =
            (link.channel().await?, name(link.names())?, link.names().events.clone());
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        if let Some(most) = most {
            arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(most.into()));
            arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        }
        let declare = channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments);
        link.ask("queue.declare", declare).await?;
        let pattern = short("pattern", pattern)?;
        let none = FieldTable::default();
        let bind = channel.queue_bind(name.clone(), exchange, pattern, QueueBindOptions::default(), none);
        link.ask("queue.bind", bind).await?;
        Ok(Self { link, channel, name })
    }

    /// Takes the oldest message; `None` when there is none right now.
    pub async fn take(&self) -> Result<Option<Tapped>, Error> {
        let get = self.channel.basic_get(self.name.clone(), BasicGetOptions { no_ack: true });
        let Some(message) = self.link.ask("basic.get", get).await? else { return Ok(None) };
        let delivery = message.delivery;
        let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
        Ok(Some(Tapped {
            routing_key: delivery.routing_key.to_string(),
            content_type: text(delivery.properties.content_type()),
            persistent: *delivery.properties.delivery_mode() == Some(2),
            message_id: text(delivery.properties.message_id()),
            body: delivery.data,
        }))
    }
}
