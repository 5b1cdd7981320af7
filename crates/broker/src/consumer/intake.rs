//! Fills the inbox from one connection after the other.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{
    Channel,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    Delivery, Error,
    connection::{Link, supervisor::Session},
    consumer::{delivery::Desk, inbox::Inbox},
    publisher::Publisher,
    topology::Queue,
};

#[derive(Debug)]
pub(super) struct Intake {
    pub(super) queue: Queue,
    pub(super) inbox: Arc<Inbox>,
    pub(super) paused: watch::Receiver<bool>,
    pub(super) other: Publisher,
    pub(super) prefetch: u16,
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

/// Why no more deliveries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    Paused,
    Shutdown,
    Failed,
}

/// One channel, and those of its deliveries that are not settled yet.
struct Desktop {
    channel: Channel,
    desk: Arc<Desk>,
    unsettled: TaskTracker,
}

impl Session for Intake {
    async fn run(&mut self, link: Arc<Link>) {
        if let Err(error) = self.consume(&link).await {
            link.fail(&error);
        }
        // Left only after a failure: the broker has them back.
        while self.inbox.pop().is_some() {}
    }
}

impl Intake {
    async fn consume(&mut self, link: &Arc<Link>) -> Result<(), Error> {
        let channel = link.channel().await?;
        // Per consumer: a quorum queue knows no other kind. It is the only bound on what the client
        // library buffers: https://www.rabbitmq.com/docs/consumer-prefetch
        link.ask("basic.qos", channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;
        let desk = Desk { link: link.clone(), other: self.other.clone(), payload_max: self.payload_max };
        let desktop = Desktop { channel, desk: Arc::new(desk), unsettled: TaskTracker::new() };
        loop {
            let halt = match self.until_wanted(link).await {
                None => self.fill(link, &desktop).await?,
                Some(halt) => halt,
            };
            match halt {
                Halt::Failed => return Ok(()),
                Halt::Paused => self.hold(link).await,
                Halt::Shutdown => break,
            }
        }
        self.give_back().await;
        desktop.unsettled.close();
        tokio::select! {
            () = link.failed() => {}
            waited = timeout(self.drain_timeout, desktop.unsettled.wait()) => if waited.is_err() {
                let deliveries = desktop.unsettled.len();
                warn!(deliveries, "stopped with unfinished deliveries, the broker will deliver them again");
            }
        }
        Ok(())
    }

    /// Waits until deliveries are wanted: no pause, and nothing left from before it, as the prefetch
    /// count starts anew with each consumer.
    async fn until_wanted(&mut self, link: &Link) -> Option<Halt> {
        let mut paused = self.paused.clone();
        let wanted = async {
            while paused.wait_for(|paused| !*paused).await.is_ok() {
                let emptied = async { self.inbox.emptied().await };
                tokio::select! {
                    () = emptied => return None,
                    changed = paused.changed() => if changed.is_err() { break },
                }
            }
            Some(Halt::Shutdown)
        };
        tokio::select! {
            halt = wanted => halt,
            () = link.failed() => Some(Halt::Failed),
            () = self.shutdown.cancelled() => Some(Halt::Shutdown),
        }
    }

    /// Consumes until something speaks against it, then stops the flow on the broker.
    async fn fill(&mut self, link: &Link, desktop: &Desktop) -> Result<Halt, Error> {
        let (queue, channel) = (link.names().of(self.queue).clone(), &desktop.channel);
        let mut arguments = FieldTable::default();
        let timeout = i64::try_from(TIMEOUT.1.as_millis()).unwrap_or(i64::MAX);
        arguments.insert(TIMEOUT.0.into(), AMQPValue::LongLongInt(timeout));
        let consume = channel.basic_consume(queue, "".into(), BasicConsumeOptions::default(), arguments);
        let mut consumer = link.ask("basic.consume", consume).await?;
        let accept = |delivery| {
            self.inbox.push(Delivery::new(delivery, desktop.desk.clone(), desktop.unsettled.token()));
        };
        let mut paused = self.paused.clone();
        let halt = loop {
            tokio::select! {
                delivery = consumer.next() => match delivery {
                    Some(delivery) => accept(delivery.map_err(|error| Error::Connect(error.into()))?),
                    None => return Err(Error::Unavailable("it has ended the consumer")),
                },
                () = link.failed() => return Ok(Halt::Failed),
                () = self.shutdown.cancelled() => break Halt::Shutdown,
                _closed = paused.wait_for(|paused| *paused) => break Halt::Paused,
            }
        };
        let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        link.ask("basic.cancel", cancel).await?;
        // What was under way still arrives, and then the end of the stream.
        let rest = async {
            while let Some(Ok(delivery)) = consumer.next().await {
                accept(delivery);
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
        while let Some(delivery) = self.inbox.pop() {
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
