//! Telling at once what was just committed: the relay that events may wait, the gateways and
//! the sender of callbacks that a job has ended.

use intake_broker::Publisher;
use intake_store::Ending;
use intake_telemetry::Metric;
use intake_types::{Header, JobId, JobState};

use crate::relay::Wake;

/// Tells what was committed. Whoever is not told finds it in the database a little later.
#[derive(Debug, Clone)]
pub(crate) struct Announcer {
    publisher: Publisher,
    events: Wake,
    callbacks: Wake,
}

impl Announcer {
    pub(crate) fn new(publisher: Publisher, events: Wake, callbacks: Wake) -> Self {
        Self { publisher, events, callbacks }
    }

    /// Something was committed that events may tell of.
    pub(crate) fn progress(&self) {
        self.events.wake();
    }

    /// A job has ended; told by whoever has ended it.
    pub(crate) fn ended(&self, header: &Header, ending: Ending) {
        if ending.is_new {
            self.job_ended(header.job_id, ending.state, header.callback_url.is_some());
        }
    }

    /// A job is in a state that is its last, and may have a callback to be made. Does not wait until that is told.
    pub(crate) fn job_ended(&self, job_id: JobId, state: JobState, calls_back: bool) {
        self.events.wake();
        if calls_back {
            self.callbacks.wake();
        }
        Metric::WorkerJobs.add(1, &[("state", state.word().to_owned())]);
        let publisher = self.publisher.clone();
        tokio::spawn(async move {
            if let Err(error) = publisher.announce(job_id.to_string().into_bytes()).await {
                tracing::debug!(%error, job.id = %job_id, "nobody was told that a job has ended");
            }
        });
    }
}
