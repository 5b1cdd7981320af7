//! How much trouble one delivery may wait out: one budget for all of its calls together.

use std::time::Duration;

/// Time for tries that failed in a way that may pass, and for the pauses between them. What succeeds costs nothing.
#[derive(Debug)]
pub(crate) struct Patience {
    whole: Duration,
    spent: Duration,
}

impl Patience {
    pub(crate) fn new(whole: Duration) -> Self {
        Self { whole, spent: Duration::ZERO }
    }

    pub(crate) fn spend(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time);
    }

    /// Records got their outcome, committed: what was spent until then is forgiven.
    pub(crate) fn renew(&mut self) {
        self.spent = Duration::ZERO;
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent >= self.whole
    }

    /// What is left of it.
    pub(crate) fn rest(&self) -> Duration {
        self.whole.saturating_sub(self.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_is_one_budget_until_something_is_committed() {
        let mut patience = Patience::new(seconds(30));
        patience.spend(seconds(20));
        assert_eq!((patience.is_spent(), patience.rest()), (false, seconds(10)));
        patience.spend(seconds(20));
        assert_eq!((patience.is_spent(), patience.rest()), (true, Duration::ZERO));
        patience.renew();
        assert_eq!((patience.is_spent(), patience.rest()), (false, seconds(30)));
        assert!(Patience::new(Duration::ZERO).is_spent());
    }
}
