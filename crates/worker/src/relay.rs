//! The relay of events: from the outbox to the broker, beside the jobs.
//!
//! Every worker runs one; they share the strands, and one that is gone is missed by nobody. A relay that cannot publish or
//! cannot read waits and tries again: it never stops the worker, and what waits is kept in the database.

use std::sync::Arc;
use std::time::Duration;

use intake_broker::{Outgoing, Publisher, State};
use intake_store::{Dispatch, Limits, Relayed, Store};
use intake_telemetry::Metric;
use intake_types::event::{CONTENT_TYPE, Strand};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::Events;
use crate::backoff::Backoff;

/// Most rows of the outbox in one message.
const ROWS: u32 = 500;
/// Shortest time between two rounds through the strands. Rows of several chunks gather meanwhile, so that the cost of a busy
/// relay does not grow with the number of chunks.
const GATHER: Duration = Duration::from_millis(100);
/// How often what waits is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// First wait for events of others; it doubles up to the configured one.
const FIRST_POLL: Duration = Duration::from_millis(200);

/// Tells the relay that this process has committed something, so that events may wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wake(Arc<Notify>);

impl Wake {
    /// Costs nothing where the relay is awake.
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits until this is so, or has been since the last time.
    pub(crate) async fn woken(&self) {
        self.0.notified().await;
    }
}

/// All that the relay needs.
pub(crate) struct Relay {
    store: Store,
    publisher: Publisher,
    limits: Limits,
    longest_poll: Duration,
    wake: Wake,
    shutdown: CancellationToken,
    /// The strand that was served last.
    strand: i16,
    /// The failure that was logged last, so that a row of the same is one line.
    told: String,
}

/// What came of one round through the strands.
enum Round {
    /// Nothing waits, as far as this relay may see.
    Idle,
    /// Something was sent, and nothing had to be left.
    Sent,
    /// Something was sent, and more was there.
    More,
    /// Broker or database did not do as asked.
    Failed(String),
}

/// The relay while it runs.
pub(crate) struct Relaying {
    task: JoinHandle<()>,
    publisher: Publisher,
    deadline: Duration,
}

impl Relaying {
    /// Starts the relay; it runs until `shutdown`.
    pub(crate) fn start(
        broker: &intake_broker::Config,
        publisher: Publisher,
        store: Store,
        settings: &Events,
        wake: Wake,
        shutdown: CancellationToken,
    ) -> Self {
        let bytes = settings.events_batch_bytes.min(broker.message_max_bytes);
        let relay = Relay {
            store,
            publisher: publisher.clone(),
            limits: Limits { rows: ROWS, bytes },
            longest_poll: settings.events_poll,
            wake,
            shutdown,
            strand: -1,
            told: String::new(),
        };
        let task = tokio::spawn(relay.run());
        Self { task, publisher, deadline: broker.broker_drain_timeout }
    }

    /// Done when, after the shutdown, the message in flight is settled; at the latest after the broker's drain time limit.
    pub(crate) async fn stopped(self) {
        let ended = async {
            if let Err(error) = self.task.await {
                tracing::error!(%error, "the relay of events ended in a panic");
            }
            self.publisher.closed().await;
        };
        if timeout(self.deadline, ended).await.is_err() {
            tracing::warn!("stopped while events were being sent: they will be sent again");
        }
    }
}

impl Relay {
    async fn run(mut self) {
        let shutdown = self.shutdown.clone();
        // A message in flight is settled first: its round is not cut short.
        let (mut backoff, mut poll) = (Backoff::new(), FIRST_POLL);
        let mut measured = None;
        while !shutdown.is_cancelled() {
            if measured.is_none_or(|at: Instant| at.elapsed() >= MEASURE) {
                self.measure().await;
                measured = Some(Instant::now());
            }
            let next = Instant::now() + GATHER;
            let round = self.round().await;
            if !matches!(round, Round::Failed(_)) {
                backoff = Backoff::new();
                self.told.clear();
            }
            match round {
                Round::More => {}
                Round::Sent => {
                    poll = FIRST_POLL;
                    shutdown.run_until_cancelled(sleep_until(next)).await;
                }
                Round::Idle => {
                    shutdown.run_until_cancelled(self.idle(&mut poll, next)).await;
                }
                Round::Failed(error) => {
                    self.tell(error);
                    shutdown.run_until_cancelled(backoff.pause()).await;
                }
            }
        }
    }

    /// Waits for this process to commit something, or, for the sake of what others leave, a while.
    async fn idle(&self, poll: &mut Duration, next: Instant) {
        let wait = (*poll).min(self.longest_poll).mul_f64(rand::random_range(0.5..1.0));
        if timeout(wait, self.wake.woken()).await.is_ok() {
            *poll = FIRST_POLL;
            sleep_until(next).await;
        } else {
            *poll = poll.saturating_mul(2).min(self.longest_poll);
        }
    }

    /// Serves each strand at most once.
    async fn round(&mut self) -> Round {
        if !self.publisher.is_ready() {
            // Not with a strand in hand, nor by asking the database in vain.
            let mut state = self.publisher.watch();
            let ready = state.wait_for(|state| *state == State::Ready);
            let waited = timeout(MEASURE, self.shutdown.run_until_cancelled(ready)).await;
            return match waited {
                Ok(_ready_or_stopping) => Round::More,
                Err(_late) => Round::Failed("the message broker is not available".to_owned()),
            };
        }
        let (mut any, mut more) = (false, false);
        for _ in 0..Strand::COUNT {
            if self.shutdown.is_cancelled() {
                break;
            }
            match self.serve().await {
                Ok(None) => break,
                Ok(Some(relayed)) => {
                    self.strand = relayed.strand;
                    Metric::EventsPublished.add(u64::from(relayed.events), &[]);
                    if let Some(error) = relayed.failure {
                        Metric::EventsPublishFailures.add(1, &[]);
                        return Round::Failed(error.to_string());
                    }
                    any = true;
                    more |= relayed.more;
                }
                Err(error) => return Round::Failed(error.to_string()),
            }
        }
        match (any, more) {
            (false, _) => Round::Idle,
            (true, false) => Round::Sent,
            (true, true) => Round::More,
        }
    }

    /// Sends what is oldest in one strand.
    async fn serve(&self) -> Result<Option<Relayed<intake_broker::Error>>, intake_store::Error> {
        let (publisher, runtime) = (self.publisher.clone(), Handle::current());
        // On a thread that may block, with the strand locked: the next message goes when this one is confirmed.
        let publish = move |dispatch| runtime.block_on(publish(&publisher, dispatch));
        self.store.relay(self.strand, self.limits, publish).await
    }

    async fn measure(&self) {
        // Where the database is away the last known values stay.
        if let Ok(backlog) = self.store.backlog().await {
            Metric::EventsLag.set(backlog.age_seconds, &[]);
            Metric::EventsWaiting.set(f64::from(backlog.rows), &[]);
        }
    }

    fn tell(&mut self, error: String) {
        if error == self.told {
            tracing::debug!(error, "events still wait");
        } else {
            tracing::warn!(error, "events wait: they are kept, and sent later");
            self.told = error;
        }
    }
}

async fn publish(publisher: &Publisher, dispatch: Dispatch) -> Result<(), intake_broker::Error> {
    let key = format!("db.{}.{}", dispatch.db_id, dispatch.topic.word());
    let message = Outgoing::plain(&dispatch.id, CONTENT_TYPE, dispatch.body.into_bytes())?;
    publisher.publish_events(&key, message).await
}
