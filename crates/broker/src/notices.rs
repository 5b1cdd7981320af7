//! Notices of jobs that ended: whoever answers clients that wait for a job hears of its end at once, instead of asking
//! the database again and again.
//!
//! A notice is a hint. Each listener has a queue of its own that lives as long as its connection, so what is announced
//! while there is none, or faster than it is read, is not heard: who waits must look at the database from time to time.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{
    Consumer,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    Config, Error, State,
    connection::{
        Link,
        supervisor::{Session, supervise},
    },
    message::NOTICE_MAX,
};

/// Notices that wait for a slow reader, here and again on the broker. With [`NOTICE_MAX`] this is all the memory it costs.
const WAITING: usize = 1024;

/// Hears what [`Publisher::announce`](crate::Publisher::announce) tells, on a connection that it keeps open.
#[derive(Debug)]
pub struct Notices {
    heard: broadcast::Receiver<Vec<u8>>,
    state: watch::Receiver<State>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Notices {
    /// Starts to connect, in the background, on the current runtime, which must be a multi-threaded one.
    ///
    /// `name` is what the broker shows for the connection.
    pub fn start(config: &Config, name: &str, shutdown: CancellationToken) -> Self {
        // A ring: what is new takes the place of what is oldest, whose readers have most likely looked already.
        let (sender, heard) = broadcast::channel(WAITING);
        let (listening, state) = watch::channel(State::Connecting);
        let listener = Listener { heard: sender, listening, shutdown: shutdown.clone() };
        // The supervisor calls a connection ready before anything is heard on it.
        let (connection, _unwatched) = watch::channel(State::Connecting);
        let supervise = supervise(config.clone(), name.to_owned(), connection, shutdown.clone(), listener);
        Self { heard, state, shutdown, task: tokio::spawn(supervise) }
    }

    /// The next notice; waits through lost connections. None after the shutdown. May be dropped and called again
    /// without loss. A reader that is too slow misses the oldest.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let heard = self.shutdown.run_until_cancelled(self.heard.recv()).await?;
            match heard {
                Ok(notice) => return Some(notice),
                Err(broadcast::error::RecvError::Closed) => return None,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    debug!(missed, "notices came faster than they were read");
                }
            }
        }
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Follows the state: [`State::Ready`] while notices are heard. After each change to it some may have been missed.
    /// Never [`State::Blocked`], which stops only what is published.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Done when, after the shutdown, the connection is closed.
    pub async fn closed(self) {
        let _panicked = self.task.await;
    }
}

/// Passes on what is heard on one connection after the other.
#[derive(Debug)]
struct Listener {
    heard: broadcast::Sender<Vec<u8>>,
    listening: watch::Sender<State>,
    shutdown: CancellationToken,
}

impl Session for Listener {
    async fn run(&mut self, link: Arc<Link>) {
        if let Err(error) = self.listen(&link).await {
            link.fail(&error);
        }
        self.listening.send_replace(State::Connecting);
    }
}

impl Listener {
    async fn listen(&self, link: &Link) -> Result<(), Error> {
        let mut consumer = consume(link).await?;
        self.listening.send_replace(State::Ready);
        loop {
            tokio::select! {
                delivery = consumer.next() => match delivery {
                    Some(Ok(delivery)) => self.hear(delivery.data),
                    Some(Err(error)) => return Err(Error::Connect(error.into())),
                    // Also when the queue is deleted by hand.
                    None => return Err(Error::Unavailable("it has ended the consumer")),
                },
                () = link.failed() => return Ok(()),
                () = self.shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// Never waits: the client library would keep what is not taken from it, without bound.
    fn hear(&self, notice: Vec<u8>) {
        if notice.len() > NOTICE_MAX {
            debug!(notice.bytes = notice.len(), "a notice was too large to be ours");
        } else {
            let _nobody_listens = self.heard.send(notice);
        }
    }
}

/// Declares a queue for this connection alone, binds it and consumes from it.
async fn consume(link: &Link) -> Result<Consumer, Error> {
    let channel = link.channel().await?;
    // Exclusive: gone with the connection, wherever that ends, so that nothing piles up for a process that is no more.
    // The broker gives the name, for two listeners must not share a queue: https://www.rabbitmq.com/docs/queues#names
    let options = QueueDeclareOptions { auto_delete: true, ..QueueDeclareOptions::exclusive() };
    let declare = channel.queue_declare("".into(), options, own_queue());
    let queue = link.ask("queue.declare", declare).await?.name().clone();
    let (exchange, none) = (link.names().ended.clone(), FieldTable::default());
    let bind =
        channel.queue_bind(queue.clone(), exchange, "".into(), QueueBindOptions::default(), none.clone());
    link.ask("queue.bind", bind).await?;
    // Nothing to settle: what is lost with this process had no other reader.
    let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
    link.ask("basic.consume", channel.basic_consume(queue, "".into(), options, none)).await
}

fn own_queue() -> FieldTable {
    let text = |value: &str| AMQPValue::LongString(value.into());
    let mut arguments = FieldTable::default();
    // Said in words, because a virtual host may have another default, and a quorum queue cannot be exclusive:
    // https://www.rabbitmq.com/docs/vhosts#default-queue-type
    arguments.insert("x-queue-type".into(), text("classic"));
    // A listener that stopped reading without closing its connection must not fill the broker.
    arguments
        .insert("x-max-length".into(), AMQPValue::LongLongInt(i64::try_from(WAITING).unwrap_or(i64::MAX)));
    // The default, but a policy could say otherwise, and then one such listener would refuse the notices of all.
    arguments.insert("x-overflow".into(), text("drop-head"));
    arguments
}
