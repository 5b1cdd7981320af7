//! What everybody is told: the results of each job, and the events of changes and ends.

use std::collections::{BTreeMap, BTreeSet};

use intake_broker::testing::Tap;
use intake_types::{JobId, ProfileId};
use serde::Deserialize;

use crate::gateways::Gateways;
use crate::programs::Programs;

/// All events.
const PATTERN: &str = "db.#";

/// What events have told, repeats left out.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The jobs of whose ends was told.
    pub(crate) ends: BTreeSet<JobId>,
    /// The changes of each profile, in the order in which that was told.
    pub(crate) changes: BTreeMap<ProfileId, Vec<Change>>,
}

/// One event of a change.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) job: JobId,
    /// The first record of its chunk, and its place among the events of that.
    pub(crate) place: (u32, u32),
    pub(crate) kind: Kind,
    /// Which of the [`MARKS`] it changed.
    pub(crate) marks: [bool; MARKS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "profile.created")]
    Created,
    #[serde(rename = "profile.updated")]
    Updated,
    #[serde(rename = "subscription.created")]
    Subscribed,
    #[serde(rename = "subscription.updated")]
    SubscriptionUpdated,
    #[serde(rename = "job.completed")]
    Ended,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: Kind,
    subject: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    job_id: JobId,
    #[serde(default)]
    changed: Vec<String>,
}

/// What each record that has it sets to a value of its own.
pub(crate) const MARKS: [&str; 3] = ["city", "_fname", "custom_fields.note"];

/// Has events kept from now on.
pub(crate) fn keep(programs: &Programs) {
    let bound = programs.runtime.block_on(Tap::bind(&programs.queues, PATTERN, None));
    drop(bound.expect("a queue of events"));
}

impl Told {
    /// All that was told.
    pub(crate) fn read(programs: &Programs) -> Self {
        programs.runtime.block_on(async {
            // The same queue again: the connection to it has not lived through everything.
            let tap = Tap::bind(&programs.queues, PATTERN, None).await.expect("the queue of events");
            let (mut told, mut ids) = (Self::default(), BTreeSet::new());
            while let Some(message) = tap.take().await.expect("the broker answers") {
                let events: Vec<Event> = serde_json::from_slice(&message.body).expect("events are JSON");
                for event in events {
                    let mut parts = event.id.split(':').skip(1).map(|part| part.parse().unwrap_or_default());
                    let place = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                    if ids.insert((event.data.job_id, event.kind == Kind::Ended, place)) {
                        told.add(event, place);
                    }
                }
            }
            told
        })
    }

    fn add(&mut self, event: Event, place: (u32, u32)) {
        let Event { kind, subject, data: Data { job_id, changed }, .. } = event;
        if kind == Kind::Ended {
            self.ends.insert(job_id);
            return;
        }
        let marks = MARKS.map(|mark| changed.iter().any(|name| name == mark));
        let profile = ProfileId(subject.parse().expect("a change is of a profile"));
        self.changes.entry(profile).or_default().push(Change { job: job_id, place, kind, marks });
    }
}

#[derive(Deserialize)]
struct Line {
    index: usize,
}

/// Whether a job that has ended has as many results as it has records, in their order.
pub(crate) fn check_results(
    gateways: &Gateways,
    account: usize,
    job: &str,
    records: usize,
) -> Result<(), String> {
    let Some(answer) = gateways.results(account, job) else { return Err(format!("no results of job {job}")) };
    let index = |line: &str| serde_json::from_str::<Line>(line).ok().map(|line| line.index);
    let indices: Option<Vec<_>> = answer.text.lines().map(index).collect();
    if indices.is_some_and(|indices| indices.iter().copied().eq(0..records)) {
        Ok(())
    } else {
        Err(format!(
            "job {job} has not the results of its {records} records: {} lines",
            answer.text.lines().count()
        ))
    }
}
