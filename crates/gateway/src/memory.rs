//! A bound on the bytes of all bodies in hand, however many clients send at once; and on those of one account, so that what
//! it sends leaves room for others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::ApiError;

/// Counted in units of this many bytes, rounded up, so that tiny bodies are bounded in number too.
const UNIT: usize = 1024;
/// How long a request waits for its turn. A longer queue would only hide that the service is too slow.
const WAIT: Duration = Duration::from_secs(1);

/// What all requests together may hold.
#[derive(Debug, Clone)]
pub(crate) struct Memory(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    all: Arc<Semaphore>,
    /// Of one account.
    share: usize,
    /// By name; as many as there are accounts.
    accounts: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Of all whose token is in the body, until it is read.
    unknown: Arc<Semaphore>,
}

/// What one request holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    memory: Memory,
    account: Option<String>,
    of_all: OwnedSemaphorePermit,
    of_share: OwnedSemaphorePermit,
}

impl Memory {
    /// One account has at most half of it, and at least `largest`, which is what one request may need.
    pub(crate) fn new(bytes: usize, largest: usize) -> Self {
        let all = units(bytes).min(Semaphore::MAX_PERMITS);
        let share = (all / 2).max(units(largest)).min(all);
        Self(Arc::new(Shares {
            all: Arc::new(Semaphore::new(all)),
            share,
            accounts: Mutex::default(),
            unknown: Arc::new(Semaphore::new(share)),
        }))
    }

    /// Reserves for an account, after a short wait if need be. Those of whom nobody knows yet whose they are share one share.
    pub(crate) async fn reserve(&self, account: Option<&str>, bytes: usize) -> Result<Reservation, ApiError> {
        let (units, share) = (permits(units(bytes)), self.share_of(account));
        let over = || self.over(account);
        let of_share = timeout(WAIT, share.acquire_many_owned(units)).await.map_err(|_late| over())?;
        let of_share = of_share.map_err(|_never_closed| over())?;
        let all = Arc::clone(&self.0.all).acquire_many_owned(units);
        let of_all = timeout(WAIT, all).await.map_err(|_late| ApiError::Overloaded)?;
        let of_all = of_all.map_err(|_never_closed| ApiError::Overloaded)?;
        Ok(Reservation { memory: self.clone(), account: account.map(str::to_owned), of_all, of_share })
    }

    fn share_of(&self, account: Option<&str>) -> Arc<Semaphore> {
        let Some(account) = account else { return Arc::clone(&self.0.unknown) };
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let share = || Arc::new(Semaphore::new(self.0.share));
        Arc::clone(accounts.entry(account.to_owned()).or_insert_with(share))
    }

    /// What somebody is told who has had all of a share.
    fn over(&self, account: Option<&str>) -> ApiError {
        match account {
            Some(_) => ApiError::TooMuchInHand { share: self.0.share.saturating_mul(UNIT) },
            None => ApiError::Overloaded,
        }
    }
}

impl Reservation {
    /// Grows, if need be, to `bytes`. Never waits: all might wait for each other.
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<(), ApiError> {
        let missing = units(bytes).saturating_sub(self.of_all.num_permits());
        if missing > 0 {
            let (memory, account) = (&self.memory, self.account.as_deref());
            let of_share = memory.share_of(account).try_acquire_many_owned(permits(missing));
            let of_share = of_share.map_err(|_full| memory.over(account))?;
            let of_all = Arc::clone(&memory.0.all).try_acquire_many_owned(permits(missing));
            self.of_all.merge(of_all.map_err(|_full| ApiError::Overloaded)?);
            self.of_share.merge(of_share);
        }
        Ok(())
    }

    /// Now it is known whose it is.
    pub(crate) fn is_of(&mut self, account: &str) -> Result<(), ApiError> {
        if self.account.as_deref() != Some(account) {
            let share = self.memory.share_of(Some(account));
            let of_share = share.try_acquire_many_owned(permits(self.of_all.num_permits()));
            self.of_share = of_share.map_err(|_full| self.memory.over(Some(account)))?;
            self.account = Some(account.to_owned());
        }
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = self.of_all.num_permits().saturating_sub(units(bytes));
        drop(self.of_all.split(spare));
        drop(self.of_share.split(spare));
    }
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT).max(1)
}

fn permits(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_over(result: &Result<Reservation, ApiError>) -> bool {
        matches!(result, Err(ApiError::TooMuchInHand { .. }))
    }

    fn is_full(result: &Result<Reservation, ApiError>) -> bool {
        matches!(result, Err(ApiError::Overloaded))
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_bounded_and_comes_back() {
        let memory = Memory::new(10 * UNIT, 10 * UNIT);
        let mut first = memory.reserve(Some("a"), 4 * UNIT).await.unwrap();
        let second = memory.reserve(Some("b"), 1).await.unwrap();
        first.cover(9 * UNIT).unwrap();
        assert!(matches!(first.cover(9 * UNIT + 1), Err(ApiError::Overloaded)));
        assert!(is_full(&memory.reserve(Some("b"), 1).await), "after a wait");
        first.shrink(UNIT);
        let third = memory.reserve(Some("a"), 8 * UNIT).await.unwrap();
        drop((first, second, third));
        memory.reserve(None, 10 * UNIT).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn no_account_has_more_than_half_and_another_has_the_rest() {
        let memory = Memory::new(10 * UNIT, 3 * UNIT);
        let mut first = memory.reserve(Some("a"), 3 * UNIT).await.unwrap();
        assert!(is_over(&memory.reserve(Some("a"), 3 * UNIT).await));
        assert!(matches!(first.cover(6 * UNIT), Err(ApiError::TooMuchInHand { share: 5120 })));
        first.cover(5 * UNIT).unwrap();
        let other = memory.reserve(Some("b"), 5 * UNIT).await.unwrap();
        assert!(is_full(&memory.reserve(Some("c"), 1).await));
        drop(first);
        assert!(is_over(&memory.reserve(Some("b"), 1).await));
        drop(other);
        memory.reserve(Some("b"), 5 * UNIT).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_knows_the_account_of_is_counted_for_it_once_it_is_known() {
        let memory = Memory::new(10 * UNIT, UNIT);
        let mut first = memory.reserve(None, 4 * UNIT).await.unwrap();
        assert!(is_full(&memory.reserve(None, 2 * UNIT).await), "they share a share");
        first.is_of("a").unwrap();
        assert!(is_over(&memory.reserve(Some("a"), 2 * UNIT).await));
        let mut second = memory.reserve(None, 2 * UNIT).await.unwrap();
        assert!(matches!(second.is_of("a"), Err(ApiError::TooMuchInHand { .. })));
        second.is_of("b").unwrap();
        first.shrink(3 * UNIT);
        memory.reserve(Some("a"), 2 * UNIT).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_request_fits_whatever_half_is() {
        let memory = Memory::new(10 * UNIT, 8 * UNIT);
        memory.reserve(Some("a"), 8 * UNIT).await.unwrap();
    }
}
