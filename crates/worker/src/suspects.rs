//! Deliveries that came back so often that one of them may be what kills the workers: kept apart, so that it takes no
//! other job to its end.
//!
//! When a worker dies, all that it had in hand comes back, counted: whatever was beside the culprit each time looks like
//! it. So the second half of their deliveries such messages are worked on one at a time, and another one first each
//! time: sooner or later each comes before the culprit, and is done.

use std::time::Duration;

use intake_broker::Delivery;
use tokio::time::{Instant, sleep_until};

/// How long the first of them waits for others that came back with it.
const GATHERING: Duration = Duration::from_millis(500);

/// Those that wait for their turn.
pub(crate) struct Suspects {
    /// How often a message has come back before the delivery that is its last.
    last_delivery: u64,
    waiting: Vec<Delivery>,
    /// When enough have been waited for.
    due: Option<Instant>,
}

impl Suspects {
    pub(crate) fn new(last_delivery: u64) -> Self {
        Self { last_delivery, waiting: Vec::new(), due: None }
    }

    pub(crate) fn is_one(&self, delivery: &Delivery) -> bool {
        delivery.delivery_count > self.last_delivery / 2
    }

    pub(crate) fn add(&mut self, delivery: Delivery) {
        self.due.get_or_insert_with(|| Instant::now() + GATHERING);
        self.waiting.push(delivery);
        self.waiting.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    }

    /// Done when one is due; never if none waits.
    pub(crate) async fn due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    /// The next one, if it is due.
    pub(crate) fn take(&mut self) -> Option<Delivery> {
        self.due.filter(|due| *due <= Instant::now())?;
        // What was lost with a connection comes again.
        self.waiting.retain(Delivery::is_current);
        self.due = self.due.filter(|_due| !self.waiting.is_empty());
        let round = self.waiting.iter().map(|delivery| delivery.delivery_count).max()?;
        let index = turn(round, self.waiting.len())?;
        let next = self.waiting.remove(index);
        self.due = self.due.filter(|_due| !self.waiting.is_empty());
        Some(next)
    }

    /// Gives up waiting.
    pub(crate) fn into_waiting(self) -> Vec<Delivery> {
        self.waiting
    }
}

/// Whose turn it is among so many in their order: in as many rounds it is everybody's.
fn turn(round: u64, among: usize) -> Option<usize> {
    usize::try_from(round.checked_rem(u64::try_from(among).ok()?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_the_first_once_in_as_many_rounds() {
        for round in [0, 11, u64::MAX - 5] {
            let mut turns: Vec<_> = (round..round + 5).map(|round| turn(round, 5).unwrap()).collect();
            turns.sort_unstable();
            assert_eq!(turns, [0, 1, 2, 3, 4]);
        }
        assert_eq!(turn(3, 0), None);
    }
}
