//! Parts of streams on a real database: kept once, dropped with their job, and kept for a while where no seal comes.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diesel::connection::SimpleConnection;
use intake_types::{Fingerprint, Header, JobState, KeyScope, MatchRule, RequestKey};

use crate::Part;
use crate::fixture::{account, header, job_id, reserve};
use crate::testing::TestDatabase;

fn streamed(number: u64, total: usize) -> Header {
    Header { streamed: true, ..header(number, MatchRule::Email, total) }
}

/// A part of a stream whose sender is gone.
fn part(number: u64, first_index: u32, total: usize) -> Arc<Part> {
    part_of_open(number, first_index, total, 0)
}

fn part_of_open(number: u64, first_index: u32, total: usize, open_until: u64) -> Arc<Part> {
    Arc::new(Part {
        header: streamed(number, total),
        first_index,
        open_until,
        payload: vec![first_index.to_le_bytes()[0]],
    })
}

#[tokio::test]
async fn a_part_is_kept_once_and_found_by_any_of_its_records() {
    let database = TestDatabase::create();
    let store = database.store();
    for part in [part(1, 2, 5), part(1, 0, 2), part(1, 2, 5)] {
        assert!(store.keep_part(part).await.unwrap());
    }
    let header = streamed(1, 5);
    assert_eq!(store.kept_records(&header).await.unwrap(), 5);
    for (index, payload) in [(0, 0), (1, 0), (2, 2), (4, 2)] {
        assert_eq!(store.part(&header, index).await.unwrap(), [payload]);
    }
    assert!(store.part(&header, 5).await.is_err());
}

#[tokio::test]
async fn parts_go_with_their_job_and_none_comes_after_it() {
    let database = TestDatabase::create();
    let store = database.store();
    let left = || database.scalar("SELECT count(*) FROM job_parts");
    for number in 1..=4 {
        assert!(store.keep_part(part(number, 0, 2)).await.unwrap());
    }
    assert!(store.cut(&streamed(1, 2), 408, "late".to_owned()).await.unwrap());
    assert_eq!(left(), 3);
    assert!(!store.keep_part(part(1, 2, 4)).await.unwrap(), "it has ended");
    assert!(!store.cut(&streamed(1, 2), 408, "again".to_owned()).await.unwrap());

    store.register(&streamed(2, 2)).await.unwrap();
    assert!(!store.cut(&streamed(2, 2), 400, "cut".to_owned()).await.unwrap(), "its seal has come");
    assert!(store.keep_part(part(2, 2, 4)).await.unwrap());
    store.fail(&streamed(2, 4), 403, "no database".to_owned()).await.unwrap();
    assert_eq!(left(), 2);

    store.fail(&streamed(3, 2), 500, "given up".to_owned()).await.unwrap();
    assert_eq!(left(), 2, "an operator may see to it");
}

#[tokio::test]
async fn a_stream_without_a_seal_is_ended_after_a_time() {
    let database = TestDatabase::create();
    let store = database.store();
    let hour = Duration::from_hours(1);
    for part in [part(1, 0, 2), part(1, 2, 5), part(2, 0, 3), part(3, 0, 3), part(4, 0, 1)] {
        store.keep_part(part).await.unwrap();
    }
    store.register(&streamed(3, 3)).await.unwrap();
    store.fail(&streamed(4, 1), 500, "given up".to_owned()).await.unwrap();
    assert!(store.end_unsealed(hour, 10).await.unwrap().is_empty());
    database.execute("UPDATE job_parts SET stored_at = now() - interval '2 hours' WHERE first_index = 0");
    // To the first something came just now.
    assert_eq!(store.end_unsealed(hour, 10).await.unwrap(), [job_id(2)]);
    let status = store.status(&account("demo"), job_id(2)).await.unwrap().unwrap();
    assert_eq!(status.state, JobState::Failed);
    database.execute("UPDATE job_parts SET stored_at = now() - interval '2 hours'");
    assert_eq!(store.end_unsealed(hour, 10).await.unwrap(), [job_id(1)]);
    let entry = store.status(&account("demo"), job_id(1)).await.unwrap().unwrap().ledger.unwrap();
    assert_eq!((entry.total, entry.error.unwrap().0), (5, 500));
    let left = || database.scalar("SELECT count(*) FROM job_parts");
    assert_eq!(left(), 5, "nobody else may have them");
    assert!(store.keep_part(part(2, 3, 4)).await.unwrap(), "nor those that come late");
    database.execute("UPDATE job_parts SET stored_at = now() - interval '2 hours'");
    assert!(store.end_unsealed(hour, 10).await.unwrap().is_empty());
    assert_eq!(left(), 6);
    let registered = store.register(&streamed(2, 4)).await.unwrap();
    assert_eq!((registered.state, registered.error), (JobState::Failed, Some(500)), "its seal is too late");
    database.execute("UPDATE jobs SET finished_at = finished_at - interval '31 days' WHERE error = 500");
    let sweep = async || store.sweep(2).await.unwrap().unwrap().parts;
    assert_eq!(sweep().await, 0, "what came less than a month ago is kept");
    database.execute("UPDATE job_parts SET stored_at = now() - interval '29 days'");
    assert_eq!(sweep().await, 0, "for as long as the status");
    database.execute("UPDATE job_parts SET stored_at = now() - interval '31 days'");
    assert_eq!([sweep().await, sweep().await, sweep().await, sweep().await], [2, 2, 1, 0]);
    assert_eq!(left(), 1, "of what runs");
    // One that cannot be read keeps no other from its end.
    for number in [5, 6] {
        store.keep_part(part(number, 0, 1)).await.unwrap();
    }
    database.execute(&format!("UPDATE job_parts SET header = '{{}}' WHERE job_id = '{}'", job_id(5)));
    database.execute("UPDATE job_parts SET stored_at = now() - interval '2 hours'");
    assert_eq!(store.end_unsealed(hour, 10).await.unwrap(), [job_id(6)]);
}

