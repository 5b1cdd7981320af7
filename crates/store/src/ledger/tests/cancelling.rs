//! A wish to cancel and the end of a job: one of the two comes first.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use intake_types::{Action, JobState, MatchRule, Tally};

use crate::Ending;
use crate::fixture::{account, catalog, email, header, import, job_id};
use crate::testing::TestDatabase;

const WISHES: &str = "SELECT count(*) FROM cancellations";

/// Who waits for a lock.
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn after_a_wish_nothing_is_applied_and_the_rest_is_skipped() {
    let database = TestDatabase::create();
    let (store, demo) = (database.store(), account("demo"));
    let import = import(1, MatchRule::Email, &["a", "b", "c", "d"].map(email));
    assert_eq!(store.cancel(&demo, job_id(1)).await.unwrap(), None, "no worker has it yet");
    database.execute("DELETE FROM cancellations");
    store.register(&import.header).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 0..1, None).await.unwrap();
    let told = store.cancel(&demo, job_id(1)).await.unwrap().unwrap();
    assert_eq!((told.state, told.cancel_requested), (JobState::Processing, true));
    let stopped = store.apply(Arc::clone(&import), catalog(), 1..2, None).await.unwrap();
    assert_eq!((stopped.next_index, stopped.tally, stopped.ended), (1, Tally::default(), None));
    assert!(stopped.cancelled);
    for _delivery in 0..2 {
        store.skip(Arc::clone(&import), 1..3).await.unwrap();
    }
    for is_new in [true, false] {
        let ended = Some(Ending { state: JobState::Cancelled, error: None, is_new });
        assert_eq!(store.skip(Arc::clone(&import), 3..4).await.unwrap().ended, ended);
    }
    let told = store.status(&demo, job_id(1)).await.unwrap().unwrap();
    assert_eq!((told.state, told.cancel_requested), (JobState::Cancelled, false));
    assert_eq!(told.ledger.unwrap().tally, Tally { created: 1, skipped: 3, ..Tally::default() });
    let skipped = database.scalar("SELECT sum(skipped)::bigint FROM job_chunks WHERE 4 = ALL (actions)");
    assert_eq!((skipped, intake_types::Outcome::skipped(0, "{}").action), (3, Action::Skipped));
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 1);
}

#[tokio::test]
async fn a_job_that_is_given_up_counts_the_chunk_that_is_just_applied() {
    let database = TestDatabase::create();
    let (store, demo) = (database.store(), account("demo"));
    let import = import(1, MatchRule::Email, &["a", "b"].map(email));
    store.register(&import.header).await.unwrap();
    let mut rival = database.connect();
    rival.batch_execute("BEGIN; SELECT FROM jobs FOR UPDATE").unwrap();
    let chunk = "INSERT INTO job_chunks (db_id, job_id, first_index, records, created, updated, unchanged, skipped, failed, \
            warnings, actions, profile_ids, details) \
        SELECT db_id, id, 0, 1, 1, 0, 0, 0, 0, 0, '{1}', '{NULL}', '[]' FROM jobs";
    rival.batch_execute(chunk).unwrap();
    let failing = tokio::spawn({
        let (store, header) = (store.clone(), import.header.clone());
        async move { store.fail(&header, 500, "given up".to_owned()).await.unwrap() }
    });
    while !failing.is_finished() && database.scalar(WAITING) == 0 {
        tokio::task::yield_now().await;
    }
    rival.batch_execute("COMMIT").unwrap();
    assert_eq!(failing.await.unwrap().state, JobState::Failed);
    let told = store.status(&demo, job_id(1)).await.unwrap().unwrap();
    assert_eq!(told.ledger.unwrap().tally, Tally { created: 1, ..Tally::default() });
}

#[tokio::test]
async fn a_wish_that_comes_while_the_last_chunk_is_applied_comes_too_late() {
    let database = TestDatabase::create();
    let (store, demo) = (database.store(), account("demo"));
    store.register(&header(1, MatchRule::Email, 1)).await.unwrap();
    // As a worker does it: it has locked the job, and found no wish.
    let mut worker = database.connect();
    worker.batch_execute("BEGIN; SELECT FROM jobs FOR UPDATE").unwrap();
    let cancelling = tokio::spawn({
        let (store, demo) = (store.clone(), demo.clone());
        async move { store.cancel(&demo, job_id(1)).await.unwrap().unwrap() }
    });
    while !cancelling.is_finished() && database.scalar(WAITING) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(database.scalar(WISHES), 1);
    let ended = "UPDATE jobs SET state = 'completed', finished_at = now(), expires_at = now(), tally = '{1,0,0,0,0,0}'";
    worker.batch_execute(&format!("{ended}; COMMIT")).unwrap();
    assert_eq!(cancelling.await.unwrap().state, JobState::Completed);
    assert_eq!(database.scalar(WISHES), 0, "nothing is left of it");
}
