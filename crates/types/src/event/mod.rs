//! Events: what others are told of each change, as CloudEvents 1.0. They name what changed and never say the values.
//!
//! `Plan -> Event -> outbox -> message`. One event for each row that a transaction makes or changes, so a person who is
//! met twice in it is told of once. <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>

mod data;
mod page;
mod strand;
#[cfg(test)]
mod tests;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use self::data::{Data, Origin, ProfileData, SubscriptionData};
use crate::plan::{Change, Part};
use crate::report::LedgerEntry;
use crate::{DatabaseId, Header, JobId, JobState};

pub(crate) use data::JobData;
pub use page::{Page, Topic, join, pages};
pub use strand::Strand;

/// The content type of a message of events: an array of them.
pub const CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// One event. Its serialised form is the JSON form of a CloudEvent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event<'a> {
    specversion: &'static str,
    /// The same however often the event is delivered, and no other event's.
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
    #[serde(skip)]
    strand: Strand,
    #[serde(skip)]
    topic: Topic,
}

impl<'a> Event<'a> {
    /// What to tell of the changes of one chunk, in the order in which they are told.
    ///
    /// `first_index` is the first record of the chunk: no two chunks of a job share it, so job, index and position make
    /// the id. `at` is the time that the rows get.
    pub fn of_changes(
        header: &'a Header,
        first_index: u32,
        at: DateTime<Utc>,
        changes: &'a [Change],
    ) -> impl Iterator<Item = Self> {
        changes.iter().enumerate().map(move |(position, change)| {
            let id = format!("{}:{first_index}:{position}", header.job_id);
            Self::of_change(header, id, at, change)
        })
    }

    fn of_change(header: &'a Header, id: String, at: DateTime<Utc>, change: &'a Change) -> Self {
        let origin =
            Origin { db_id: header.db_id, job_id: header.job_id, external_id: header.external_id.as_deref() };
        let changed = &change.changed;
        let (kind, data) = match (&change.part, change.is_new) {
            (Part::Profile, true) => ("profile.created", Data::Profile(ProfileData { origin, changed })),
            (Part::Profile, false) => ("profile.updated", Data::Profile(ProfileData { origin, changed })),
            (Part::Subscription(subscribed), is_new) => (
                if is_new { "subscription.created" } else { "subscription.updated" },
                Data::Subscription(SubscriptionData { origin, subscribed, changed }),
            ),
        };
        let subject = change.profile_id.to_string();
        Self {
            strand: Strand::of(change.profile_id.0),
            ..Self::new(id, header.db_id, subject, at, kind, data)
        }
    }

    /// What to tell of a job that has ended; `at` is when.
    pub fn of_job(job_id: JobId, state: JobState, entry: &'a LedgerEntry, at: DateTime<Utc>) -> Self {
        let data = Data::Job(JobData::of_job(job_id, state, entry));
        let (id, subject) = (format!("{job_id}:completed"), job_id.to_string());
        let event = Self::new(id, entry.db_id, subject, at, "job.completed", data);
        Self { strand: Strand::of(job_id.0), topic: Topic::Jobs, ..event }
    }

    fn new(
        id: String,
        db_id: DatabaseId,
        subject: String,
        at: DateTime<Utc>,
        kind: &'static str,
        data: Data<'a>,
    ) -> Self {
        Self {
            specversion: "1.0",
            id,
            source: format!("/intake/databases/{db_id}"),
            kind,
            subject,
            time: at.to_rfc3339_opts(SecondsFormat::Millis, true),
            datacontenttype: "application/json",
            data,
            strand: Strand::FIRST,
            topic: Topic::Profiles,
        }
    }
}
