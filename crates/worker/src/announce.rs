//! Telling at once what was just committed: the relay that events may wait, the gateways and
//! the sender of callbacks that a job has ended.

use intake_broker::Publisher;
use intake_store::Ending;
use intake_telemetry::Metric;
use intake_types::{Header, JobId, JobState};

use crate::relay::Wake;

/// Jobs in one notice, a line each: a notice has a thousand bytes at most.
const TOLD_AT_ONCE: usize = 25;

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
        self.jobs_ended(vec![(job_id, state, calls_back)]);
    }

    /// As [`Self::job_ended`], of several.
    pub(crate) fn jobs_ended(&self, jobs: Vec<(JobId, JobState, bool)>) {
        if jobs.is_empty() {
            return;
        }
        self.events.wake();
        if jobs.iter().any(|(_, _, calls_back)| *calls_back) {
            self.callbacks.wake();
        }
        for (_, state, _) in &jobs {
            Metric::WorkerJobs.add(1, &[("state", state.word().to_owned())]);
        }
        let publisher = self.publisher.clone();
        tokio::spawn(async move {
            for jobs in jobs.chunks(TOLD_AT_ONCE) {
                let ids: Vec<String> = jobs.iter().map(|(job_id, _, _)| job_id.to_string()).collect();
                if let Err(error) = publisher.announce(ids.join("\n").into_bytes()).await {
                    tracing::debug!(%error, jobs = ids.len(), "nobody was told that jobs have ended");
                }
            }
        });
    }
}