#[tokio::test]
async fn a_job_stays_for_as_long_as_its_parts_do() {
    let database = TestDatabase::create();
    let store = database.store();
    store.fail(&streamed(1, 2), 500, "given up".to_owned()).await.unwrap();
    assert!(store.keep_part(part(1, 0, 2)).await.unwrap());
    let age = |table: &str, column: &str| {
        database.execute(&format!("UPDATE {table} SET {column} = {column} - interval '31 days'"))
    };
    age("jobs", "finished_at");
    database.execute("UPDATE jobs SET results_kept = false");
    assert!(store.sweep(10).await.unwrap().unwrap().is_empty());
    assert_eq!(database.scalar("SELECT count(*) FROM jobs"), 1, "without it they were a job once more");
    age("job_parts", "stored_at");
    let swept = store.sweep(10).await.unwrap().unwrap();
    assert_eq!((swept.parts, swept.jobs), (1, 1));
    assert_eq!(store.end_unsealed(Duration::from_hours(1), 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_slow_stream_is_left_alone_while_it_may_be_open() {
    let database = TestDatabase::create();
    let store = database.store();
    let later = |hours| {
        let time = SystemTime::now() + Duration::from_hours(hours);
        time.duration_since(UNIX_EPOCH).unwrap().as_secs()
    };
    // By a clock that is years behind, by a right one, and by ones that are far ahead.
    for (number, open_until) in [(1, 1), (2, later(4)), (3, later(24 * 365)), (4, u64::MAX)] {
        store.keep_part(part_of_open(number, 0, 2, open_until)).await.unwrap();
    }
    let hours_pass = |hours: u32| {
        let back = |column| format!("{column} = {column} - make_interval(hours => {hours})");
        database.execute(&format!("UPDATE job_parts SET {}, {}", back("stored_at"), back("open_until")));
    };
    hours_pass(3);
    assert_eq!(store.end_unsealed(Duration::from_hours(1), 10).await.unwrap(), [job_id(1)]);
    // Any of its parts may say so.
    store.keep_part(part(2, 2, 4)).await.unwrap();
    hours_pass(2);
    assert_eq!(store.end_unsealed(Duration::from_hours(1), 10).await.unwrap(), [job_id(2)]);
    hours_pass(19);
    assert_eq!(store.end_unsealed(Duration::from_hours(1), 10).await.unwrap(), []);
    hours_pass(2);
    assert_eq!(store.end_unsealed(Duration::from_hours(1), 10).await.unwrap(), [job_id(3), job_id(4)]);
}

#[tokio::test]
async fn what_failed_without_its_seal_may_be_sent_again_with_its_key() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = |key: &str| RequestKey {
        scope: KeyScope::Key,
        key: key.to_owned(),
        fingerprint: Fingerprint([1; 32]),
        seconds: None,
    };
    for (number, name) in [(1, "lost"), (2, "sealed")] {
        store.keep_part(part(number, 0, 2)).await.unwrap();
        reserve(&store, number, &key(name)).await;
    }
    store.register(&Header { request_key: Some(key("sealed")), ..streamed(2, 2) }).await.unwrap();
    database.execute("UPDATE job_parts SET stored_at = now() - interval '2 hours'");
    assert_eq!(store.end_unsealed(Duration::from_hours(1), 10).await.unwrap(), [job_id(1)]);
    let again = reserve(&store, 3, &key("lost")).await;
    assert_eq!((again.job_id, again.registered), (job_id(3), false));
    let again = reserve(&store, 4, &key("sealed")).await;
    assert_eq!((again.job_id, again.registered), (job_id(2), true));
    let late = Header { request_key: Some(key("lost")), ..streamed(1, 2) };
    assert_eq!(store.register(&late).await.unwrap().error, Some(500));
}

#[tokio::test]
async fn a_stream_that_was_sent_before_leaves_no_job_and_nobody_is_told_of_one_that_was_cut() {
    let database = TestDatabase::create();
    let store = database.store();
    let count = |table: &str| database.scalar(&format!("SELECT count(*) FROM {table}"));
    let told = |number, total| Header {
        callback_url: Some("https://example.com".to_owned()),
        ..streamed(number, total)
    };
    store.register(&streamed(1, 2)).await.unwrap();
    store.keep_part(part(2, 0, 2)).await.unwrap();
    store.drop_repeated(&told(2, 4), job_id(1)).await.unwrap();
    assert!(!store.keep_part(part(2, 2, 4)).await.unwrap(), "it comes late");
    assert_eq!((count("job_parts"), count("jobs")), (0, 1));
    store.drop_repeated(&streamed(1, 2), job_id(2)).await.unwrap();
    assert_eq!(count("job_aliases"), 1, "the first is a job");

    assert!(store.cut(&told(3, 2), 400, "cut".to_owned()).await.unwrap());
    assert_eq!((count("jobs"), count("callbacks"), count("outbox")), (2, 0, 0));
    store.fail(&told(4, 2), 500, "given up".to_owned()).await.unwrap();
    assert_eq!((count("jobs"), count("callbacks"), count("outbox")), (3, 1, 1));
}

#[tokio::test]
async fn a_stream_is_a_job_or_one_that_was_sent_before_and_never_both() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = |key: &str| RequestKey {
        scope: KeyScope::Key,
        key: key.to_owned(),
        fingerprint: Fingerprint([1; 32]),
        seconds: None,
    };
    let sealed = |number, name| Header { request_key: Some(key(name)), ..streamed(number, 2) };
    // What one worker has done and not committed, another one waits for.
    let hold = |number| {
        let hold =
            format!("SELECT pg_advisory_xact_lock(hashtextextended('name ' || '{}', 0))", job_id(number));
        let mut rival = database.connect();
        rival.batch_execute(&format!("BEGIN; {hold}")).unwrap();
        rival
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let aliases = || database.scalar("SELECT count(*) FROM job_aliases");

    let mut rival = hold(1);
    rival
        .batch_execute(&format!(
            "INSERT INTO jobs (db_id, id, account, header, total, state, attempts) \
             VALUES (1, '{}', 'demo', '{{}}', 2, 'processing', 1)",
            job_id(1)
        ))
        .unwrap();
    let dropping = tokio::spawn({
        let store = store.clone();
        async move { store.drop_repeated(&streamed(1, 2), job_id(9)).await.unwrap() }
    });
    while !dropping.is_finished() && database.scalar(waiting) == 0 {
        tokio::task::yield_now().await;
    }
    rival.batch_execute("COMMIT").unwrap();
    dropping.await.unwrap();
    assert_eq!(aliases(), 0, "it is a job");

    let mut rival = hold(2);
    let alias = "INSERT INTO job_aliases (id, account, same_as) VALUES";
    rival.batch_execute(&format!("{alias} ('{}', 'demo', '{}')", job_id(2), job_id(9))).unwrap();
    let registering = tokio::spawn({
        let (store, header) = (store.clone(), sealed(2, "k"));
        async move { store.register(&header).await.unwrap() }
    });
    while !registering.is_finished() && database.scalar(waiting) == 0 {
        tokio::task::yield_now().await;
    }
    rival.batch_execute("COMMIT").unwrap();
    assert_eq!(registering.await.unwrap().same_as, Some(job_id(9)));
}
