//! What everybody is told: the results of each job, and the event of its end.

use std::collections::BTreeSet;

use intake_broker::testing::Tap;
use serde_json::Value;

use crate::book::{Ended, Entry};
use crate::gateways::Gateways;
use crate::programs::Programs;

/// The ends of jobs, of all databases.
const PATTERN: &str = "db.*.jobs";

/// Has the ends of jobs kept from now on.
pub(crate) fn keep_ends(programs: &Programs) {
    let bound = programs.runtime.block_on(Tap::bind(&programs.queues, PATTERN, None));
    drop(bound.expect("a queue of events"));
}

/// The jobs of whose ends was told.
pub(crate) fn ends(programs: &Programs) -> BTreeSet<String> {
    programs.runtime.block_on(async {
        // The same queue again: the connection to it has not lived through everything.
        let tap = Tap::bind(&programs.queues, PATTERN, None).await.expect("the queue of events");
        let mut jobs = BTreeSet::new();
        while let Some(message) = tap.take().await.expect("the broker answers") {
            let events: Vec<Value> = serde_json::from_slice(&message.body).expect("events are JSON");
            jobs.extend(
                events.iter().filter_map(|event| event["data"]["job_id"].as_str()).map(str::to_owned),
            );
        }
        jobs
    })
}

/// Whether a job that has ended is still told of as it was then.
pub(crate) fn check_end(gateways: &Gateways, entry: &Entry) -> Result<(), String> {
    let (Some((_, job)), Some(ended)) = (&entry.acknowledged, &entry.ended) else { return Ok(()) };
    let status = gateways.job(0, entry.request.account, job).and_then(|answer| answer.json());
    let now = status.as_ref().and_then(Ended::read);
    if now.as_ref() == Some(ended) { Ok(()) } else { Err(format!("job {job} was {ended:?}, and is {now:?}")) }
}

/// Whether a job that was applied has one result for each of its records, in their order.
pub(crate) fn check_results(gateways: &Gateways, entry: &Entry) -> Result<(), String> {
    let Some((_, job)) = &entry.acknowledged else { return Ok(()) };
    let Some(answer) = gateways.results(entry.request.account, job) else {
        return Err(format!("no results of job {job}"));
    };
    let records = entry.request.people.len();
    let index = |line: &str| serde_json::from_str::<Value>(line).ok()?["index"].as_u64();
    let indices: Vec<_> = answer.text.lines().map(index).collect();
    let is_whole =
        indices.len() == records && indices.iter().zip(0..).all(|(found, index)| *found == Some(index));
    if is_whole {
        Ok(())
    } else {
        Err(format!("{} results of the {records} records of job {job}", indices.len()))
    }
}
