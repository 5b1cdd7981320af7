//! The reckoning: what was acknowledged, against how the jobs ended and what is in the database.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use intake_store::testing::TestDatabase;
use intake_types::{JobId, Stamp};

use crate::book::{Closed, Entry, Followed};
use crate::gateways::Gateways;
use crate::ledger::{Fate, Job, Ledger};
use crate::request::{TOKENS, Wish};
use crate::told::{Told, check_results};
use crate::{compare, history};

/// Complaints that are shown.
const SHOWN: usize = 20;

/// What comes of it all.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    /// Acknowledged requests.
    jobs: usize,
    /// Jobs that failed records were made.
    retries: usize,
    /// Jobs that were given up, and those that went on with them.
    given_up: usize,
    redriven: usize,
    /// Records of acknowledged requests.
    acknowledged: usize,
    /// Of these, those that were applied.
    applied: usize,
    /// Of these, those that were skipped, since their job was cancelled.
    skipped: usize,
    /// Of these, those that are wrong themselves.
    failed: usize,
    /// Of these, those that were none of that, and those that were told to be applied and of which nothing is seen.
    lost: usize,
    /// What was applied once more than it was sent, and people who are there once more.
    duplicated: usize,
    /// What is not as it would be had all been applied in the order of acceptance, and what was not so for a while.
    late: usize,
    /// Values that were compared, and those of which it is not known what they should be.
    pub(crate) compared: usize,
    pub(crate) unsure: usize,
    longest_stall: Duration,
    /// What is wrong, in words.
    complaints: Vec<String>,
}

impl Reckoning {
    pub(crate) fn of(
        closed: &Closed,
        gateways: &Gateways,
        told: &Told,
        ledger: &Ledger,
        database: &TestDatabase,
    ) -> Self {
        let mut reckoning = Self {
            longest_stall: closed.longest_stall,
            complaints: closed.complaints.clone(),
            given_up: ledger.jobs.keys().filter(|id| ledger.jobs.contains_key(&id.redriven())).count(),
            ..Self::default()
        };
        for (id, followed) in &closed.jobs {
            reckoning.job(closed, gateways, told, (id, followed));
        }
        let mut jobs: BTreeMap<u32, Vec<JobId>> = BTreeMap::new();
        for (id, job) in &ledger.jobs {
            let number = job.header.external_id.as_ref().and_then(|number| number.parse().ok());
            jobs.entry(number.unwrap_or(u32::MAX)).or_default().push(*id);
            reckoning.kept(told, ledger, *id, job);
        }
        for entry in closed.entries.values() {
            let jobs = jobs.get(&entry.request.number).map(Vec::as_slice).unwrap_or_default();
            reckoning.request(ledger, entry, jobs);
            reckoning.names(gateways, ledger, entry);
        }
        for account in 0..TOKENS.len() {
            reckoning.order(closed, ledger, account);
        }
        compare::check(&mut reckoning, closed, ledger, database);
        history::check(&mut reckoning, closed, ledger, told);
        reckoning.prove(closed.entries.len());
        reckoning
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.complaints.is_empty() && self.lost + self.duplicated + self.late == 0
    }

    pub(crate) fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    pub(crate) fn lose(&mut self, count: usize, complaint: String) {
        self.lost += count;
        self.complain(complaint);
    }

    pub(crate) fn double(&mut self, count: usize, complaint: String) {
        self.duplicated += count;
        self.complain(complaint);
    }

    pub(crate) fn late(&mut self, complaint: String) {
        self.late += 1;
        self.complain(complaint);
    }

