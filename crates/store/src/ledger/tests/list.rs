//! The list of an account's jobs: filters, order, pages; and that no page reads more than it shows.

use std::sync::Arc;

use intake_types::{DatabaseId, JobId, JobState, MatchRule};

use crate::fixture::{account, apply_all, email, header, import, job_id};
use crate::ledger::read::STATUS;
use crate::testing::TestDatabase;
use crate::{JobFilter, Store};

fn explained(database: &TestDatabase, query: &str) -> String {
    let function = "CREATE FUNCTION explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ \
        BEGIN RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) ' || query; END $$";
    database.execute("DROP FUNCTION IF EXISTS explain(text)");
    database.execute(function);
    database.texts(&format!("SELECT explain($query${query}$query$)")).join("\n")
}

async fn listed(store: &Store, filter: JobFilter, most: u32) -> Vec<JobId> {
    let jobs = store.jobs(&account("demo"), filter, most).await.unwrap();
    jobs.into_iter().map(|job| job.job_id).collect()
}

#[tokio::test]
async fn jobs_are_listed_newest_first_by_what_is_asked_for() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &[email("a")]), 1).await;
    let mut elsewhere = header(2, MatchRule::Email, 2);
    elsewhere.db_id = DatabaseId(2);
    elsewhere.external_id = Some("night".to_owned());
    store.register(&elsewhere).await.unwrap();
    let mut failed = header(3, MatchRule::Email, 2);
    failed.external_id = Some("night".to_owned());
    failed.retry_of = Some(job_id(1));
    store.fail(&failed, 500, "no".to_owned()).await.unwrap();
    let mut others = header(4, MatchRule::Email, 2);
    others.account = "other".to_owned();
    store.register(&others).await.unwrap();

    let all = JobFilter::default;
    assert_eq!(listed(&store, all(), 10).await, [job_id(3), job_id(2), job_id(1)]);
    assert_eq!(listed(&store, all(), 2).await, [job_id(3), job_id(2)]);
    let before = JobFilter { before: Some(job_id(3)), ..all() };
    assert_eq!(listed(&store, before, 10).await, [job_id(2), job_id(1)]);
    let states = vec![JobState::Completed, JobState::Failed];
    assert_eq!(listed(&store, JobFilter { states, ..all() }, 10).await, [job_id(3), job_id(1)]);
    let night = JobFilter { external_id: Some("night".to_owned()), ..all() };
    assert_eq!(listed(&store, night.clone(), 10).await, [job_id(3), job_id(2)]);
    let both = JobFilter { db_id: Some(DatabaseId(2)), states: vec![JobState::Processing], ..night.clone() };
    assert_eq!(listed(&store, both, 10).await, [job_id(2)]);
    let none = JobFilter { before: Some(job_id(2)), db_id: Some(DatabaseId(1)), ..night };
    assert!(listed(&store, none, 10).await.is_empty());

    let alone = store.status(&account("demo"), job_id(3)).await.unwrap().unwrap();
    let list = store.jobs(&account("demo"), all(), 1).await.unwrap();
    let (listed, entry) = (list[0].ledger.as_ref().unwrap(), alone.ledger.unwrap());
    assert_eq!((listed.tally, &listed.error, listed.retry_of), (entry.tally, &entry.error, Some(job_id(1))));
}

#[tokio::test]
async fn the_pace_counts_from_when_a_worker_took_it() {
    let database = TestDatabase::create();
    let store = database.store();
    let import = import(1, MatchRule::Email, &["a", "b", "c", "d"].map(email));
    store.register(&import.header).await.unwrap();
    store.apply(Arc::clone(&import), crate::fixture::catalog(), 0..2, None).await.unwrap();
    database.execute("UPDATE job_chunks SET applied_at = applied_at - interval '2 hours'");
    database.execute("UPDATE jobs SET started_at = started_at - interval '2 hours'");
    let pace = async || store.status(&account("demo"), job_id(1)).await.unwrap().unwrap().pace();
    store.register(&import.header).await.unwrap();
    assert_eq!(pace().await, None, "nothing was done since it was taken again");
    store.apply(Arc::clone(&import), crate::fixture::catalog(), 2..3, None).await.unwrap();
    let eta = pace().await.unwrap().eta_seconds.unwrap();
    assert!(eta < 600, "{eta}: the two hours do not count");
    store.apply(Arc::clone(&import), crate::fixture::catalog(), 3..4, None).await.unwrap();
    assert_eq!(pace().await.unwrap().eta_seconds, None);
}

#[tokio::test]
async fn a_page_reads_no_more_jobs_than_it_shows() {
    let database = TestDatabase::create();
    let store = database.store();
    store.register(&header(1, MatchRule::Email, 1)).await.unwrap();
    database.execute(
        "INSERT INTO jobs (db_id, id, account, header, external_id, total, state, attempts, finished_at, expires_at, tally) \
         SELECT 1, gen_random_uuid(), 'demo', j.header, 'name ' || n % 5000, 1, 'completed', 1, now(), now(), '{1,0,0,0,0,0}' \
         FROM jobs j, generate_series(1, 20000) n",
    );
    database.execute("ANALYZE jobs");
    for (condition, index) in [
        ("", "jobs_account"),
        (" AND j.id < 'ffffffff-0000-7000-8000-000000000000'", "jobs_account"),
        (" AND j.external_id = 'name 77'", "jobs_external_id"),
        (" AND j.state IN ('processing', 'failed')", "jobs_state"),
    ] {
        let query = format!("{}{condition} ORDER BY j.id DESC LIMIT 3", STATUS.replace("$1", "'demo'"));
        let plan = explained(&database, &query);
        assert!(plan.contains(index) && !plan.contains("Seq Scan on jobs"), "{condition}: {plan}");
        assert!(!plan.contains("Rows Removed by Filter"), "{condition}: {plan}");
    }
}
