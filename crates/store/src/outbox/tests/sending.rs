//! What a relay hands out, and what it leaves.

use std::sync::Arc;
use std::sync::mpsc;

use intake_types::event::Topic;
use intake_types::{DatabaseId, MatchRule};
use serde_json::json;

use super::{LIMITS, Limits, drain, events};
use crate::fixture::{apply_all, email, import};
use crate::testing::TestDatabase;
use crate::{Error, Store};

/// Many small imports of one person: rows that wait in one strand, besides those of the jobs.
async fn one_person(store: &Store, imports: u64) {
    for job in 0..imports {
        let mut import = import(job, MatchRule::Email, &[json!({"email": "a@example.com", "number": job})]);
        Arc::get_mut(&mut import).unwrap().header.external_id = Some(format!("import {job}"));
        apply_all(store, &import, 1).await;
    }
}

const OF_PROFILES: &str = "SELECT count(*) FROM outbox WHERE topic = 'profiles'";

#[tokio::test]
async fn rows_of_a_strand_travel_together_within_limits() {
    let database = TestDatabase::create();
    let store = database.store();
    let profiles = async |limits| {
        let mut sent = drain(&store, limits).await;
        sent.retain(|dispatch| dispatch.topic == Topic::Profiles);
        let told: Vec<_> = sent.iter().flat_map(events).collect();
        let imports: Vec<_> = told.iter().map(|event| event["data"]["external_id"].clone()).collect();
        assert_eq!(imports, (0..6).map(|n| json!(format!("import {n}"))).collect::<Vec<_>>());
        sent.iter().map(|dispatch| dispatch.events).collect::<Vec<_>>()
    };
    let again = || async {
        database.execute("TRUNCATE jobs, job_chunks, profiles, identities CASCADE");
        one_person(&store, 6).await;
    };
    // Where rows of jobs are in the same strand, they cut a run of rows.
    database.execute("CREATE FUNCTION unjob() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
    database.execute(
        "CREATE TRIGGER unjob BEFORE INSERT ON outbox FOR EACH ROW WHEN (new.topic = 'jobs') EXECUTE FUNCTION unjob()",
    );
    again().await;
    assert_eq!(profiles(LIMITS).await, [6]);
    again().await;
    assert_eq!(profiles(Limits { rows: 4, ..LIMITS }).await, [4, 2]);
    again().await;
    assert_eq!(profiles(Limits { bytes: 1, ..LIMITS }).await, [1; 6], "a row goes, however large");
    again().await;
    let bytes = u32::try_from(database.scalar("SELECT sum(octet_length(body)) FROM outbox") - 1).unwrap();
    assert_eq!(profiles(Limits { bytes, ..LIMITS }).await, [5, 1]);
}

#[tokio::test]
async fn what_is_left_behind_is_told() {
    let database = TestDatabase::create();
    let store = database.store();
    one_person(&store, 3).await;
    database.execute("DELETE FROM outbox WHERE topic = 'jobs'");
    let limits = Limits { rows: 2, ..LIMITS };
    let first = store.relay(-1, limits, |_dispatch| Ok::<_, ()>(())).await.unwrap().unwrap();
    assert_eq!((first.events, first.more), (2, true));
    let last = store.relay(first.strand, limits, |_dispatch| Ok::<_, ()>(())).await.unwrap().unwrap();
    assert_eq!((last.strand, last.events, last.more), (first.strand, 1, false));
    assert!(store.relay(last.strand, limits, |_dispatch| Ok::<_, ()>(())).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_refused_stays_and_what_was_sent_before_it_is_gone() {
    let database = TestDatabase::create();
    let store = database.store();
    one_person(&store, 4).await;
    database.execute("DELETE FROM outbox WHERE topic = 'jobs'");
    // The strand is cut into runs by another database.
    database.execute(
        "UPDATE outbox SET db_id = 2 WHERE id = (SELECT id FROM outbox ORDER BY id OFFSET 2 LIMIT 1)",
    );
    let mut calls = 0;
    let publish = move |dispatch: crate::Dispatch| {
        calls += 1;
        if calls == 2 { Err(dispatch.db_id) } else { Ok(()) }
    };
    let relayed = store.relay(-1, LIMITS, publish).await.unwrap().unwrap();
    assert_eq!((relayed.events, relayed.failure), (2, Some(DatabaseId(2))));
    assert_eq!(database.scalar(OF_PROFILES), 2);
    let sent = drain(&store, LIMITS).await;
    assert_eq!(sent.iter().map(|dispatch| dispatch.db_id.0).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn a_row_that_is_committed_late_is_not_taken_for_sent() {
    let database = Arc::new(TestDatabase::create());
    let store = database.store();
    one_person(&store, 2).await;
    database.execute("DELETE FROM outbox WHERE topic = 'jobs'");
    let late = Arc::clone(&database);
    // Of another profile in the strand: its number was drawn first, its transaction ended last.
    let publish = move |_dispatch| {
        let row = "SELECT db_id, strand, 0, topic, events, body FROM outbox LIMIT 1";
        late.execute(&format!(
            "INSERT INTO outbox (db_id, strand, id, topic, events, body) OVERRIDING SYSTEM VALUE {row}"
        ));
        Ok::<_, ()>(())
    };
    assert_eq!(store.relay(-1, LIMITS, publish).await.unwrap().unwrap().events, 2);
    assert_eq!(database.texts("SELECT id FROM outbox"), ["0"]);
}

#[tokio::test]
async fn a_relay_that_dies_while_it_publishes_loses_nothing() {
    let database = TestDatabase::create();
    let store = database.store();
    one_person(&store, 3).await;
    let waiting = database.scalar("SELECT count(*) FROM outbox");
    let died = store.relay(-1, LIMITS, |_dispatch| -> Result<(), ()> { panic!("killed") }).await;
    assert_eq!(died.unwrap_err(), Error::Panicked);
    assert_eq!(database.scalar("SELECT count(*) FROM outbox"), waiting);
    assert_eq!(drain(&store, LIMITS).await.iter().flat_map(events).count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strand_has_one_relay_at_a_time_and_the_others_take_turns() {
    let database = TestDatabase::create();
    let store = database.store();
    let people: Vec<_> = (0..200).map(|n| email(&n.to_string())).collect();
    apply_all(&store, &import(1, MatchRule::Email, &people), 200).await;
    database.execute("DELETE FROM outbox WHERE strand NOT IN (3, 7, 9)");
    let (started, starts) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let holding = tokio::spawn({
        let store = store.clone();
        async move {
            let publish = move |_dispatch| {
                started.send(()).unwrap();
                ended.recv().map_err(|_gone| ())
            };
            store.relay(3, LIMITS, publish).await.unwrap().unwrap()
        }
    });
    starts.recv().unwrap();
    let refuse = |_dispatch| Err(());
    let mut strands = Vec::new();
    let mut after = 3;
    for _ in 0..4 {
        after = store.relay(after, LIMITS, refuse).await.unwrap().unwrap().strand;
        strands.push(after);
    }
    assert_eq!(strands, [9, 3, 9, 3], "7 is held, and nobody waits for it");
    drop(end);
    assert_eq!(holding.await.unwrap().strand, 7);
    assert_eq!(store.relay(3, LIMITS, refuse).await.unwrap().unwrap().strand, 7);
}

#[tokio::test]
async fn the_backlog_is_told_by_rows_and_age() {
    let database = TestDatabase::create();
    let store = database.store();
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.rows, backlog.age_seconds), (0, 0.0));
    one_person(&store, 2).await;
    database.execute("UPDATE outbox SET created_at = now() - interval '90 seconds' WHERE topic = 'jobs'");
    let backlog = store.backlog().await.unwrap();
    assert_eq!(backlog.rows, 4);
    assert!((90.0..120.0).contains(&backlog.age_seconds), "{}", backlog.age_seconds);
    drain(&store, LIMITS).await;
    assert_eq!(store.backlog().await.unwrap().rows, 0);
}
