//! Publishing: a message counts as taken only when the broker confirmed that it is stored.
//!
//! `publish` hands the message to one of a few [`pipe`]s, each of which owns a channel. What waits is
//! bounded in time (`publish_wait`) and in bytes (`publish_max_inflight_bytes`): the client library
//! itself queues without bound.

mod pipe;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lapin::Channel;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use crate::{
    Config, Error, Lane, Outgoing, State,
    connection::{
        Link,
        supervisor::{Session, supervise},
    },
    message::short,
    publisher::pipe::Pipe,
    topology::{Queue, Route},
};

/// Messages handed over and not yet taken by a pipe; their bytes are counted already.
const QUEUE: usize = 16;
/// A refused message is not stored, so it can be offered again. A queue that is full stays full; one that another
/// connection is just declaring refuses too, until its leader is elected.
const REFUSED_AGAIN: u32 = 3;
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// In-flight bytes are counted in pages, rounded up, so that tiny messages are bounded in number too.
const PAGE: usize = 1024;

/// Publishes messages, confirmed, on a connection that it keeps open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    jobs: mpsc::Sender<Job>,
    state: watch::Receiver<State>,
    pages: Arc<Semaphore>,
    most_pages: usize,
    message_max: usize,
    wait: Duration,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

/// A message on its way to a pipe.
#[derive(Debug)]
struct Job {
    route: Route,
    message: Outgoing,
    claim: Claim,
    reply: oneshot::Sender<Result<(), Error>>,
    pages: OwnedSemaphorePermit,
}

