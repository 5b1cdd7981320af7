//! The time of acceptance: later with every reading in this process, whatever the system clock does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use intake_types::{JobId, JobKey};

/// A job id holds 12 bits of a millisecond: times closer than 245 ns could look the same in it.
const STEP: u64 = 250;

/// One for the process, so that gateways in one process keep the order too.
static CLOCK: Clock = Clock::new();

/// Mints the id of a request of `account` that is accepted now; it sorts after every id minted before.
pub(crate) fn mint(account: &str, key: &JobKey) -> JobId {
    JobId::mint(CLOCK.later(system_nanos()), rand::random(), account, key)
}

/// How long ago a job was accepted.
pub(crate) fn age(job_id: JobId) -> Duration {
    let now = Duration::from_nanos(system_nanos());
    now.saturating_sub(Duration::from_micros(u64::try_from(job_id.accepted_at_micros()).unwrap_or(u64::MAX)))
}

/// When a time from now will have passed, in seconds of Unix time.
pub(crate) fn seconds_in(time: Duration) -> u64 {
    Duration::from_nanos(system_nanos()).saturating_add(time).as_secs()
}

fn system_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

struct Clock(AtomicU64);

impl Clock {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// `now`, or a little after the last answer if that is later.
    fn later(&self, now: u64) -> u64 {
        let next = |last: u64| now.max(last.saturating_add(STEP));
        let update = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(next(last)));
        next(update.unwrap_or_else(|last| last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_stands_or_goes_back() {
        let clock = Clock::new();
        assert_eq!(clock.later(1_000_000), 1_000_000);
        assert_eq!(clock.later(1_000_000), 1_000_000 + STEP);
        assert_eq!(clock.later(10), 1_000_000 + 2 * STEP);
        assert_eq!(clock.later(2_000_000), 2_000_000);
    }

    #[test]
    fn the_age_of_a_job_is_told_by_its_id() {
        let key = JobKey::new(b"sixteen bytes at least").unwrap();
        let then = system_nanos() - 3_600_000_000_000;
        let age = age(JobId::mint(then, 0, "demo", &key)).as_secs();
        assert!((3600..3700).contains(&age), "{age}");
        assert_eq!(super::age(JobId::mint(u64::MAX, 0, "demo", &key)), Duration::ZERO);
    }

    #[test]
    fn ids_minted_side_by_side_are_distinct_and_ids_minted_in_turn_rise() {
        let key = JobKey::new(b"sixteen bytes at least").unwrap();
        let minted = std::thread::scope(|scope| {
            let mint_many = || (0..5_000).map(|_| mint("demo", &key)).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(mint_many)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(minted.iter().all(|ids| ids.is_sorted_by(|left, right| left < right)));
        let distinct: std::collections::BTreeSet<i64> =
            minted.iter().flatten().map(|id| i64::try_from(id.0.as_u128() >> 64).unwrap()).collect();
        assert_eq!(distinct.len(), 20_000, "times are distinct, not only ids");
    }
}
