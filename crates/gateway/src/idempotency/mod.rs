//! Requests that may be sent again: before one is published, what its key stands for is asked of this process's own memory,
//! then of the ledger. Where neither can say, the request is published under a job of its own, and the worker decides.

mod partial_key;
mod recent;

use std::sync::Mutex;
use std::time::Duration;

use intake_store::{Reserved, Store};
use intake_types::{Fingerprint, JobId, KeyScope, RequestKey, Stamp};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};

pub(crate) use self::partial_key::PartialKey;
use self::recent::{Known, Recent};
use crate::error::ApiError;

/// How long the ledger is waited for: it only has to be asked, not to be up.
const LEDGER_TIME: Duration = Duration::from_secs(1);
/// How long it is not asked again once it did not answer.
const LEDGER_PAUSE: Duration = Duration::from_secs(1);
/// How long a request waits for another one with the same key that is being published.
const FLIGHT_TIME: Duration = Duration::from_secs(5);

/// The turn of a request to be published, while others with its key wait.
pub(crate) type Turn = OwnedMutexGuard<()>;

/// What is known of keys, and how to find out.
#[derive(Debug)]
pub(crate) struct RequestKeys {
    recent: Recent,
    /// Until when the ledger is not asked, because it did not answer.
    away_until: Mutex<Option<Instant>>,
    /// For how long equal bodies are one request, in seconds; none: they never are.
    same_body_seconds: Option<u32>,
}

/// What is to become of a request with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The key is this request's.
    Own,
    /// Nobody could say whose the key is: the worker will.
    Unsure,
    /// Its job was given out, but may never have been published: it is published again, under that job, and stands so in the
    /// order of acceptance.
    Again(JobId, Stamp),
    /// Its job is safe; there is nothing to publish.
    Replayed(JobId),
}

impl RequestKeys {
    pub(crate) fn new(same_body_seconds: u32) -> Self {
        Self {
            recent: Recent::new(),
            away_until: Mutex::new(None),
            same_body_seconds: (same_body_seconds > 0).then_some(same_body_seconds),
        }
    }

    /// For how long equal bodies are one request.
    pub(crate) fn same_body_seconds(&self) -> Option<u32> {
        self.same_body_seconds
    }

    /// Has a request wait for its turn while another one with the same key is being published, though not for long: two
    /// that are published at once are no harm, only twice the work.
    pub(crate) async fn turn(&self, account: &str, key: &RequestKey) -> Option<Turn> {
        timeout(FLIGHT_TIME, self.recent.flight(account, key).lock_owned()).await.ok()
    }

    /// Claims a key for the job that is about to be published, which stands so in the order of acceptance unless the request
    /// was taken before. What comes of it is to be told: [`Self::published`], or [`Self::refused`].
    pub(crate) async fn claim(
        &self,
        store: &Store,
        account: &str,
        key: &RequestKey,
        job_id: JobId,
        order: Stamp,
    ) -> Result<Claim, ApiError> {
        // A retry's key may have been freed, in whatever gateway, so of it the ledger alone can say.
        let known = self.recent.get(account, key).filter(|_known| key.scope != KeyScope::Retry);
        // What was published for something else has the key, whether or not the ledger knows that yet.
        if let Some(known) = known.filter(|known| known.sure || known.fingerprint != key.fingerprint) {
            return known.of(key.fingerprint);
        }
        // What was published while nobody could say whose the key is stands where it stood then.
        let (own, order) = known.map_or((job_id, order), |known| (known.job_id, known.order));
        match (self.ask(store.reserve(account, key, own, order)).await, known) {
            (Some(Reserved { fingerprint, .. }), _) if fingerprint != key.fingerprint => {
                Err(ApiError::KeyReused)
            }
            (Some(reserved @ Reserved { registered: true, .. }), _) => {
                self.learn(account, key, &reserved);
                Ok(Claim::Replayed(reserved.job_id))
            }
            (Some(reserved), Some(known)) => {
                if reserved.job_id == known.job_id {
                    self.learn(account, key, &reserved);
                }
                Ok(Claim::Replayed(known.job_id))
            }
            (Some(reserved), None) if reserved.job_id == own => Ok(Claim::Own),
            (Some(reserved), None) => Ok(Claim::Again(reserved.job_id, reserved.stands_at)),
            // Better than one more job for the worker to find equal.
            (None, Some(known)) => Ok(Claim::Replayed(known.job_id)),
            (None, None) => Ok(Claim::Unsure),
        }
    }

