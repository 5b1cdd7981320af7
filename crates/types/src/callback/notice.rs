//! What a callback says: that a job has ended, and how.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::event::{EndedJob, JobData};
use crate::wire::status_path;
use crate::{JobId, Status};

/// The body of a callback, and the id that is the same however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackNotice {
    /// Tells the message from any other.
    pub id: String,
    /// JSON; the same bytes each time.
    pub body: Vec<u8>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    job: JobData<'a>,
    accepted_at: Option<String>,
    started_at: String,
    finished_at: String,
    status_url: String,
    results_url: String,
}

impl CallbackNotice {
    /// What to tell of a job; `None` when it has not ended.
    pub fn of(status: &Status) -> Option<Self> {
        let entry = status.ledger.as_ref()?;
        let (job_id, path) = (status.job_id, status_path(status.job_id));
        let finished_at = moment(entry.finished_at?);
        let data = Data {
            job: EndedJob::of(job_id, status.state, entry).into(),
            accepted_at: accepted_at(job_id),
            started_at: moment(entry.started_at),
            finished_at: finished_at.clone(),
            results_url: format!("{path}/results"),
            status_url: path,
        };
        let body = serde_json::to_vec(&Body { kind: "job.completed", timestamp: finished_at, data }).ok()?;
        Some(Self { id: format!("{job_id}:completed"), body })
    }
}

fn accepted_at(job_id: JobId) -> Option<String> {
    DateTime::from_timestamp_micros(job_id.accepted_at_micros()).map(moment)
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
