//! Fills the inbox from one connection after the other.

use std::{sync::Arc, time::Duration};

use futures_util::{
    StreamExt,
    future::try_join_all,
    stream::{self, BoxStream, SelectAll},
};
use lapin::{
    Channel, message,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    Delivery, Error,
    connection::{Link, supervisor::Session},
    consumer::{delivery::Origin, inbox::Inbox},
    publisher::Publisher,
    topology::Queue,
};

#[derive(Debug)]
pub(super) struct Intake {
    /// And how many messages the broker delivers of each ahead of those that are settled.
    pub(super) queues: Vec<(Queue, u16)>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) other: Publisher,
    pub(super) pause_hold: Duration,
    pub(super) drain_timeout: Duration,
    pub(super) payload_max: usize,
    pub(super) shutdown: CancellationToken,
}

/// How long a delivery may stay unsettled before the broker takes it back, and with it all that is unsettled: by itself it
/// does after 30 minutes, and a job of a million records may take longer, also one that waits here for one in hand.
///
/// Known by RabbitMQ from 3.11.15 and 3.12 on, where it wins over all other settings; earlier versions pass over it, and
/// need `consumer_timeout` in `rabbitmq.conf`: <https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout>
const TIMEOUT: (&str, Duration) = ("x-consumer-timeout", Duration::from_hours(12));

/// What one consumer of the broker's sends, each with the queue that it is from: in the end nothing.
type Sent = (Queue, Option<lapin::Result<message::Delivery>>);

/// The consumers on a channel, one for each queue.
struct Flow {
    tags: Vec<ShortString>,
    sent: SelectAll<BoxStream<'static, Sent>>,
}

/// Why no more deliveries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    Paused,
    Shutdown,
    Failed,
}

/// One channel, and those of its deliveries that are not settled yet.
struct OpenChannel {
    channel: Channel,
    origin: Arc<Origin>,
    unsettled: TaskTracker,
}

impl Session for Intake {
    async fn run(&mut self, link: Arc<Link>) {
        if let Err(error) = self.consume(&link).await {
            link.fail(&error);
        }
        // Left only after a failure: the broker has them back.
        while self.inbox.pop(&|_any| true).is_some() {}
    }
}

impl Intake {
    async fn consume(&mut self, link: &Arc<Link>) -> Result<(), Error> {
        let channel = link.channel().await?;
        let origin = Origin { link: link.clone(), other: self.other.clone(), payload_max: self.payload_max };
        let open = OpenChannel { channel, origin: Arc::new(origin), unsettled: TaskTracker::new() };
        loop {
            let halt = match self.until_wanted(link).await {
                None => self.fill(link, &open).await?,
                Some(halt) => halt,
            };
            match halt {
                Halt::Failed => return Ok(()),
                Halt::Paused => self.hold(link).await,
                Halt::Shutdown => break,
            }
        }
        self.give_back().await;
        open.unsettled.close();
        tokio::select! {
            () = link.failed() => {}
            waited = timeout(self.drain_timeout, open.unsettled.wait()) => if waited.is_err() {
                let deliveries = open.unsettled.len();
                warn!(deliveries, "stopped with unfinished deliveries, the broker will deliver them again");
            }
        }
        Ok(())
    }

    /// Waits until there is no pause.
    async fn until_wanted(&mut self, link: &Link) -> Option<Halt> {
        let mut paused = self.paused.clone();
        tokio::select! {
            // Whoever could resume may be gone, and with it whoever takes deliveries.
            _closed = paused.wait_for(|paused| !*paused) => self.paused.has_changed().err().map(|_closed| Halt::Shutdown),
            () = link.failed() => Some(Halt::Failed),
            () = self.shutdown.cancelled() => Some(Halt::Shutdown),
        }
    }

