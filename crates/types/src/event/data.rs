//! The `data` of each type of event.

use serde::Serialize;

use crate::plan::Names;
use crate::report::LedgerEntry;
use crate::{Contact, DatabaseId, JobId, JobState, ResourceId, Tally};

/// What the types of events tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    Profile(ProfileData<'a>),
    Subscription(SubscriptionData<'a>),
    Job(JobData<'a>),
}

/// Where an event came from: part of all data.
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Origin<'a> {
    pub(super) db_id: DatabaseId,
    pub(super) job_id: JobId,
    /// The client's own name of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_id: Option<&'a str>,
}

/// A profile's own fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProfileData<'a> {
    #[serde(flatten)]
    pub(super) origin: Origin<'a>,
    pub(super) changed: &'a Names,
}

/// One subscription of a profile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct SubscriptionData<'a> {
    #[serde(flatten)]
    pub(super) origin: Origin<'a>,
    pub(super) resource_id: ResourceId,
    /// The channel's word.
    pub(super) channel: &'a str,
    /// How the subscriber is reached there, with the keys that a record has for it.
    pub(super) contact: &'a Contact,
    pub(super) changed: &'a Names,
}

/// A job that has ended: the members of its status that will not change any more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JobData<'a> {
    #[serde(flatten)]
    origin: Origin<'a>,
    status: &'static str,
    /// It changed nothing: what it counts as created and updated would have been.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    validate_only: bool,
    total: u32,
    processed: u32,
    created: u32,
    updated: u32,
    unchanged: u32,
    skipped: u32,
    failed: u32,
    warnings: u32,
    error: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_text: Option<&'a str>,
}

/// A job that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndedJob<'a> {
    /// The job.
    pub job_id: JobId,
    /// The database it was for.
    pub db_id: DatabaseId,
    /// The client's own name of it.
    pub external_id: Option<&'a str>,
    /// The state that is its last.
    pub state: JobState,
    /// It changed nothing.
    pub validate_only: bool,
    /// Records in it.
    pub total: u32,
    /// What became of them.
    pub tally: Tally,
    /// How many warnings there are on the job as a whole.
    pub warnings: u32,
    /// Why it could not be applied as a whole, if so.
    pub error: Option<(u16, &'a str)>,
}

impl<'a> EndedJob<'a> {
    pub(crate) fn of(job_id: JobId, state: JobState, entry: &'a LedgerEntry) -> Self {
        Self {
            job_id,
            db_id: entry.db_id,
            external_id: entry.external_id.as_deref(),
            state,
            validate_only: entry.validate_only,
            total: entry.total,
            tally: entry.tally,
            warnings: u32::try_from(entry.warnings.len()).unwrap_or(u32::MAX),
            error: entry.error.as_ref().map(|(error, text)| (*error, text.as_str())),
        }
    }
}

impl<'a> From<EndedJob<'a>> for JobData<'a> {
    fn from(job: EndedJob<'a>) -> Self {
        let EndedJob { job_id, db_id, external_id, tally, .. } = job;
        Self {
            origin: Origin { db_id, job_id, external_id },
            status: job.state.word(),
            validate_only: job.validate_only,
            total: job.total,
            processed: tally.processed(),
            created: tally.created,
            updated: tally.updated,
            unchanged: tally.unchanged,
            skipped: tally.skipped,
            failed: tally.failed,
            warnings: tally.warnings.saturating_add(job.warnings),
            error: job.error.map_or(0, |(error, _)| error),
            error_text: job.error.map(|(_, text)| text),
        }
    }
}
