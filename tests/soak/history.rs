//! The history of each person as events tell it: each change once, and in an order that agrees with that of acceptance and with
//! what the clients saw. It shows also what was wrong for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use intake_types::{JobId, ProfileId, Stamp};

use crate::book::Closed;
use crate::ledger::{Fate, Ledger};
use crate::reckoning::Reckoning;
use crate::told::{Change, Kind, MARKS, Told};

/// A chunk, and somebody in it.
type Step = (ProfileId, JobId, u32);

/// Looks at all of it.
pub(crate) fn check(reckoning: &mut Reckoning, closed: &Closed, ledger: &Ledger, told: &Told) {
    let steps_told: BTreeSet<Step> = told
        .changes
        .iter()
        .flat_map(|(profile, changes)| {
            let of_profile =
                changes.iter().filter(|change| matches!(change.kind, Kind::Created | Kind::Updated));
            of_profile.map(|change| (*profile, change.job, change.place.0))
        })
        .collect();
    let steps = steps(ledger);
    for (profile, job, first) in steps.difference(&steps_told) {
        reckoning.lose(1, format!("no event tells of {profile} in the chunk at {first} of job {job}"));
    }
    for (profile, job, first) in steps_told.difference(&steps) {
        let what =
            format!("an event tells of {profile} in the chunk at {first} of job {job}, which is not there");
        reckoning.double(1, what);
    }
    let times = Times::of(closed, ledger);
    for (profile, changes) in &told.changes {
        let is_begun = changes.first().is_some_and(|change| change.kind == Kind::Created);
        let created = changes.iter().filter(|change| change.kind == Kind::Created).count();
        if !is_begun || created != 1 {
            reckoning.complain(format!("{profile} was told to be created {created} times, or not first"));
        }
        if let Err(complaint) = in_order_of_marks(ledger, changes) {
            reckoning.late(format!("{profile}: {complaint}"));
        }
        if let Err(complaint) = in_order_of_time(&times, changes) {
            reckoning.complain(format!("{profile}: {complaint}"));
        }
    }
}

/// Each chunk changes all whom it applied records to: it counts their visits.
fn steps(ledger: &Ledger) -> BTreeSet<Step> {
    let mut steps = BTreeSet::new();
    for (id, job) in ledger.jobs.iter().filter(|(_, job)| !job.header.validate_only) {
        for chunk in &job.chunks {
            for fate in &chunk.fates {
                if let Fate::Applied(profile) = fate {
                    steps.insert((*profile, *id, chunk.first_index));
                }
            }
        }
    }
    steps
}

/// What has a mark is changed by whoever writes it, so nobody changes it after somebody who was accepted later.
fn in_order_of_marks(ledger: &Ledger, changes: &[Change]) -> Result<(), String> {
    let mut last: BTreeMap<&str, (Stamp, JobId)> = BTreeMap::new();
    for change in changes {
        let Some(job) = ledger.jobs.get(&change.job) else { continue };
        for (name, _) in MARKS.iter().zip(change.marks).filter(|(_, is_changed)| *is_changed) {
            let this = (job.header.stamp(), change.job);
            match last.insert(name, this) {
                Some((stamp, other)) if stamp > this.0 => {
                    return Err(format!("job {} has changed {name} after job {other} had", change.job));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// When requests were sent and jobs were seen to have ended.
struct Times {
    sent: BTreeMap<JobId, Instant>,
    ended: BTreeMap<JobId, Instant>,
}

impl Times {
    fn of(closed: &Closed, ledger: &Ledger) -> Self {
        let (mut sent, mut ended) = (BTreeMap::new(), BTreeMap::new());
        for (id, job) in &ledger.jobs {
            let number = job.header.external_id.as_ref().and_then(|number| number.parse().ok());
            // What goes on with another job was asked for later than that.
            if let Some(entry) = number.and_then(|number: u32| closed.entries.get(&number)) {
                sent.insert(*id, entry.sent);
            }
        }
        for followed in closed.jobs.values() {
            if let Some((at, end)) = &followed.ended
                && let Ok(job) = end.job.parse()
            {
                ended.entry(JobId(job)).or_insert(*at);
            }
        }
        Self { sent, ended }
    }
}

/// A job that was seen to have ended before another one was sent comes before it, and the chunks of a job come in their order.
fn in_order_of_time(times: &Times, changes: &[Change]) -> Result<(), String> {
    let mut last_sent: Option<(Instant, JobId)> = None;
    let mut reached: BTreeMap<JobId, (u32, u32)> = BTreeMap::new();
    for change in changes {
        if let (Some(ended), Some((sent, other))) = (times.ended.get(&change.job), last_sent)
            && *ended < sent
        {
            return Err(format!(
                "job {} had ended when {other} was sent, and is told of after it",
                change.job
            ));
        }
        if reached.insert(change.job, change.place).is_some_and(|before| before >= change.place) {
            return Err(format!("the chunks of job {} are not told of in their order", change.job));
        }
        let sent = times.sent.get(&change.job).map(|sent| (*sent, change.job));
        last_sent = last_sent.max(sent);
    }
    Ok(())
}
