//! A bound on the bytes of all bodies in hand, however many clients send at once.

use std::sync::Arc;
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
pub(crate) struct Memory(Arc<Semaphore>);

/// What one request holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    memory: Memory,
    permit: OwnedSemaphorePermit,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(units(bytes).min(Semaphore::MAX_PERMITS))))
    }

    /// Reserves, after a short wait if need be.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<Reservation, ApiError> {
        let acquire = Arc::clone(&self.0).acquire_many_owned(permits(units(bytes)));
        let acquired = timeout(WAIT, acquire).await.map_err(|_late| ApiError::Overloaded)?;
        let permit = acquired.map_err(|_never_closed| ApiError::Overloaded)?;
        Ok(Reservation { memory: self.clone(), permit })
    }
}

impl Reservation {
    /// Grows, if need be, to `bytes`. Never waits: all might wait for each other.
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<(), ApiError> {
        let missing = units(bytes).saturating_sub(self.permit.num_permits());
        if missing > 0 {
            let more = Arc::clone(&self.memory.0).try_acquire_many_owned(permits(missing));
            self.permit.merge(more.map_err(|_full| ApiError::Overloaded)?);
        }
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = self.permit.num_permits().saturating_sub(units(bytes));
        drop(self.permit.split(spare));
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

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_bounded_and_comes_back() {
        let memory = Memory::new(10 * UNIT);
        let mut first = memory.reserve(4 * UNIT).await.unwrap();
        let second = memory.reserve(1).await.unwrap();
        first.cover(9 * UNIT).unwrap();
        assert!(first.cover(9 * UNIT + 1).is_err());
        assert!(memory.reserve(1).await.is_err(), "after a wait");
        first.shrink(UNIT);
        let third = memory.reserve(8 * UNIT).await.unwrap();
        drop((first, second, third));
        memory.reserve(10 * UNIT).await.unwrap();
    }
}
