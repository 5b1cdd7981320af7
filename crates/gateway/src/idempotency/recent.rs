//! What this process has published under keys, for a while, so that a request which is sent again at once is answered without
//! the ledger. Bounded in number; losing an entry costs a question to the ledger.

use std::sync::Arc;
use std::time::Duration;

use intake_types::{Fingerprint, JobId, RequestKey, Stamp};
use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Most keys that are remembered; about 20 MiB.
const MOST: u64 = 100_000;
/// For how long.
const TIME: Duration = Duration::from_mins(10);
/// Most keys whose requests are being published at a time.
const MOST_FLIGHTS: u64 = 10_000;

/// A job that the broker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) fingerprint: Fingerprint,
    pub(super) job_id: JobId,
    /// Where it stands in the order of acceptance.
    pub(super) order: Stamp,
    /// Whether the ledger gave the key to it. If not, the worker may find that the key was another's.
    pub(super) sure: bool,
}

/// Keys as digests: all of one size, whatever clients call their requests.
#[derive(Debug)]
pub(super) struct Recent {
    known: Cache<Fingerprint, (Known, Instant)>,
    flights: Cache<Fingerprint, Arc<Mutex<()>>>,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            known: Cache::builder().max_capacity(MOST).time_to_live(TIME).build(),
            flights: Cache::builder().max_capacity(MOST_FLIGHTS).time_to_idle(TIME).build(),
        }
    }

    pub(super) fn get(&self, account: &str, key: &RequestKey) -> Option<Known> {
        let (known, until) = self.known.get(&digest(account, key))?;
        (Instant::now() < until).then_some(known)
    }

    /// Remembers a key, no longer than it stands for its job.
    pub(super) fn put(&self, account: &str, key: &RequestKey, known: Known, since: Instant) {
        let time = key.seconds.map_or(TIME, |seconds| Duration::from_secs(seconds.into()));
        self.known.insert(digest(account, key), (known, since + time));
    }

    /// What those who publish under a key take in turns.
    pub(super) fn flight(&self, account: &str, key: &RequestKey) -> Arc<Mutex<()>> {
        self.flights.get_with(digest(account, key), Arc::default)
    }
}

fn digest(account: &str, key: &RequestKey) -> Fingerprint {
    Fingerprint::of(&[account.as_bytes(), key.scope.word().as_bytes(), key.key.as_bytes()])
}

#[cfg(test)]
mod tests {
    use intake_types::KeyScope;
    use uuid::Uuid;

    use super::*;

    fn key(name: &str, seconds: Option<u32>) -> RequestKey {
        let fingerprint = Fingerprint::of(&[b"body"]);
        RequestKey { scope: KeyScope::Key, key: name.to_owned(), fingerprint, seconds }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_remembered_for_its_account_and_as_long_as_it_holds() {
        let (recent, key) = (Recent::new(), key("k", Some(60)));
        let (fingerprint, job_id) = (key.fingerprint, JobId(Uuid::from_u128(7)));
        let known = Known { fingerprint, job_id, order: Stamp::of(job_id), sure: true };
        recent.put("demo", &key, known, Instant::now());
        assert_eq!(recent.get("demo", &key), Some(known));
        assert_eq!(recent.get("other", &key), None);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(recent.get("demo", &key), Some(known));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(recent.get("demo", &key), None);
    }

    #[tokio::test]
    async fn requests_with_one_key_take_turns_and_others_do_not() {
        let recent = Recent::new();
        let turn = recent.flight("demo", &key("k", None)).lock_owned().await;
        assert!(recent.flight("demo", &key("k", None)).try_lock().is_err());
        assert!(recent.flight("demo", &key("other", None)).try_lock().is_ok());
        drop(turn);
        assert!(recent.flight("demo", &key("k", None)).try_lock().is_ok());
    }
}
