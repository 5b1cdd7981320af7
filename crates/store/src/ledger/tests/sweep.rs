//! What is kept no longer goes, in steps of a bounded size, and nothing else does.

use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use intake_types::{Fingerprint, JobState, KeyScope, MatchRule, RequestKey};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::super::sweep::LOCK;

use crate::fixture::{account, apply_all, catalog, email, header, import, job_id};
use crate::testing::TestDatabase;
use crate::{Store, Swept};

/// Three chunks, two of them with a record that failed.
async fn ended(store: &Store, job: u64) {
    let records = [email("a"), json!({"email": 1}), email("b"), email("c"), email("d"), json!({"email": 2})];
    apply_all(store, &import(job, MatchRule::Email, &records), 2).await;
}

/// Makes a job as old as this.
fn age(database: &TestDatabase, job: u64, hours: u32) {
    let job = job_id(job);
    for (table, columns, key) in [
        ("jobs", &["finished_at", "expires_at", "started_at"][..], "id"),
        ("request_keys", &["created_at"], "job_id"),
        ("cancellations", &["asked_at"], "job_id"),
        ("job_aliases", &["created_at"], "same_as"),
    ] {
        for column in columns {
            let back = format!("{column} = {column} - make_interval(hours => {hours})");
            database.execute(&format!("UPDATE {table} SET {back} WHERE {key} = '{job}'"));
        }
    }
}

fn counts(database: &TestDatabase) -> [i64; 3] {
    ["job_failures", "job_chunks", "jobs"]
        .map(|table| database.scalar(&format!("SELECT count(*) FROM {table}")))
}

async fn sweep_all(store: &Store, rows: u32) -> Vec<Swept> {
    let mut steps = Vec::new();
    loop {
        let swept = store.sweep(rows).await.unwrap().unwrap();
        if swept.is_empty() {
            return steps;
        }
        steps.push(swept);
    }
}

#[tokio::test]
async fn each_thing_goes_in_its_time() {
    let database = TestDatabase::create();
    let store = database.store();
    for job in 1..=4 {
        ended(&store, job).await;
    }
    assert_eq!(counts(&database), [8, 12, 4]);
    sweep_all(&store, 100).await;
    assert_eq!(counts(&database), [8, 12, 4]);
    // Failed records are kept for a day, results for a week, the status for a month.
    for (job, hours) in [(2, 25), (3, 7 * 24 + 1), (4, 30 * 24 + 1)] {
        age(&database, job, hours);
    }
    sweep_all(&store, 100).await;
    assert_eq!(counts(&database), [2, 6, 3]);
    let demo = account("demo");
    let status = store.status(&demo, job_id(3)).await.unwrap().unwrap();
    assert_eq!((status.state, status.ledger.unwrap().tally.created), (JobState::Completed, 0));
    assert_eq!(store.status(&demo, job_id(4)).await.unwrap(), None);
}

#[tokio::test]
async fn a_step_is_no_longer_than_it_may_be() {
    let database = TestDatabase::create();
    let store = database.store();
    for job in 1..=3 {
        ended(&store, job).await;
        age(&database, job, 31 * 24);
    }
    let steps = sweep_all(&store, 2).await;
    assert_eq!(counts(&database), [0, 0, 0]);
    // A mark on a job is made beside.
    assert!(
        steps.iter().all(|step| step.failures <= 2 && step.chunks <= 2 + 3 && step.jobs <= 2),
        "{steps:?}"
    );
    assert!(steps.len() > 4, "{steps:?}");
}

#[tokio::test]
async fn a_job_that_runs_is_left_alone_and_what_hangs_on_a_job_goes_with_it() {
    let database = TestDatabase::create();
    let store = database.store();
    let running = import(1, MatchRule::Email, &[email("a"), email("b")]);
    store.register(&running.header).await.unwrap();
    store.apply(Arc::clone(&running), catalog(), 0..1, None).await.unwrap();
    let key = |key: &str| RequestKey {
        scope: KeyScope::Key,
        key: key.to_owned(),
        fingerprint: Fingerprint::of(&[]),
        seconds: None,
    };
    let keyed = |job: u64, name: &str| intake_types::Header {
        request_key: Some(key(name)),
        callback_url: Some("https://example.com/".to_owned()),
        ..header(job, MatchRule::Email, 1)
    };
    for (job, name) in [(2, "old"), (3, "new")] {
        store.register(&keyed(job, name)).await.unwrap();
        store.fail(&keyed(job, name), 500, "no".to_owned()).await.unwrap();
        let id = job_id(job);
        database.execute(&format!("INSERT INTO cancellations VALUES ('{id}', 'demo')"));
        database.execute(&format!("INSERT INTO job_aliases VALUES (gen_random_uuid(), 'demo', '{id}')"));
    }
    for job in [1, 2] {
        age(&database, job, 31 * 24);
    }
    sweep_all(&store, 100).await;
    sweep_all(&store, 100).await;
    assert_eq!(counts(&database), [0, 1, 2]);
    for table in ["callbacks", "request_keys", "cancellations", "job_aliases"] {
        assert_eq!(database.scalar(&format!("SELECT count(*) FROM {table}")), 1, "{table}");
    }
}

#[tokio::test]
async fn one_sweeps_at_a_time() {
    let database = TestDatabase::create();
    let store = database.store();
    ended(&store, 1).await;
    age(&database, 1, 31 * 24);
    let mut other = PgConnection::establish(database.url().expose_secret()).unwrap();
    other.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).unwrap();
    assert_eq!(store.sweep(100).await.unwrap(), None);
    assert_eq!(counts(&database), [2, 3, 1]);
    other.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).unwrap();
    assert!(store.sweep(100).await.unwrap().is_some());
}
