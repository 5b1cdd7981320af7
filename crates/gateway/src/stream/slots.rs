//! How many streams are taken at one time: by all accounts, and by each. A client that sends slowly keeps its slot for long,
//! so no account may have all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::ApiError;

/// The slots of a gateway.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    /// Of one account: half of all, rounded up.
    share: usize,
    /// Who has how many; nobody is in it with none.
    taken: Mutex<HashMap<String, usize>>,
}

/// The right to have one stream taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    account: String,
}

impl Slots {
    pub(crate) fn new(most: u16) -> Arc<Self> {
        let share = most.div_ceil(2).into();
        Arc::new(Self { most: most.into(), share, taken: Mutex::default() })
    }

    /// Takes one, if this account may have one more, and there is one. Never waits.
    pub(crate) fn take(self: &Arc<Self>, account: &str) -> Result<Slot, ApiError> {
        let mut taken = self.taken();
        let own = taken.get(account).copied().unwrap_or_default();
        if own >= self.share {
            return Err(ApiError::TooManyStreams { share: self.share });
        }
        if taken.values().sum::<usize>() >= self.most {
            return Err(ApiError::Overloaded);
        }
        taken.insert(account.to_owned(), own + 1);
        Ok(Slot { slots: Arc::clone(self), account: account.to_owned() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        match taken.get_mut(&self.account) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.account)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_has_more_than_half_and_all_together_no_more_than_all() {
        let slots = Slots::new(3);
        let over = |account| matches!(slots.take(account), Err(ApiError::TooManyStreams { share: 2 }));
        let first = slots.take("a").unwrap();
        let second = slots.take("a").unwrap();
        assert!(over("a"));
        let other = slots.take("b").unwrap();
        assert!(matches!(slots.take("b"), Err(ApiError::Overloaded)), "there is none left");
        drop(first);
        let again = slots.take("b").unwrap();
        assert!(over("b"));
        drop((second, other, again));
        assert!(slots.taken().is_empty());
        assert!(slots.take("a").is_ok());
    }

    #[test]
    fn of_a_single_one_any_account_may_have_it() {
        let slots = Slots::new(1);
        let only = slots.take("a").unwrap();
        assert!(matches!(slots.take("a"), Err(ApiError::TooManyStreams { share: 1 })));
        assert!(matches!(slots.take("b"), Err(ApiError::Overloaded)));
        drop(only);
        assert!(slots.take("b").is_ok());
    }
}
