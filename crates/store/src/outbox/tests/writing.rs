//! Which changes leave events behind.

use std::sync::Arc;

use intake_types::event::Strand;
use intake_types::{JobState, MatchRule};
use serde_json::json;

use super::{LIMITS, drain, events, told};
use crate::fixture::{apply_all, catalog, email, header, import, job_id};
use crate::testing::TestDatabase;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn one_for_each_row_that_changes_and_one_for_the_job() {
    let database = TestDatabase::create();
    let store = database.store();
    let made = json!({"email": "a@example.com", "city": "Riga", "subscriptions": [
        {"resource_id": 28, "channel": "email", "email": "a@example.com", "cats": ["a"]},
    ]});
    let again = json!({"email": "a@example.com", "number": 7});
    apply_all(&store, &import(1, MatchRule::Email, &[made, again]), 10).await;
    let mut sent = told(&store).await;
    sent.sort();
    let wanted = [
        ("job.completed".to_owned(), vec![]),
        ("profile.created".to_owned(), names(&["city", "email", "number"])),
        ("subscription.created".to_owned(), names(&["cats", "status"])),
    ];
    assert_eq!(sent, wanted);

    let changed = json!({"email": "a@example.com", "city": "Oslo", "subscriptions": [
        {"resource_id": 28, "channel": "email", "email": "a@example.com", "status": "unsubscribed"},
    ]});
    let same = json!({"email": "a@example.com", "number": "7"});
    let wrong = json!({"email": "b@example.com", "number": "many"});
    apply_all(&store, &import(2, MatchRule::Email, &[same, wrong, changed]), 1).await;
    let sent = drain(&store, LIMITS).await;
    let sent: Vec<_> = sent.iter().flat_map(events).collect();
    let of = |kind: &str| sent.iter().find(|event| event["type"] == kind).unwrap();
    assert_eq!(sent.len(), 3);
    assert_eq!(of("profile.updated")["data"]["changed"], json!(["city"]));
    assert_eq!(of("profile.updated")["id"], format!("{}:2:0", job_id(2)));
    assert_eq!(of("subscription.updated")["data"]["changed"], json!(["status"]));
    let job = &of("job.completed")["data"];
    assert_eq!(
        (&job["status"], &job["updated"], &job["unchanged"], &job["failed"]),
        (&json!("completed"), &json!(1), &json!(1), &json!(1))
    );
    // The time of a change is that of its row.
    let updated =
        "SELECT to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM profiles";
    assert_eq!(database.texts(updated), [of("profile.updated")["time"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_chunk_that_is_rolled_back_leaves_no_event() {
    let database = TestDatabase::create();
    let store = database.store();
    // Refused after everything else was written.
    database.execute("ALTER TABLE job_chunks ADD CONSTRAINT refused CHECK (first_index <> 0)");
    let import = import(1, MatchRule::Email, &["a", "b"].map(email));
    store.register(&import.header).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 0..2, None).await.unwrap_err();
    assert_eq!(database.scalar("SELECT count(*) FROM outbox"), 0);
    database.execute("ALTER TABLE job_chunks DROP CONSTRAINT refused");
    store.apply(Arc::clone(&import), catalog(), 0..2, None).await.unwrap();
    // Nor does one that comes again.
    store.apply(Arc::clone(&import), catalog(), 0..2, None).await.unwrap();
    assert_eq!(told(&store).await.len(), 3);
}

#[tokio::test]
async fn skip_triggers_leaves_the_end_of_the_job_alone() {
    let database = TestDatabase::create();
    let store = database.store();
    let mut import = import(1, MatchRule::Email, &["a", "b"].map(email));
    Arc::get_mut(&mut import).unwrap().header.skip_triggers = true;
    apply_all(&store, &import, 1).await;
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 2);
    assert_eq!(told(&store).await, [("job.completed".to_owned(), vec![])]);
}

#[tokio::test]
async fn a_job_ends_once_however_it_ends() {
    let database = TestDatabase::create();
    let store = database.store();
    let failed = header(1, MatchRule::Email, 3);
    for _ in 0..2 {
        store.fail(&failed, 500, "it could not be applied".to_owned()).await.unwrap();
    }
    apply_all(&store, &import(2, MatchRule::Email, &[email("a")]), 1).await;
    let done = header(2, MatchRule::Email, 1);
    assert_eq!(store.fail(&done, 500, "too late".to_owned()).await.unwrap().state, JobState::Completed);
    let sent = drain(&store, LIMITS).await;
    let jobs: Vec<_> =
        sent.iter().flat_map(events).filter(|event| event["type"] == "job.completed").collect();
    assert_eq!(jobs.len(), 2);
    let failure = jobs.iter().find(|event| event["subject"] == job_id(1).to_string()).unwrap();
    let data = &failure["data"];
    assert_eq!(
        (&data["status"], &data["error"], &data["total"], &data["processed"]),
        (&json!("failed"), &json!(500), &json!(3), &json!(0))
    );
}

#[tokio::test]
async fn a_chunk_writes_a_row_for_each_strand_and_none_without_events() {
    let database = TestDatabase::create();
    let store = database.store();
    let strands = i64::from(Strand::COUNT);
    assert_eq!(
        database.scalar("SELECT count(*) FROM outbox_strands WHERE strand >= 0 AND strand < 16"),
        strands
    );
    let people: Vec<_> = (0..300).map(|n| email(&n.to_string())).collect();
    let first = import(1, MatchRule::Email, &people);
    store.register(&first.header).await.unwrap();
    store.apply(Arc::clone(&first), catalog(), 0..299, None).await.unwrap();
    assert_eq!(database.scalar("SELECT count(*) FROM outbox"), strands);
    assert_eq!(database.scalar("SELECT count(DISTINCT strand) FROM outbox"), strands);
    assert_eq!(database.scalar("SELECT sum(events) FROM outbox"), 299);
    drain(&store, LIMITS).await;
    let again = import(2, MatchRule::Email, &people);
    store.register(&again.header).await.unwrap();
    store.apply(Arc::clone(&again), catalog(), 0..299, None).await.unwrap();
    assert_eq!(database.scalar("SELECT count(*) FROM outbox"), 0, "nothing changed");
}

#[tokio::test]
async fn those_of_one_profile_stay_in_order_where_they_fill_several_rows() {
    let database = TestDatabase::create();
    let store = database.store();
    let subscription = |n| json!({"resource_id": 28, "channel": "email", "email": format!("{n}@example.com"), "cats": ["a"]});
    let subscriptions: Vec<_> = (0..900).map(subscription).collect();
    let person = json!({"email": "a@example.com", "subscriptions": subscriptions});
    apply_all(&store, &import(1, MatchRule::Email, &[person]), 10).await;
    assert!(database.scalar("SELECT count(*) FROM outbox WHERE topic = 'profiles'") > 1);
    let sent = drain(&store, LIMITS).await;
    let changes = sent.iter().flat_map(events).filter(|event| event["type"] != "job.completed");
    let ids: Vec<String> = changes.map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    let in_order: Vec<String> = (0..901).map(|position| format!("{}:0:{position}", job_id(1))).collect();
    assert_eq!(ids, in_order);
}
