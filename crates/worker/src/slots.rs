//! What a worker is at side by side, and how much of each kind that may be.

use std::collections::HashMap;

use intake_broker::{Class, Delivery, Lane};
use tokio::task::{Id, JoinError};

use crate::Work;
use crate::task::is_piece;

/// Pieces of streams: of one lane one at a time. Each is quickly entered, and may be unpacked to as much as a job.
const PIECES: usize = 2;

/// What a slot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Job(Class),
    /// What came back often: one of each class at a time.
    Suspect(Class),
    Piece,
}

impl Kind {
    /// Of a delivery by itself. Pieces are taken whatever jobs are in hand, and however long those may take: a sealed stream may be
    /// waiting for one elsewhere.
    pub(crate) fn of(delivery: &Delivery) -> Self {
        if is_piece(delivery) { Self::Piece } else { Self::Job(delivery.lane.class()) }
    }
}

/// The slots, each taken by a task or free.
#[derive(Debug)]
pub(crate) struct Slots {
    small: usize,
    bulk: usize,
    taken: HashMap<Id, (Kind, Lane)>,
}

impl Slots {
    pub(crate) fn new(work: &Work) -> Self {
        let (small, bulk) = (usize::from(work.small_jobs), usize::from(work.jobs));
        Self { small, bulk, taken: HashMap::new() }
    }

    pub(crate) fn is_free(&self, kind: Kind, lane: Lane) -> bool {
        let (most, most_of_lane) = self.most(kind);
        let of_lane = self.taken.values().filter(|slot| **slot == (kind, lane)).count();
        of_lane < most_of_lane && self.count(kind) < most
    }

    pub(crate) fn is_any_taken(&self, kind: Kind) -> bool {
        self.count(kind) > 0
    }

    fn count(&self, kind: Kind) -> usize {
        self.taken.values().filter(|(taken, _)| *taken == kind).count()
    }

    /// How many there are, and how many of them one lane may have. Of small jobs it leaves one to others, so that those which
    /// take long, as where somebody has locked what they need, do not hold up all.
    fn most(&self, kind: Kind) -> (usize, usize) {
        match kind {
            Kind::Job(Class::Small) => (self.small, self.small.saturating_sub(1).max(1)),
            Kind::Job(Class::Bulk) => (self.bulk, self.bulk),
            Kind::Suspect(_) => (1, 1),
            Kind::Piece => (PIECES, 1),
        }
    }

    /// Has a slot taken by a task, until that has ended.
    pub(crate) fn take(&mut self, kind: Kind, lane: Lane, task: Id) {
        self.taken.insert(task, (kind, lane));
    }

    /// A job that panics drops its delivery, which so goes back as one that failed: the broker delivers it again, and counts.
    pub(crate) fn free(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = ended.map_or_else(
            |error| {
                tracing::error!(%error, "a job ended in a panic");
                error.id()
            },
            |(id, ())| id,
        );
        self.taken.remove(&id);
    }
}
