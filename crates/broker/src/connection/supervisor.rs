//! Keeps one connection open for as long as the process wants one: opens it, lets a [`Session`] use
//! it, and after any error starts anew.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::Event;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    Config, Error, State,
    connection::{LOOK, Link, backoff::Backoff},
};

/// A connection that lived this long was a good one: the next pause starts small again.
const STEADY: Duration = Duration::from_secs(10);

/// What is done with a connection.
pub(crate) trait Session: Send + 'static {
    /// Makes ready for work, within a time limit: the connection counts as ready only then. What fails is found by
    /// [`Session::run`] again.
    fn prepare(&mut self, _link: &Link) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Uses the connection until it fails or the shutdown is asked for, whichever is first.
    fn run(&mut self, link: Arc<Link>) -> impl Future<Output = ()> + Send;
}

/// Runs the session on one connection after the other until the shutdown.
pub(crate) async fn supervise(
    config: Config,
    name: String,
    state: watch::Sender<State>,
    shutdown: CancellationToken,
    mut session: impl Session,
) {
    let mut backoff = Backoff::new(config.broker_reconnect_max);
    while !shutdown.is_cancelled() {
        let Some(link) = connect(&config, &name, &mut backoff, &shutdown).await else { break };
        let since = Instant::now();
        shutdown.run_until_cancelled(session.prepare(&link)).await;
        state.send_replace(State::Ready);
        let run = async {
            session.run(link.clone()).await;
            link.close().await;
        };
        tokio::join!(run, observe(&link, &state));
        state.send_replace(State::Connecting);
        if since.elapsed() > STEADY {
            backoff = Backoff::new(config.broker_reconnect_max);
        }
        rest(backoff.pause(), &shutdown).await;
    }
    debug!(broker.connection = name, "the connection to the message broker is closed");
}

/// Tries until it works, or the shutdown. Of a row of failures, the first and each new kind is a warning.
async fn connect(
    config: &Config,
    name: &str,
    backoff: &mut Backoff,
    shutdown: &CancellationToken,
) -> Option<Arc<Link>> {
    let start = Instant::now();
    let mut told = String::new();
    loop {
        let opened = shutdown.run_until_cancelled(Link::open(config, name)).await?;
        let error = match opened {
            Ok(link) => {
                let duration_ms = start.elapsed().as_millis();
                info!(broker.connection = name, duration_ms, "connected to the message broker");
                return Some(Arc::new(link));
            }
            Err(error) => error,
        };
        let text = error.chain();
        if text == told {
            debug!(broker.connection = name, error = text, "still no connection to the message broker");
        } else {
            warn!(broker.connection = name, error = text, "no connection to the message broker, will retry");
            told = text;
        }
        rest(backoff.pause(), shutdown).await;
    }
}

async fn rest(pause: Duration, shutdown: &CancellationToken) {
    let _cut_short = shutdown.run_until_cancelled(sleep(pause)).await;
}

/// Publishes the state of the connection until it ends, and ends it when the library reports an error.
async fn observe(link: &Link, state: &watch::Sender<State>) {
    let mut events = std::pin::pin!(link.connection.events_listener());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = link.failed() => break,
            Some(event) = events.next() => match event {
                Event::ConnectionBlocked(reason) => {
                    warn!(reason, "the message broker takes no messages for now");
                    state.send_replace(State::Blocked);
                }
                Event::ConnectionUnblocked => {
                    info!("the message broker takes messages again");
                    state.send_replace(State::Ready);
                }
                Event::Error(error) => link.fail(&Error::Connect(error.into())),
                _ => {}
            },
            _ = look.tick() => {
                if !link.is_connected() {
                    link.fail(&Error::Unavailable("the connection was closed"));
                }
                let now = if link.is_blocked() { State::Blocked } else { State::Ready };
                state.send_if_modified(|state| std::mem::replace(state, now) != now);
            }
        }
    }
    state.send_replace(State::Connecting);
}
