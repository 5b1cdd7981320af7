//! One attempt at what a delivery asks for: calls of the database are tried again, for as long as the delivery's patience
//! lasts, the worker runs and the broker has not taken the delivery back.
//!
//! A database that is away is waited for with all that is left of the patience; then the worker stops consuming. One that
//! answers and refuses may find a chunk too large: it gets half of what is left for each size, and at least one try, and
//! then the chunk is halved. When nothing is left, the first record alone gets a last try. So a delivery of which nothing
//! can be applied is over after the patience and two tries more, and one record that is refused fails none before it.

use std::time::Duration;

use intake_broker::Delivery;
use intake_store::Error;
use intake_telemetry::Metric;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::job::{Halt, Job};
use crate::patience::Patience;

/// A delivery, and how much trouble may still be waited out for it.
pub(crate) struct Attempt<'a> {
    pub(crate) delivery: &'a Delivery,
    job: &'a Job,
    patience: Patience,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(job: &'a Job, delivery: &'a Delivery) -> Self {
        let patience = Patience::new(Duration::from_secs(job.work.patience_seconds));
        Self { delivery, job, patience }
    }

    /// Stops the work where nobody wants it: this process stops, or the broker has taken the delivery back.
    pub(crate) fn go_on(&self) -> Result<(), Halt> {
        if self.job.shutdown.is_cancelled() {
            return Err(Halt::GivenBack);
        }
        if !self.delivery.is_current() {
            tracing::warn!("the broker has taken the delivery back: work on it stops");
            return Err(Halt::GivenBack);
        }
        Ok(())
    }

    /// Records got their outcome.
    pub(crate) fn progressed(&mut self) {
        self.patience.renew();
    }

    pub(crate) fn is_patience_spent(&self) -> bool {
        self.patience.is_spent()
    }

    /// Calls until it succeeds, fails for good, or patience ends.
    pub(crate) async fn persist<T, F>(&mut self, call: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.insist(Duration::ZERO, call).await
    }

    /// As [`Self::persist`], but leaves half of the patience at hand for something smaller where a database that answers
    /// refuses.
    pub(crate) async fn persist_for_half<T, F>(&mut self, call: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.insist(self.patience.rest() / 2, call).await
    }

    async fn insist<T, F>(&mut self, left_over: Duration, mut call: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut backoff = Backoff::new();
        loop {
            let started = Instant::now();
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(Halt::Store(error)),
            };
            self.patience.spend(started.elapsed());
            Metric::WorkerChunkFailures.add(1, &[("reason", "transient".to_owned())]);
            self.go_on()?;
            if error.is_away() && self.patience.is_spent() {
                tracing::warn!(%error, "given back");
                self.job.pause.begin();
                return Err(Halt::GivenBack);
            }
            // What a database that answers keeps refusing may be the job's own fault: that is counted.
            if !error.is_away() && self.patience.rest() <= left_over {
                return Err(Halt::Store(error));
            }
            tracing::warn!(%error, "tried again after a pause");
            let started = Instant::now();
            backoff.pause().await;
            self.patience.spend(started.elapsed());
        }
    }
}
