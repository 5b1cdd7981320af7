//! One connection to the broker, with a time limit on everything asked of it.
//!
//! The client library's own recovery is not used: it does not cover errors of a channel, and replays
//! state that is easier to build anew. A [`Link`] lives until the first error; then the
//! [`supervisor`] opens another.

mod backoff;
mod socket;
pub(crate) mod supervisor;

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lapin::{Channel, Connection, ConnectionProperties, options::ConfirmSelectOptions, uri::AMQPUri};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Config, Error,
    connection::socket::Socket,
    topology::{self, Names},
};

/// How often the state of a connection is looked at where no event tells of a change.
const LOOK: Duration = Duration::from_millis(250);

/// What a process sees of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is no connection; one is being opened, again and again.
    Connecting,
    /// Connected, and the queues are declared.
    Ready,
    /// Connected, but the broker takes no messages: it is short of memory or disk
    /// (<https://www.rabbitmq.com/docs/alarms>).
    Blocked,
}

/// A connection with its queues declared. Ends with the first error, of whatever kind.
#[derive(Debug)]
pub(crate) struct Link {
    connection: Connection,
    socket: Socket,
    name: String,
    names: Names,
    call_timeout: Duration,
    failed: CancellationToken,
    /// Whether the failure was logged.
    told: AtomicBool,
}

impl Link {
    /// Connects, logs in and declares the queues.
    pub(crate) async fn open(config: &Config, name: &str) -> Result<Self, Error> {
        let names = Names::new(config)?;
        let uri = uri(config)?;
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connect = socket::connect(uri, properties, config.broker_connect_timeout);
        let (connection, socket) = within(config.broker_connect_timeout, "the login", connect)
            .await?
            .map_err(|source| Error::Connect(source.into()))?;
        let call_timeout = config.broker_call_timeout;
        let (name, failed) = (name.to_owned(), CancellationToken::new());
        let link =
            Self { connection, socket, name, names, call_timeout, failed, told: AtomicBool::new(false) };
        topology::declare(&link.channel().await?, &link.names, config).await?;
        Ok(link)
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        self.ask("channel.open", self.connection.create_channel()).await
    }

    /// Opens a channel that confirms what is published on it. Belongs to one task: on a shared one the
    /// client library can give a confirmation to the wrong message.
    pub(crate) async fn confirm_channel(&self) -> Result<Channel, Error> {
        let channel = self.channel().await?;
        self.ask("confirm.select", channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(channel)
    }

    /// Waits for an answer of the broker, for as long as is configured and the connection lasts: what is
    /// asked just when the connection breaks, the client library may leave without an answer.
    pub(crate) async fn ask<T>(
        &self,
        what: &'static str,
        answer: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, Error> {
        let answer = tokio::select! {
            answer = within(self.call_timeout, what, answer) => answer?,
            () = self.failed() => return Err(Error::Unavailable("the connection was lost")),
        };
        answer.map_err(|source| Error::Connect(source.into()))
    }

    /// Ends the connection because of an error. Only the first one is logged.
    pub(crate) fn fail(&self, error: &Error) {
        if !self.is_failed() && !self.told.swap(true, Ordering::Relaxed) {
            let error = error.chain();
            warn!(broker.connection = self.name, error, "the connection to the message broker is given up");
        }
        self.failed.cancel();
        // Not asking the other side: it may be silent, and everything that waits should hear at once.
        self.socket.shut_down();
    }

    /// Done as soon as the connection ended, by an error or by [`Link::close`].
    pub(crate) async fn failed(&self) {
        self.failed.cancelled().await;
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.failed.is_cancelled()
    }

    /// Whether the broker holds back what is published.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Done when the broker takes messages on this connection, or the connection ended.
    pub(crate) async fn unblocked(&self) {
        while self.is_blocked() && !self.is_failed() {
            let _changed = timeout(LOOK, self.failed()).await;
        }
    }

    fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Takes leave of the broker, then ends the connection in any case.
    pub(crate) async fn close(&self) {
        let failed = self.is_failed();
        self.failed.cancel();
        // A blocked connection writes nothing, so it cannot say farewell either.
        if !failed && !self.is_blocked() {
            let close = self.connection.close(200, "bye".into());
            let _unanswered = within(self.call_timeout, "connection.close", close).await;
        }
        self.socket.shut_down();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Without this the client library's thread would wait for a silent broker for ever.
        self.socket.shut_down();
    }
}

/// Gives up after the time limit.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &'static str,
    answer: impl Future<Output = T>,
) -> Result<T, Error> {
    timeout(limit, answer).await.map_err(|_elapsed| Error::Silent { what, after: limit })
}

fn uri(config: &Config) -> Result<AMQPUri, Error> {
    // The parser's error text may repeat parts of the address, and with them the password.
    let mut uri: AMQPUri = config.amqp_url.expose_secret().parse().map_err(|_text: String| Error::Address)?;
    uri.query.heartbeat.get_or_insert(config.broker_heartbeat);
    Ok(uri)
}
