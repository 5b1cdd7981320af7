//! Deliveries that came back so often that one of them may be what kills the workers: kept apart, so that it takes no
//! other job to its end.
//!
//! When a worker dies, all that it had in hand comes back, counted: whatever was beside the culprit each time looks like
//! it. So the second half of their deliveries such messages are worked on one at a time, and another one first each
//! time: sooner or later each comes before the culprit, and is done.
//!
//! Small ones come before those of bulk, and do not wait for one that is in hand. One of bulk is not begun before they are done: so
//! where one of them is the culprit, the ledger tells that the other was hardly ever begun, and it is put back in the end.

use std::time::Duration;

use intake_broker::{Class, Delivery, Lane, Prefetch};
use tokio::time::Instant;

use crate::slots::Kind;
use crate::task::is_piece;

/// How long the first of them waits for others that came back with it.
const GATHERING: Duration = Duration::from_millis(500);

/// Those that wait for their turn.
pub(crate) struct Suspects {
    /// How often a message has come back before the delivery that is its last.
    last_delivery: u64,
    /// As many of a lane are kept here: after a pause the broker sends as many again beside them.
    most_of_lane: Prefetch,
    waiting: Vec<Delivery>,
    /// When enough have been waited for.
    due: Option<Instant>,
}

impl Suspects {
    pub(crate) fn new(last_delivery: u64, most_of_lane: Prefetch) -> Self {
        Self { last_delivery, most_of_lane, waiting: Vec::new(), due: None }
    }

    /// Never a piece of a stream, which others wait for.
    pub(crate) fn is_one(&self, delivery: &Delivery) -> bool {
        delivery.delivery_count > self.last_delivery / 2 && !is_piece(delivery)
    }

    pub(crate) fn is_room_for(&self, lane: Lane) -> bool {
        let waiting = self.waiting.iter().filter(|delivery| delivery.lane == lane).count();
        waiting < usize::from(self.most_of_lane.of(lane.class()))
    }

    pub(crate) fn add(&mut self, delivery: Delivery) {
        self.due.get_or_insert_with(|| Instant::now() + GATHERING);
        self.waiting.push(delivery);
        self.waiting.sort_by(|one, other| one.message_id.cmp(&other.message_id));
    }

    /// When one is due, if any waits.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next one that may be begun by now, beside what is in hand.
    pub(crate) fn take(&mut self, now: Instant, is_in_hand: impl Fn(Kind) -> bool) -> Option<Delivery> {
        self.due.filter(|due| *due <= now)?;
        // What was lost with a connection comes again.
        self.waiting.retain(Delivery::is_current);
        let class = self.waiting.iter().map(|delivery| delivery.lane.class()).min();
        let next = class
            .filter(|class| !is_in_hand(Kind::Suspect(Class::Small)) && !is_in_hand(Kind::Suspect(*class)));
        let next = next.and_then(|class| self.first_of(class));
        self.due = self.due.filter(|_due| !self.waiting.is_empty());
        next
    }

    fn first_of(&mut self, class: Class) -> Option<Delivery> {
        let places = || self.waiting.iter().enumerate().filter(|(_, waiting)| waiting.lane.class() == class);
        let round = places().map(|(_, delivery)| delivery.delivery_count).max()?;
        let (place, _) = places().nth(turn(round, places().count())?)?;
        Some(self.waiting.remove(place))
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