    /// Has the broker send from one more queue.
    async fn open(
        flow: &mut Flow,
        queue: Queue,
        prefetch: u16,
        link: &Link,
        channel: &Channel,
    ) -> Result<(), Error> {
        // For the consumers that are begun after it: a quorum queue knows no other kind. It is the only bound on what
        // the client library buffers: https://www.rabbitmq.com/docs/consumer-prefetch
        link.ask("basic.qos", channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        let (name, options) = (link.names().of(queue).clone(), BasicConsumeOptions::default());
        let mut arguments = FieldTable::default();
        let timeout = i64::try_from(TIMEOUT.1.as_millis()).unwrap_or(i64::MAX);
        arguments.insert(TIMEOUT.0.into(), AMQPValue::LongLongInt(timeout));
        let consume = channel.basic_consume(name, "".into(), options, arguments);
        let consumer = link.ask("basic.consume", consume).await?;
        flow.tags.push(consumer.tag());
        // That one of them has ended would not be seen in all of them together.
        let sent = consumer.map(Some).chain(stream::iter([None]));
        flow.sent.push(sent.map(move |sent| (queue, sent)).boxed());
        Ok(())
    }

    /// Consumes until something speaks against it, then stops the flow on the broker.
    async fn fill(&mut self, link: &Link, open: &OpenChannel) -> Result<Halt, Error> {
        let (channel, mut closed) = (&open.channel, self.queues.clone());
        let mut flow = Flow { tags: Vec::new(), sent: SelectAll::new() };
        let accept = |queue, delivery| {
            let (origin, token) = (open.origin.clone(), open.unsettled.token());
            self.inbox.push(queue, Delivery::new(delivery, queue, origin, token));
        };
        let mut paused = self.paused.clone();
        let halt = loop {
            // What is left from before a pause comes first, for the prefetch count starts anew with each consumer. Other
            // queues do not wait for that.
            for (queue, prefetch) in closed.extract_if(.., |(queue, _)| self.inbox.is_empty(*queue)) {
                Self::open(&mut flow, queue, prefetch, link, channel).await?;
            }
            tokio::select! {
                () = self.inbox.taken(), if !closed.is_empty() => {}
                sent = flow.sent.next(), if !flow.sent.is_empty() => match sent {
                    Some((queue, Some(delivery))) => {
                        accept(queue, delivery.map_err(|error| Error::Connect(error.into()))?);
                    }
                    Some((_, None)) | None => return Err(Error::Unavailable("it has ended the consumer")),
                },
                () = link.failed() => return Ok(Halt::Failed),
                () = self.shutdown.cancelled() => break Halt::Shutdown,
                _closed = paused.wait_for(|paused| *paused) => break Halt::Paused,
            }
        };
        // All at once: what the broker is just sending to one that it has cancelled comes back to the queue.
        let cancel = |tag| channel.basic_cancel(tag, BasicCancelOptions::default());
        link.ask("basic.cancel", try_join_all(flow.tags.into_iter().map(cancel))).await?;
        // What was under way still arrives, and then the end of each stream.
        let rest = async {
            while let Some((queue, sent)) = flow.sent.next().await {
                match sent {
                    Some(Ok(delivery)) => accept(queue, delivery),
                    Some(Err(_broken)) => break,
                    None => {}
                }
            }
            Ok(halt)
        };
        link.ask("the rest of the deliveries", rest).await
    }

    /// Keeps what was fetched through a short pause, gives it back in a long one.
    ///
    /// Giving back counts towards the delivery limit before RabbitMQ 4.3, so that a database which
    /// comes and goes would drive messages to the dead queue that nobody ever tried.
    async fn hold(&mut self, link: &Link) {
        let mut paused = self.paused.clone();
        let resumed = async { paused.wait_for(|paused| !*paused).await.is_ok() };
        tokio::select! {
            waited = timeout(self.pause_hold, resumed) => if waited.is_err() {
                self.give_back().await;
            },
            () = link.failed() => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    async fn give_back(&self) {
        let mut deliveries = 0_u32;
        while let Some(delivery) = self.inbox.pop(&|_any| true) {
            // If it fails the connection is gone, and the broker has them back in any case.
            let _comes_again = delivery.release().await;
            deliveries += 1;
        }
        if deliveries > 0 {
            info!(deliveries, "deliveries that were not begun went back to the queue");
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.inbox.close();
    }
}