    /// An acknowledged job: it has ended, was told of, and is still told as it was then.
    fn job(&mut self, closed: &Closed, gateways: &Gateways, told: &Told, (id, followed): (&str, &Followed)) {
        self.retries += usize::from(followed.retry_of.is_some());
        let Some((_, ended)) = &followed.ended else {
            return self.complain(format!("job {id} has not ended"));
        };
        let wish = closed.entries.get(&followed.number).map(|entry| entry.request.wish);
        let is_right = match ended.state.as_str() {
            "completed" => true,
            "cancelled" => wish == Some(Wish::Cancel),
            _failed => ended.is_given_up(),
        };
        if !is_right {
            self.complain(format!("job {id} has ended as {}: {}", ended.state, ended.text));
        }
        if !ended.job.parse().is_ok_and(|job| told.ends.contains(&JobId(job))) {
            self.complain(format!("no event told of the end of job {}", ended.job));
        }
        let status = gateways.job(0, followed.account, id).and_then(|answer| answer.json());
        let now = status.as_ref().and_then(crate::book::Ended::read);
        if now.as_ref() != Some(ended) {
            self.complain(format!("job {id} was {ended:?}, and is {now:?}"));
        }
        let processed = status.as_ref().and_then(|status| status["processed"].as_u64());
        let processed = processed.and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
        check_results(gateways, followed.account, id, processed).unwrap_or_else(|wrong| self.complain(wrong));
    }

    /// A job of the ledger has what it should, and stands where its request does: also one of whose end nobody asked.
    fn kept(&mut self, told: &Told, ledger: &Ledger, id: JobId, job: &Job) {
        let (reached, stamp) = (job.fates().count(), job.header.stamp());
        if job.total() != ledger.records(id).len() || reached > job.total() {
            self.complain(format!("job {id} has {} records, and outcomes of {reached}", job.total()));
        }
        let Some((old, before)) = job.header.retry_of.and_then(|old| Some((old, ledger.jobs.get(&old)?)))
        else {
            return;
        };
        let is_redriven = old.redriven() == id;
        let stood = before.header.stamp();
        if stamp != if is_redriven { stood } else { stood.retried() } {
            self.late(format!("job {id} stands elsewhere than {old}, which it goes on with"));
        }
        if is_redriven {
            self.redriven += 1;
            if !told.ends.contains(&id) {
                self.complain(format!("no event told of the end of the redriven job {id}"));
            }
        }
    }

    /// What its jobs did, all together.
    fn request(&mut self, ledger: &Ledger, entry: &Entry, jobs: &[JobId]) {
        let (request, mut ends) = (&entry.request, vec![Ends::default(); entry.request.records.len()]);
        for id in jobs {
            let fates = ledger.jobs.get(id).into_iter().flat_map(Job::fates);
            for (fate, record) in fates.zip(ledger.records(*id)) {
                let Some(ends) = ends.get_mut(record) else { continue };
                let flaw = request.records.get(record).and_then(|record| record.flaw);
                match fate {
                    // A dry run that was given up is foretold anew, also of people who are there.
                    Fate::Applied(_) if request.wish == Wish::Ask => {}
                    Fate::Applied(_) => ends.applied += 1,
                    Fate::Foretold => {}
                    Fate::Skipped => ends.is_skipped = true,
                    Fate::Failed(code) if flaw.is_some_and(|flaw| flaw.code().slug() == code) => {
                        ends.is_failed = true;
                    }
                    Fate::Failed(code) => {
                        self.complain(format!(
                            "record {record} of request {} failed: {code}",
                            request.number
                        ));
                    }
                }
            }
        }
        let number = request.number;
        let doubled: usize = ends.iter().map(|ends| ends.applied.saturating_sub(1)).sum();
        if doubled > 0 {
            self.double(
                doubled,
                format!("{doubled} records of request {number} were applied once more: {jobs:?}"),
            );
        }
        if entry.acknowledged.is_none() {
            return;
        }
        self.jobs += 1;
        self.acknowledged += ends.len();
        if request.wish == Wish::Ask {
            return;
        }
        let is = |is: fn(&Ends) -> bool| ends.iter().filter(|ends| is(ends)).count();
        let (applied, failed) = (is(|ends| ends.applied > 0), is(|ends| ends.applied == 0 && ends.is_failed));
        let skipped = is(|ends| ends.applied == 0 && !ends.is_failed && ends.is_skipped);
        self.applied += applied;
        self.skipped += skipped;
        self.failed += failed;
        let wished = if request.wish == Wish::Cancel { skipped } else { 0 };
        let lost = ends.len() - applied - failed - wished;
        if lost > 0 {
            self.lose(lost, format!("{lost} records of request {number} came to nothing in {jobs:?}"));
        }
    }

