//! The `data` of each type of event.

use serde::Serialize;

use crate::plan::Names;
use crate::report::LedgerEntry;
use crate::{Contact, DatabaseId, JobId, JobState, ResourceId};

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

impl<'a> JobData<'a> {
    pub(crate) fn of_job(job_id: JobId, state: JobState, entry: &'a LedgerEntry) -> Self {
        let origin = Origin { db_id: entry.db_id, job_id, external_id: entry.external_id.as_deref() };
        let tally = entry.tally;
        let job_warnings = u32::try_from(entry.warnings.len()).unwrap_or(u32::MAX);
        let error = entry.error.as_ref();
        Self {
            origin,
            status: state.word(),
            validate_only: entry.validate_only,
            total: entry.total,
            processed: tally.processed(),
            created: tally.created,
            updated: tally.updated,
            unchanged: tally.unchanged,
            skipped: tally.skipped,
            failed: tally.failed,
            warnings: tally.warnings.saturating_add(job_warnings),
            error: error.map_or(0, |(error, _)| *error),
            error_text: error.map(|(_, text)| text.as_str()),
        }
    }
}
