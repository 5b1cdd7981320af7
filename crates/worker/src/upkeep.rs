//! Upkeep: what is kept no longer is taken away, and what nobody works on any more is ended.
//!
//! Every worker runs it. Sweeping is done by one at a time, in small steps; a job that stands still is ended by whoever
//! looks first, but only by a worker that has had broker and database all the while: after an outage the messages come
//! back first.

use std::time::Duration;

use intake_broker::State;
use intake_store::{Error, Store};
use intake_telemetry::Metric;
use intake_types::{JobId, JobState};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::Upkeep;
use crate::announce::Announcer;
use crate::pause::Pause;

/// Most rows of one sort in one step of the sweep, so that no step is long.
const ROWS: u32 = 500;
/// Between two steps, so that the database has time for others.
const BREATH: Duration = Duration::from_millis(100);
/// Most jobs that are ended at once.
const JOBS: u32 = 20;

/// All that it needs.
pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) settings: Upkeep,
    pub(crate) broker: watch::Receiver<State>,
    pub(crate) pause: Pause,
    pub(crate) announcer: Announcer,
    pub(crate) shutdown: CancellationToken,
}

impl Keeper {
    /// Starts it; it runs until the shutdown.
    pub(crate) fn start(self) -> JoinHandle<()> {
        tokio::spawn(self.run())
    }

    async fn run(self) {
        let shutdown = self.shutdown.clone();
        // Since when nothing was away, as far as was seen.
        let mut calm = Instant::now();
        while !shutdown.is_cancelled() {
            let wait = self.settings.sweep_interval.mul_f64(rand::random_range(0.8..1.0));
            shutdown.run_until_cancelled(sleep(wait)).await;
            // Whoever waits for what is locked waits for this, also while the broker is away.
            let was_away = failed("connections that nobody sends on", self.end_lost_copies().await);
            if was_away || self.is_away() || self.round(calm.elapsed()).await {
                calm = Instant::now();
            }
        }
    }

    fn is_away(&self) -> bool {
        self.pause.is_on() || *self.broker.borrow() == State::Connecting
    }

    /// Does all that is to be done; what fails is done in a later round, and keeps nothing else from being done. Whether the
    /// database was away.
    async fn round(&self, calm: Duration) -> bool {
        let mut was_away = false;
        if calm >= self.settings.stalled_timeout {
            was_away |= failed("jobs that stand still", self.end_stalled().await);
            was_away |= failed("streams without an end", self.end_unsealed().await);
        }
        was_away | failed("what is kept no longer", self.sweep().await)
    }

    async fn end_lost_copies(&self) -> Result<(), Error> {
        let ended = self.store.end_lost_copies().await?;
        if ended > 0 {
            tracing::warn!(
                connections = ended,
                "connections were ended on which the rest of a COPY did not come"
            );
        }
        Ok(())
    }

    async fn sweep(&self) -> Result<(), Error> {
        while !self.shutdown.is_cancelled() {
            match self.store.sweep(ROWS).await? {
                Some(swept) if !swept.is_empty() => {
                    let counts = [
                        ("failed_records", swept.failures),
                        ("parts", swept.parts),
                        ("results", swept.chunks),
                        ("jobs", swept.jobs),
                        ("marks", swept.marks),
                    ];
                    for (what, rows) in counts {
                        Metric::WorkerSwept.add(rows, &[("what", what.to_owned())]);
                    }
                    sleep(BREATH).await;
                }
                _done_or_others_turn => break,
            }
        }
        Ok(())
    }

    async fn end_stalled(&self) -> Result<(), Error> {
        let end = || self.store.end_stalled(self.settings.stalled_timeout, JOBS);
        let told = "nothing moved in a job for too long: it was ended as failed";
        self.end_all(end, told).await
    }

    async fn end_unsealed(&self) -> Result<(), Error> {
        let end = || self.store.end_unsealed(self.settings.stalled_timeout, JOBS);
        let told =
            "the end of a stream did not come: its job was ended as failed, its parts are kept for a while";
        self.end_all(end, told).await
    }

    /// Ends jobs, a few at a time, until there are none.
    async fn end_all<F>(&self, mut end: impl FnMut() -> F, told: &str) -> Result<(), Error>
    where
        F: Future<Output = Result<Vec<JobId>, Error>>,
    {
        while !self.shutdown.is_cancelled() {
            let ended = end().await?;
            if ended.is_empty() {
                break;
            }
            for job_id in ended {
                tracing::error!(job.id = %job_id, "{told}");
                self.announcer.job_ended(job_id, JobState::Failed, true);
            }
        }
        Ok(())
    }
}

/// Logs why something was not done, if it was not. Whether the database was away.
fn failed(what: &str, done: Result<(), Error>) -> bool {
    let Err(error) = done else { return false };
    if error.is_away() {
        tracing::debug!(%error, what, "upkeep waits");
    } else {
        tracing::warn!(%error, what, "upkeep could not see to it: tried again later");
    }
    error.is_away()
}
