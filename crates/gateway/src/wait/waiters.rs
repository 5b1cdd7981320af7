//! Who waits for which job: woken when a worker tells that the job has ended.
//!
//! A notice is a hint, and may be lost; whoever waits also looks into the ledger from time to time.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use intake_broker::{Notices, State};
use intake_types::JobId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The jobs that somebody waits for.
#[derive(Debug, Clone)]
pub(crate) struct Waiters {
    waiting: Arc<Mutex<HashMap<JobId, Waiting>>>,
    listening: watch::Receiver<State>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Cancelled when the job has ended.
    told: CancellationToken,
    requests: usize,
}

/// One request's wait for one job, from now on.
#[derive(Debug)]
pub(crate) struct Expectation {
    waiters: Waiters,
    job_id: JobId,
    told: CancellationToken,
}

impl Waiters {
    /// Nobody waits yet. `listening` tells whether notices are heard.
    pub(crate) fn new(listening: watch::Receiver<State>) -> Self {
        Self { waiting: Arc::default(), listening }
    }

    /// Whether notices are heard now.
    pub(crate) fn is_listening(&self) -> bool {
        *self.listening.borrow() == State::Ready
    }

    /// Waits for a job: what is told from now on is not missed.
    pub(crate) fn expect(&self, job_id: JobId) -> Expectation {
        let mut waiting = self.waiting();
        let entry = waiting.entry(job_id).or_default();
        entry.requests += 1;
        Expectation { waiters: self.clone(), job_id, told: entry.told.clone() }
    }

    /// Wakes who waits for a job.
    fn tell(&self, job_id: JobId) {
        if let Some(waiting) = self.waiting().get(&job_id) {
            waiting.told.cancel();
        }
    }

    /// Hears notices until the shutdown.
    pub(crate) async fn listen(self, mut notices: Notices) {
        while let Some(notice) = notices.next().await {
            let lines = std::str::from_utf8(&notice).unwrap_or_default().lines();
            for id in lines.filter_map(|line| Uuid::from_str(line).ok()) {
                self.tell(JobId(id));
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<JobId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expectation {
    /// Done when it was told that the job has ended.
    pub(crate) async fn told(&self) {
        self.told.cancelled().await;
    }

    pub(crate) fn is_told(&self) -> bool {
        self.told.is_cancelled()
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.waiters.is_listening()
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting();
        if let Some(entry) = waiting.get_mut(&self.job_id) {
            entry.requests -= 1;
            if entry.requests == 0 {
                waiting.remove(&self.job_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_told_and_nobody_is_kept() {
        let (_state, listening) = watch::channel(State::Ready);
        let waiters = Waiters::new(listening);
        let id = |number| JobId(Uuid::from_u128(number));
        let (first, second, other) = (waiters.expect(id(1)), waiters.expect(id(1)), waiters.expect(id(2)));
        waiters.tell(id(1));
        waiters.tell(id(3));
        first.told().await;
        second.told().await;
        assert!(!other.is_told());
        drop((first, other));
        assert_eq!(waiters.waiting().len(), 1);
        drop(second);
        assert!(waiters.waiting().is_empty());
        assert!(!waiters.expect(id(1)).is_told(), "what was told before is not known");
    }
}