/// Settles who decides on a waiting message: the pipe that takes it, or the publisher that gives up.
#[derive(Debug, Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    /// True for the first who asks.
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Publisher {
    /// Starts to connect, in the background, on the current runtime, which must be a multi-threaded one.
    ///
    /// `name` is what the broker shows for the connection. After `shutdown` nothing is taken any more;
    /// what was handed over is still confirmed, see [`Publisher::closed`].
    pub fn start(config: &Config, name: &str, shutdown: CancellationToken) -> Self {
        Self::with_pipes(config, name, config.publish_channels, shutdown)
    }

    pub(crate) fn with_pipes(config: &Config, name: &str, pipes: u16, shutdown: CancellationToken) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let (state_sender, state) = watch::channel(State::Connecting);
        let most_pages = pages(usize_of(config.publish_max_inflight_bytes));
        let pipes = Pipes {
            count: pipes,
            first: None,
            jobs: Arc::new(Mutex::new(waiting)),
            confirm_timeout: config.publish_confirm_timeout,
            shutdown: shutdown.clone(),
        };
        let tasks = TaskTracker::new();
        tasks.spawn(supervise(config.clone(), name.to_owned(), state_sender, shutdown.clone(), pipes));
        tasks.close();
        Self(Arc::new(Shared {
            jobs,
            state,
            pages: Arc::new(Semaphore::new(most_pages)),
            most_pages,
            message_max: usize_of(config.message_max_bytes),
            wait: config.publish_wait,
            shutdown,
            tasks,
        }))
    }

    /// Publishes to a lane. `Ok` means that the broker has stored the message.
    ///
    /// After an error for which [`Error::is_unknown`] holds the message may be stored nevertheless.
    /// Dropping the future does not take a message back that a pipe has begun to send.
    pub async fn publish(&self, lane: Lane, message: Outgoing) -> Result<(), Error> {
        self.publish_to(Route::Queue(Queue::Lane(lane)), message.in_lane(lane)?).await
    }

    /// Publishes to the exchange of events. `Ok` means that every queue which is bound for the routing key has stored the
    /// message; there may be none. [`Error::Refused`]: one of them is full.
    ///
    /// What is published one after the other, each message when the one before is confirmed, arrives in that order.
    pub async fn publish_events(&self, routing_key: &str, message: Outgoing) -> Result<(), Error> {
        self.publish_to(Route::Events(short("routing key", routing_key)?), message).await
    }

    /// Tells all [`Notices`](crate::Notices) that listen right now, in at most 1 KiB. Best effort: a notice is not kept, not offered again,
    /// and `Ok` does not say that anybody heard it. As [`Publisher::publish`] it may wait for the connection and the
    /// confirmation.
    pub async fn announce(&self, body: Vec<u8>) -> Result<(), Error> {
        let notice = Outgoing::notice(body)?;
        self.hand_over(&Route::Ended, notice, Instant::now() + self.0.wait).await
    }

    pub(crate) async fn publish_to(&self, route: Route, message: Outgoing) -> Result<(), Error> {
        let (start, size) = (Instant::now(), message.size());
        let id = message.properties.message_id().clone();
        let mut refused = 0;
        while let Err(error) = self.hand_over(&route, message.clone(), Instant::now() + self.0.wait).await {
            if !matches!(error, Error::Refused) || refused == REFUSED_AGAIN {
                return Err(error);
            }
            refused += 1;
            sleep(REFUSED_PAUSE).await;
        }
        debug!(
            message.id = id.as_ref().map(tracing::field::display),
            message.bytes = size,
            duration_ms = start.elapsed().as_millis(),
            "the message broker has stored a message"
        );
        Ok(())
    }

    async fn hand_over(&self, route: &Route, message: Outgoing, deadline: Instant) -> Result<(), Error> {
        let (shared, size) = (&self.0, message.size());
        if size > shared.message_max {
            return Err(Error::TooLarge { what: "message", size, limit: shared.message_max });
        }
        self.ready(deadline).await?;
        let full = |_late| Error::Unavailable("too many messages wait for it");
        let permits = u32::try_from(pages(size).min(shared.most_pages)).unwrap_or(u32::MAX);
        let acquire = shared.pages.clone().acquire_many_owned(permits);
        let pages = timeout_at(deadline, acquire).await.map_err(full)?;
        let pages = pages.map_err(|_never_closed| Error::Unavailable("shutting down"))?;

        let (reply, mut answer) = oneshot::channel();
        let claim = Claim::default();
        let job = Job { route: route.clone(), message, claim: claim.clone(), reply, pages };
        let sent = timeout_at(deadline, shared.jobs.send(job)).await.map_err(full)?;
        sent.map_err(|_stopped| Error::Unavailable("shutting down"))?;

        let answer = match timeout_at(deadline, &mut answer).await {
            Ok(answer) => answer,
            Err(_late) if claim.take() => return Err(Error::Unavailable("no channel took the message")),
            // A pipe has it, and answers within the confirm timeout.
            Err(_late) => answer.await,
        };
        answer.unwrap_or(Err(Error::Interrupted(None)))
    }

    /// Waits for the connection, though not for long.
    async fn ready(&self, deadline: Instant) -> Result<(), Error> {
        let mut state = self.0.state.clone();
        let ready = async { state.wait_for(|state| *state == State::Ready).await.is_ok() };
        match self.0.shutdown.run_until_cancelled(timeout_at(deadline, ready)).await {
            None | Some(Ok(false)) => Err(Error::Unavailable("shutting down")),
            Some(Ok(true)) => Ok(()),
            Some(Err(_late)) if self.state() == State::Blocked => {
                Err(Error::Unavailable("it is short of memory or disk"))
            }
            Some(Err(_late)) => Err(Error::Unavailable("not connected")),
        }
    }

    /// The state of the connection.
    pub fn state(&self) -> State {
        *self.0.state.borrow()
    }

    /// Whether a message published now would be sent.
    pub fn is_ready(&self) -> bool {
        self.state() == State::Ready
    }

    /// Follows the state of the connection.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.clone()
    }

    /// Done when, after the shutdown, all that was handed over is answered and the connection closed.
    pub async fn closed(&self) {
        self.0.tasks.wait().await;
    }
}

/// The pipes of one connection after the other.
#[derive(Debug)]
struct Pipes {
    count: u16,
    /// The channel of the first of them: with it there is one to publish on.
    first: Option<Channel>,
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    confirm_timeout: Duration,
    shutdown: CancellationToken,
}

impl Session for Pipes {
    async fn prepare(&mut self, link: &Link) {
        self.first = link.confirm_channel().await.ok();
    }

    async fn run(&mut self, link: Arc<Link>) {
        let mut pipes = JoinSet::new();
        for _ in 0..self.count {
            let pipe = Pipe {
                link: link.clone(),
                jobs: self.jobs.clone(),
                confirm_timeout: self.confirm_timeout,
                shutdown: self.shutdown.clone(),
            };
            pipes.spawn(pipe.run(self.first.take()));
        }
        pipes.join_all().await;
    }
}

fn pages(bytes: usize) -> usize {
    bytes.div_ceil(PAGE).max(1)
}

fn usize_of(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
