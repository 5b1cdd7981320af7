//! Events: what others are told of each change, as CloudEvents 1.0. They name what changed and never say the values.
//!
//! `Plan -> Event -> outbox -> message`. One event for each row that a transaction makes or changes, so a person who is
//! met twice in it is told of once. <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>

mod data;
mod page;
mod strand;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use self::data::{Data, Origin, ProfileData, SubscriptionData};
use crate::plan::{Change, Part};
use crate::{DatabaseId, Header, JobId, ProfileId};

pub use data::EndedJob;
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
    id: Id,
    source: Source,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: Subject,
    #[serde(serialize_with = "as_text")]
    time: Arc<str>,
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
        let time = text_of(at);
        changes.iter().enumerate().map(move |(position, change)| {
            let id = Id::Change { job_id: header.job_id, first_index, position };
            Self::of_change(header, id, Arc::clone(&time), change)
        })
    }

    fn of_change(header: &'a Header, id: Id, time: Arc<str>, change: &'a Change) -> Self {
        let origin =
            Origin { db_id: header.db_id, job_id: header.job_id, external_id: header.external_id.as_deref() };
        let changed = &change.changed;
        let (kind, data) = match (&change.part, change.is_new) {
            (Part::Profile, true) => ("profile.created", Data::Profile(ProfileData { origin, changed })),
            (Part::Profile, false) => ("profile.updated", Data::Profile(ProfileData { origin, changed })),
            (Part::Subscription(subscription), is_new) => (
                if is_new { "subscription.created" } else { "subscription.updated" },
                Data::Subscription(SubscriptionData {
                    origin,
                    resource_id: subscription.resource_id,
                    channel: subscription.channel.word(),
                    contact: &subscription.contact,
                    changed,
                }),
            ),
        };
        let subject = Subject::Profile(change.profile_id);
        Self {
            strand: Strand::of(change.profile_id.0),
            ..Self::new(id, header.db_id, subject, time, kind, data)
        }
    }

    /// What to tell of a job that has ended; `at` is when.
    pub fn of_job(job: EndedJob<'a>, at: DateTime<Utc>) -> Self {
        let (job_id, db_id, data) = (job.job_id, job.db_id, Data::Job(job.into()));
        let (id, subject) = (Id::Completed(job_id), Subject::Job(job_id));
        let event = Self::new(id, db_id, subject, text_of(at), "job.completed", data);
        Self { strand: Strand::of(job_id.0), topic: Topic::Jobs, ..event }
    }

    fn new(
        id: Id,
        db_id: DatabaseId,
        subject: Subject,
        time: Arc<str>,
        kind: &'static str,
        data: Data<'a>,
    ) -> Self {
        Self {
            specversion: "1.0",
            id,
            source: Source(db_id),
            kind,
            subject,
            time,
            datacontenttype: "application/json",
            data,
            strand: Strand::FIRST,
            topic: Topic::Profiles,
        }
    }
}

fn text_of(time: DateTime<Utc>) -> Arc<str> {
    time.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// What an event is known by. Made into a text where that is written: there are very many.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Id {
    Change { job_id: JobId, first_index: u32, position: usize },
    Completed(JobId),
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Change { job_id, first_index, position } => {
                serializer.collect_str(&format_args!("{job_id}:{first_index}:{position}"))
            }
            Self::Completed(job_id) => serializer.collect_str(&format_args!("{job_id}:completed")),
        }
    }
}

/// The database that something happened in.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Source(DatabaseId);

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/intake/databases/{}", self.0))
    }
}

/// Whom or what an event is about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Subject {
    Profile(ProfileId),
    Job(JobId),
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Profile(id) => serializer.collect_str(id),
            Self::Job(id) => serializer.collect_str(id),
        }
    }
}
