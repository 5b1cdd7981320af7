//! Notices of jobs that ended, as a gateway hears them.

use intake_broker::{Notices, State};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::World;

/// Hears which jobs of a world have ended.
pub struct Listener<'a> {
    world: &'a World,
    notices: Notices,
    _stopped_when_dropped: DropGuard,
}

impl World {
    /// Listens from now on.
    pub fn listen(&self) -> Listener<'_> {
        let shutdown = CancellationToken::new();
        let notices = self.runtime().block_on(async {
            let notices = Notices::start(&self.queues, "intake-tests", shutdown.clone());
            notices.watch().wait_for(|state| *state == State::Ready).await.expect("the broker answers");
            notices
        });
        Listener { world: self, notices, _stopped_when_dropped: shutdown.drop_guard() }
    }
}

impl Listener<'_> {
    /// The next job that ended.
    pub fn next_job(&mut self) -> String {
        let notice = self.world.runtime().block_on(self.notices.next()).expect("a notice");
        String::from_utf8(notice).expect("a job id")
    }
}