    /// Remembers what the ledger says of a key. One that holds for a while only is asked for each time: how long it has held is
    /// not told.
    fn learn(&self, account: &str, key: &RequestKey, reserved: &Reserved) {
        if key.seconds.is_none() {
            let Reserved { job_id, fingerprint, stands_at: order, .. } = *reserved;
            self.recent.put(account, key, Known { fingerprint, job_id, order, sure: true }, Instant::now());
        }
    }

    /// The job that was accepted for this very request before, if that is certain: for one that would be refused now.
    pub(crate) async fn replayed(&self, store: &Store, account: &str, key: &RequestKey) -> Option<JobId> {
        let (fingerprint, job_id) = if let Some(known) = self.recent.get(account, key) {
            (known.fingerprint, known.job_id)
        } else {
            let reserved = self.ask(store.reserved(account, key)).await.flatten();
            let reserved = reserved.filter(|reserved| reserved.registered)?;
            (reserved.fingerprint, reserved.job_id)
        };
        (fingerprint == key.fingerprint).then_some(job_id)
    }

    /// What a key stands for, where its job is safe already: for a request whose body is not read yet, or need not be kept.
    /// Claims nothing.
    pub(crate) async fn safe(
        &self,
        store: &Store,
        account: &str,
        key: &RequestKey,
    ) -> Option<Result<JobId, ApiError>> {
        let known = if let Some(known) = self.recent.get(account, key).filter(|known| known.sure) {
            known
        } else {
            let reserved = self.ask(store.reserved(account, key)).await.flatten();
            let reserved = reserved.filter(|reserved| reserved.registered)?;
            let Reserved { job_id, fingerprint, stands_at: order, .. } = reserved;
            Known { fingerprint, job_id, order, sure: true }
        };
        Some(if known.fingerprint == key.fingerprint { Ok(known.job_id) } else { Err(ApiError::KeyReused) })
    }

    /// Whether this process has published a job under its key.
    pub(crate) fn is_published(&self, account: &str, key: &RequestKey, job_id: JobId) -> bool {
        self.recent.get(account, key).is_some_and(|known| known.job_id == job_id)
    }

    /// Remembers what was published. `since` is when the key was claimed.
    pub(crate) fn published(
        &self,
        account: &str,
        key: &RequestKey,
        (job_id, order): (JobId, Stamp),
        sure: bool,
        since: Instant,
    ) {
        self.recent.put(account, key, Known { fingerprint: key.fingerprint, job_id, order, sure }, since);
    }

    /// Tells the ledger of a request whose key was claimed for this job, and which could not be published; unless it may be
    /// stored all the same. Whether its key is known to be free now.
    pub(crate) async fn refused(
        &self,
        store: &Store,
        account: &str,
        key: &RequestKey,
        job_id: JobId,
        error: &ApiError,
    ) -> bool {
        !error.is_unknown() && self.ask(store.refused(account, key, job_id)).await.unwrap_or_default()
    }

    /// Asks the ledger, unless it is away. A query that is given up on may still reserve the key, for the very job that is
    /// published then.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, intake_store::Error>>) -> Option<T> {
        let now = Instant::now();
        if self.away_until.lock().ok()?.is_some_and(|until| now < until) {
            return None;
        }
        let problem = match timeout(LEDGER_TIME, question).await {
            Ok(Ok(answer)) => {
                *self.away_until.lock().ok()? = None;
                return Some(answer);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_late) => "no answer in time".to_owned(),
        };
        tracing::warn!(problem, "the ledger cannot say whose a key is: the worker will");
        *self.away_until.lock().ok()? = Some(Instant::now() + LEDGER_PAUSE);
        None
    }
}

impl Known {
    fn of(self, fingerprint: Fingerprint) -> Result<Claim, ApiError> {
        if self.fingerprint == fingerprint {
            Ok(Claim::Replayed(self.job_id))
        } else {
            Err(ApiError::KeyReused)
        }
    }
}
