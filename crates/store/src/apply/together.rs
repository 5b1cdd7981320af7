//! Several small jobs applied in one transaction: what each of them takes alone, most of which is ways to the database and
//! back and the wait for its disk, all of them take once.
//!
//! Only where that is plain: nothing stands in the way of any, and no two meet the same profile. Else nothing is done, and each
//! is applied by itself, see [`Store::apply`].

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use intake_types::catalog::{Catalog, Database};
use intake_types::{Drafts, JobId, JobState, Key, Plan, ProfileId, Stamp};

use super::entry::{self, Entry};
use super::{Applied, Chunk, resolve};
use crate::profiles::write;
use crate::{Error, Import, Retention, Store, ledger};

/// Whoever is in the way of one of them is not waited for: the others would wait, too.
const HURRY: &str = "SET LOCAL lock_timeout = '100ms'";

impl Store {
    /// Applies jobs of one database and of the same matching, all of each, that are registered and of which nothing was
    /// applied; what came of each. Nothing is done of one that looks for what another before it looks for, or is to be stopped;
    /// and with any error nothing of any. Those may be applied by themselves then.
    #[tracing::instrument(name = "apply together", skip_all, fields(jobs = imports.len()))]
    pub async fn apply_together(
        &self,
        imports: Vec<Arc<Import>>,
        catalog: Arc<Catalog>,
    ) -> Result<Vec<Option<Applied>>, Error> {
        let (keep, meets_others) = (self.retention(), Arc::clone(&self.meets_others));
        self.run(move |connection| apply(connection, keep, &imports, &catalog, &meets_others)).await
    }
}

pub(super) fn apply(
    connection: &mut PgConnection,
    keep: Retention,
    imports: &[Arc<Import>],
    catalog: &Arc<Catalog>,
    meets_others: &AtomicBool,
) -> Result<Vec<Option<Applied>>, Error> {
    let Some(first) = imports.first() else { return Ok(Vec::new()) };
    if !imports.iter().all(|import| first.is_like(import)) {
        return Err(Error::Unexpected("jobs that are not alike cannot be applied together".to_owned()));
    }
    let chunks: Vec<Chunk<'_>> = imports
        .iter()
        .map(|import| Chunk::new(import, catalog, 0..import.end()))
        .collect::<Result<_, _>>()?;
    let Some(database) = chunks.first().map(|chunk| chunk.database) else { return Ok(Vec::new()) };
    let mut met = Met::default();
    let jobs = chunks.iter().map(|chunk| {
        let drafts = chunk.read(&[]);
        met.is_apart(&drafts).then_some((chunk.import, drafts))
    });
    let jobs = jobs.collect();
    connection.transaction(|connection| transaction(connection, keep, database, jobs, meets_others))
}

/// What the jobs look for.
#[derive(Default)]
struct Met {
    keys: HashSet<Key>,
    ids: HashSet<ProfileId>,
}

impl Met {
    /// Whether a job looks for nothing that one before it does.
    fn is_apart(&mut self, drafts: &Drafts) -> bool {
        let mut keys = drafts.keys();
        keys.extend(drafts.unique_keys());
        keys.extend(
            drafts.combinations().into_iter().flat_map(|combination| combination.tags.keys().cloned()),
        );
        let ids = drafts.ids();
        let is_met =
            keys.iter().any(|key| self.keys.contains(key)) || ids.iter().any(|id| self.ids.contains(id));
        self.keys.extend(keys);
        self.ids.extend(ids);
        !is_met
    }
}

type Job<'a> = Option<(&'a Import, Drafts)>;

fn transaction(
    connection: &mut PgConnection,
    keep: Retention,
    database: &Database,
    mut jobs: Vec<Job<'_>>,
    meets_others: &AtomicBool,
) -> Result<Vec<Option<Applied>>, Error> {
    connection.batch_execute(HURRY)?;
    let ids: Vec<JobId> = jobs.iter().flatten().map(|(import, _)| import.header.job_id).collect();
    let locked = ledger::lock_all(connection, database.id, &ids)?;
    let Some(now) = locked.first().map(|job| job.now) else { return Ok(jobs.iter().map(|_| None).collect()) };
    for (job, locked) in jobs.iter_mut().filter(|job| job.is_some()).zip(locked) {
        if locked.ended.is_some() || locked.cancel_requested || locked.next_index > 0 {
            *job = None;
        }
    }
    let is_open: Vec<bool> = jobs.iter().map(Option::is_some).collect();
    let (imports, drafts): (Vec<&Import>, Vec<Drafts>) = jobs.into_iter().flatten().unzip();
    let candidates = resolve::candidates(connection, database, &drafts, meets_others, &mut [], Stamp::NEVER)?;
    let plan = Plan::together(database, drafts, candidates).ok_or(Error::Contention)?;
    write::plan(connection, database.id, &plan)?;
    let shares = imports.into_iter().zip(plan.shares);
    let entries: Vec<Entry<'_>> =
        shares.map(|(import, share)| Entry { import, first_index: 0, share }).collect();
    let entered = entry::enter(connection, keep, now, JobState::Completed, &entries)?;
    let mut entered = entered.into_iter();
    Ok(is_open.into_iter().map(|is_open| if is_open { entered.next() } else { None }).collect())
}
