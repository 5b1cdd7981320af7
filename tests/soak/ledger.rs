//! What the database says of jobs: which there were for a request, one after the other, and what each did with which record.

use std::collections::BTreeMap;

use intake_store::testing::TestDatabase;
use intake_types::{Header, JobId, ProfileId};
use serde_json::Value;

/// All jobs that a worker ever took.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) jobs: BTreeMap<JobId, Job>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) header: Header,
    pub(crate) chunks: Vec<Chunk>,
}

/// Records that were applied together.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) first_index: u32,
    /// In the order of the records.
    pub(crate) fates: Vec<Fate>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Applied(ProfileId),
    /// A dry run would have applied it.
    Foretold,
    Skipped,
    /// With this code.
    Failed(String),
}

// What was written of a record that is neither applied nor skipped is in the details.
const JOBS: &str = "SELECT jsonb_build_object('header', j.header, 'chunks', \
    (SELECT coalesce(jsonb_agg(jsonb_build_object('first', first_index, 'actions', actions, 'profiles', profile_ids, \
        'failures', jsonb_path_query_array(details, '$[*] ? (exists(@.failure))')) ORDER BY first_index), '[]') \
     FROM job_chunks c WHERE c.db_id = j.db_id AND c.job_id = j.id)) FROM jobs j";

const SKIPPED: u64 = 4;
const FAILED: u64 = 5;

impl Ledger {
    pub(crate) fn read(database: &TestDatabase) -> Self {
        let jobs = database.texts(JOBS).into_iter().map(|row| {
            let mut row: Value = serde_json::from_str(&row).expect("PostgreSQL writes JSON");
            let header: Header = serde_json::from_value(row["header"].take()).expect("it is a header");
            let chunks = row["chunks"].as_array().into_iter().flatten().map(Chunk::read).collect();
            (header.job_id, Job { header, chunks })
        });
        Self { jobs: jobs.collect() }
    }

    /// The job of a request, which a redriven job goes on with.
    pub(crate) fn origin(&self, job: JobId) -> JobId {
        let before = self.jobs.get(&job).and_then(|job| job.header.retry_of);
        match before {
            Some(before) if before.redriven() == job => self.origin(before),
            _ => job,
        }
    }

    /// Which records of its request a job has, in its order; nothing of a job that is not known.
    pub(crate) fn records(&self, id: JobId) -> Vec<usize> {
        let Some(job) = self.jobs.get(&id) else { return Vec::new() };
        let Some(old) = job.header.retry_of else { return (0..job.total()).collect() };
        let before = self.records(old);
        if old.redriven() == id {
            // A dry run begins anew: what it foretells of a record depends on those before.
            let goes_on = !job.header.validate_only;
            let reached = self.jobs.get(&old).filter(|_| goes_on).map_or(0, |old| old.fates().count());
            return before.into_iter().skip(reached).collect();
        }
        let fates = self.jobs.get(&old).into_iter().flat_map(Job::fates);
        let failed = fates.zip(before).filter(|(fate, _)| matches!(fate, Fate::Failed(_)));
        failed.map(|(_, record)| record).collect()
    }
}

impl Job {
    pub(crate) fn total(&self) -> usize {
        usize::try_from(self.header.total).unwrap_or(usize::MAX)
    }

    /// Of all records that were reached, in their order.
    pub(crate) fn fates(&self) -> impl Iterator<Item = &Fate> {
        self.chunks.iter().flat_map(|chunk| &chunk.fates)
    }
}

impl Chunk {
    fn read(row: &Value) -> Self {
        let first = row["first"].as_u64().unwrap_or_default();
        let list = |name: &str| row[name].as_array().cloned().unwrap_or_default();
        let failures = list("failures");
        let codes: BTreeMap<u64, &str> = failures
            .iter()
            .filter_map(|detail| Some((detail["index"].as_u64()?, detail["failure"]["code"].as_str()?)))
            .collect();
        let rows = (first..).zip(list("actions").into_iter().zip(list("profiles")));
        let fates = rows.map(|(index, (action, profile))| match action.as_u64() {
            Some(SKIPPED) => Fate::Skipped,
            Some(FAILED) => Fate::Failed((*codes.get(&index).unwrap_or(&"nothing")).to_owned()),
            _ => serde_json::from_value(profile).map_or(Fate::Foretold, Fate::Applied),
        });
        Self { first_index: u32::try_from(first).unwrap_or(u32::MAX), fates: fates.collect() }
    }
}