    /// Whatever job a request was answered with is the same.
    fn names(&mut self, gateways: &Gateways, ledger: &Ledger, entry: &Entry) {
        let job_of = |name: &String| {
            let status = gateways.job(0, entry.request.account, name)?.json()?;
            let id = JobId(status["job_id"].as_str()?.parse().ok()?);
            Some(ledger.origin(id))
        };
        let Some(first) = entry.named.first() else { return };
        let first_job = job_of(first);
        for other in entry.named.iter().skip(1).filter(|other| *other != first) {
            if first_job.is_none() || job_of(other) != first_job {
                let number = entry.request.number;
                self.double(1, format!("request {number} was answered with job {first}, then with {other}"));
            }
        }
    }

    /// A request that was sent after another one was acknowledged was accepted later, whatever the gateways, and however often
    /// either was sent.
    fn order(&mut self, closed: &Closed, ledger: &Ledger, account: usize) {
        let of_account = closed.entries.values().filter(|entry| entry.request.account == account);
        let mut steps: Vec<(Instant, bool, Stamp, u32)> = Vec::new();
        for entry in of_account {
            let first = entry.named.first();
            let ended = first.and_then(|job| closed.jobs.get(job)?.ended.as_ref());
            let job = ended.and_then(|(_, ended)| ledger.jobs.get(&JobId(ended.job.parse().ok()?)));
            if let (Some(job), Some(acknowledged)) = (job, entry.acknowledged) {
                let stamp = job.header.stamp();
                steps.push((entry.sent, false, stamp, entry.request.number));
                // Where it was taken first while nobody could tell whose its key is, it may stand where it was taken again.
                if first == ended.map(|(_, ended)| &ended.job) {
                    steps.push((acknowledged, true, stamp, entry.request.number));
                }
            }
        }
        steps.sort_unstable();
        let mut last = (Stamp::NEVER, 0);
        for (_, is_acknowledged, stamp, number) in steps {
            if is_acknowledged {
                last = last.max((stamp, number));
            } else if stamp < last.0 {
                let named = |number: u32| closed.entries.get(&number).map(|entry| entry.named.join(", "));
                let (this, other) = (named(number).unwrap_or_default(), named(last.1).unwrap_or_default());
                self.late(format!("{this} stands before {other}, which was acknowledged before it was sent"));
            }
        }
    }

    /// That it was worth the while.
    fn prove(&mut self, requests: usize) {
        for (what, count, least) in [
            ("acknowledged requests", self.jobs, requests / 4 + 1),
            ("retries", self.retries, 1),
            ("redriven jobs", self.redriven, 1),
            ("values compared", self.compared, self.unsure * 10 + 1),
        ] {
            if count < least {
                self.complain(format!("{count} {what} prove nothing"));
            }
        }
    }
}

/// What became of one record in all jobs that had it.
#[derive(Debug, Clone, Default)]
struct Ends {
    applied: usize,
    is_skipped: bool,
    is_failed: bool,
}

impl Display for Reckoning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in self.complaints.iter().take(SHOWN) {
            writeln!(f, "  wrong: {complaint}")?;
        }
        if self.complaints.len() > SHOWN {
            writeln!(f, "  wrong: and {} more", self.complaints.len() - SHOWN)?;
        }
        writeln!(f, "acknowledged   {} records in {} jobs", self.acknowledged, self.jobs)?;
        write!(f, "applied        {}; {} skipped by a wish to cancel, ", self.applied, self.skipped)?;
        writeln!(f, "{} wrong themselves", self.failed)?;
        writeln!(f, "again          {} retries; {} jobs given up and redriven", self.retries, self.given_up)?;
        writeln!(f, "compared       {} values; {} more are not known", self.compared, self.unsure)?;
        writeln!(f, "lost           {}", self.lost)?;
        writeln!(f, "duplicated     {}", self.duplicated)?;
        writeln!(f, "late           {}", self.late)?;
        write!(f, "longest stall  {:.1} s", self.longest_stall.as_secs_f64())
    }
}
