//! Keys of requests on a real database: one job to a key, whoever asks and whoever comes first.

use intake_types::{Fingerprint, Header, JobState, KeyScope, MatchRule, RequestKey, Stamp};

use tokio::task::JoinSet;

use super::Reserved;
use crate::fixture::{account, apply_all, email, header, import, job_id, reserve};
use crate::testing::TestDatabase;
use crate::{Ending, Registered, Store};

fn key(name: &str, body: &str) -> RequestKey {
    let fingerprint = Fingerprint::of(&[body.as_bytes()]);
    RequestKey { scope: KeyScope::Key, key: name.to_owned(), fingerprint, seconds: None }
}

fn job(number: u64, key: &RequestKey) -> Header {
    Header { request_key: Some(key.clone()), ..header(number, MatchRule::Email, 1) }
}

async fn register(store: &Store, number: u64, key: &RequestKey) -> Registered {
    store.register(&job(number, key)).await.unwrap()
}

/// Runs all of them side by side.
async fn at_once<T: Send + 'static>(
    work: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    work.collect::<JoinSet<T>>().join_all().await
}

fn reserved(number: u64, key: &RequestKey, registered: bool) -> Reserved {
    let (job_id, stands_at) = (job_id(number), Stamp::of(job_id(number)));
    Reserved { job_id, fingerprint: key.fingerprint, stands_at, registered }
}

#[tokio::test]
async fn a_key_is_the_first_ones_and_others_are_told_whose() {
    let database = TestDatabase::create();
    let store = database.store();
    let (one, other) = (key("k", "one"), key("k", "other"));
    assert_eq!(store.reserved("demo", &one).await.unwrap(), None);
    assert_eq!(reserve(&store, 1, &one).await, reserved(1, &one, false));
    assert_eq!(reserve(&store, 2, &one).await, reserved(1, &one, false));
    assert_eq!(reserve(&store, 3, &other).await, reserved(1, &one, false));
    assert_eq!(register(&store, 1, &one).await.same_as, None);
    assert_eq!(reserve(&store, 4, &one).await, reserved(1, &one, true));
    assert_eq!(store.reserved("demo", &other).await.unwrap(), Some(reserved(1, &one, true)));
    // Another account's, and another scope's, is another key.
    assert_eq!(
        store.reserve("other", &one, job_id(5), Stamp::of(job_id(5))).await.unwrap(),
        reserved(5, &one, false)
    );
    let body = RequestKey { scope: KeyScope::Body, ..one };
    assert_eq!(reserve(&store, 6, &body).await, reserved(6, &body, false));
}

#[tokio::test]
async fn a_key_that_is_too_old_is_free() {
    let database = TestDatabase::create();
    let store = database.store();
    let (long, short) = (key("long", "x"), RequestKey { seconds: Some(60), ..key("short", "x") });
    for (key, age, still) in [(&long, "719 hours", 1), (&long, "721 hours", 2), (&short, "61 s", 2)] {
        reserve(&store, 1, key).await;
        database.execute(&format!("UPDATE request_keys SET created_at = now() - interval '{age}'"));
        let now = reserve(&store, 2, key).await;
        assert_eq!(now, reserved(still, key, false), "{age}");
        database.execute("DELETE FROM request_keys");
    }
}

#[tokio::test]
async fn at_once_there_is_one_winner() {
    let database = TestDatabase::create();
    let store = database.store();
    for round in 0..10 {
        let key = key(&format!("k{round}"), "x");
        let won = at_once((0..8).map(|number| {
            let (store, key) = (store.clone(), key.clone());
            async move { reserve(&store, round * 8 + number, &key).await }
        }));
        let won = won.await;
        assert!(won.iter().all(|reserved| *reserved == won[0]), "{won:?}");
    }
}

#[tokio::test]
async fn of_two_jobs_with_one_key_the_first_registered_is_applied() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = key("k", "x");
    let import = import(1, MatchRule::Email, &[email("a")]);
    assert_eq!(register(&store, 1, &key).await.same_as, None);
    for _delivery in 0..2 {
        let second = register(&store, 2, &key).await;
        assert_eq!((second.same_as, second.state), (Some(job_id(1)), JobState::Processing));
    }
    apply_all(&store, &import, 1).await;
    assert_eq!(register(&store, 2, &key).await.state, JobState::Completed);
    assert_eq!(database.scalar("SELECT count(*) FROM jobs"), 1);
    let told = store.status(&account("demo"), job_id(2)).await.unwrap().unwrap();
    assert_eq!((told.job_id, told.state), (job_id(1), JobState::Completed));
    assert_eq!(store.status(&account("other"), job_id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_key_used_for_something_else_fails_its_job() {
    let database = TestDatabase::create();
    let store = database.store();
    register(&store, 1, &key("k", "x")).await;
    for _delivery in 0..2 {
        let second = register(&store, 2, &key("k", "y")).await;
        assert_eq!((second.same_as, second.state), (None, JobState::Failed));
    }
    let told = store.status(&account("demo"), job_id(2)).await.unwrap().unwrap();
    let (error, text) = told.ledger.unwrap().error.unwrap();
    assert!(error == 422 && text.starts_with("Idempotency-Key: "), "{error} {text}");
    assert_eq!(register(&store, 1, &key("k", "x")).await.state, JobState::Processing);
}

#[tokio::test]
async fn of_two_requests_with_one_key_the_first_accepted_has_it() {
    let database = TestDatabase::create();
    let store = database.store();
    // Accepted while the ledger was away; the other came when it was back, before any worker had the first.
    let (first, second) = (key("k", "x"), key("k", "y"));
    reserve(&store, 2, &second).await;
    assert_eq!(register(&store, 1, &first).await.state, JobState::Processing);
    assert_eq!(register(&store, 2, &second).await.error, Some(422));
}

#[tokio::test]
async fn a_job_that_was_reserved_and_never_came_does_not_swallow_another() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = key("k", "x");
    reserve(&store, 1, &key).await;
    assert_eq!(register(&store, 2, &key).await.same_as, None);
    let held = Reserved { stands_at: Stamp::of(job_id(1)), ..reserved(2, &key, true) };
    assert_eq!(store.reserved("demo", &key).await.unwrap(), Some(held));
    // And if it comes after all, it is the same.
    assert_eq!(register(&store, 1, &key).await.same_as, Some(job_id(2)));
}

#[tokio::test]
async fn a_request_stands_where_it_was_first_taken_and_not_refused() {
    let database = TestDatabase::create();
    let store = database.store();
    let (one, other) = (key("k", "one"), key("k", "other"));
    let stands_at = async |number, key| reserve(&store, number, key).await.stands_at;
    let at = |number| Stamp::of(job_id(number));
    let refused = async |account: &str, number| store.refused(account, &one, job_id(number)).await.unwrap();
    assert_eq!(stands_at(1, &one).await, at(1));
    assert_eq!(stands_at(2, &one).await, at(1), "the first may have been published");
    // What is for something else is no taking of it.
    reserve(&store, 3, &other).await;
    assert!(!refused("demo", 1).await, "one of the first two may have been published");
    assert_eq!(stands_at(4, &one).await, at(1));
    // Another's refusal is not of it.
    assert!(!refused("demo", 4).await && !refused("other", 1).await);
    assert!(!refused("demo", 1).await && refused("demo", 1).await, "none of them was published");
    assert_eq!(store.reserved("demo", &one).await.unwrap(), None);
    assert_eq!(reserve(&store, 5, &other).await, reserved(5, &other, false), "it is free for anything");
    assert_eq!(stands_at(6, &other).await, at(5));
    // Once a worker has it, nothing is counted any more.
    register(&store, 5, &other).await;
    for number in 7..10 {
        assert_eq!(reserve(&store, number, &other).await, reserved(5, &other, true));
    }
    assert_eq!(database.scalar("SELECT takings::bigint FROM request_keys"), 2);
}

#[tokio::test]
async fn a_job_that_takes_a_key_over_stands_where_its_request_was_first_taken() {
    let database = TestDatabase::create();
    let store = database.store();
    let at = |number| Stamp::of(job_id(number));
    // The gateway could not ask, or the ledger was slow.
    let first = key("first", "x");
    reserve(&store, 2, &first).await;
    assert_eq!(register(&store, 3, &first).await.stamp, at(2));
    assert_eq!(register(&store, 3, &first).await.stamp, at(2), "decided once for ever");
    // It was taken before, while nobody could ask.
    let later = key("later", "x");
    reserve(&store, 5, &later).await;
    assert_eq!(register(&store, 4, &later).await.stamp, at(4));
    let refused = key("refused", "x");
    reserve(&store, 6, &refused).await;
    store.refused("demo", &refused, job_id(6)).await.unwrap();
    assert_eq!(register(&store, 7, &refused).await.stamp, at(7));
    // It has the key because the other request is for something else.
    let another = key("another", "x");
    reserve(&store, 9, &key("another", "y")).await;
    assert_eq!(register(&store, 8, &another).await.stamp, at(8));
}

#[tokio::test]
async fn what_is_wished_of_a_job_is_wished_of_the_one_it_is_the_same_as() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = key("k", "x");
    register(&store, 1, &key).await;
    let wish = format!("INSERT INTO cancellations (job_id, account) VALUES ('{}', 'demo')", job_id(2));
    database.execute(&wish);
    register(&store, 2, &key).await;
    let wished = format!("SELECT count(*) FROM cancellations WHERE job_id = '{}'", job_id(1));
    assert_eq!(database.scalar(&wished), 1);
}

#[tokio::test]
async fn equal_bodies_are_one_request_for_a_while_only() {
    let database = TestDatabase::create();
    let store = database.store();
    // Ids of the fixture are a millisecond apart.
    let body = RequestKey { scope: KeyScope::Body, seconds: Some(1), ..key("k", "x") };
    assert_eq!(register(&store, 5_000, &body).await.same_as, None);
    assert_eq!(register(&store, 5_999, &body).await.same_as, Some(job_id(5_000)));
    assert_eq!(register(&store, 4_001, &body).await.same_as, Some(job_id(5_000)));
    assert_eq!(register(&store, 4_000, &body).await.same_as, None, "older, and no longer the same");
    assert_eq!(register(&store, 6_000, &body).await.same_as, None, "the key is this one's now");
    assert_eq!(register(&store, 6_001, &body).await.same_as, Some(job_id(6_000)));
    assert_eq!(register(&store, 5_000, &body).await.same_as, None, "decided once for ever");
}

#[tokio::test]
async fn workers_that_bring_two_jobs_of_one_key_at_once_apply_one() {
    let database = TestDatabase::create();
    let store = database.store();
    for round in 0..20 {
        let key = key(&format!("k{round}"), "x");
        if round % 2 == 0 {
            reserve(&store, round * 4, &key).await;
        }
        let brought = at_once((0..4).map(|number| {
            let (store, header) = (store.clone(), job(round * 4 + number, &key));
            async move { store.register(&header).await.unwrap() }
        }));
        let brought = brought.await;
        let own = brought.iter().filter(|registered| registered.same_as.is_none()).count();
        assert_eq!(own, 1, "{brought:?}");
    }
    assert_eq!(database.scalar("SELECT count(*) FROM jobs"), 20);
}

#[tokio::test]
async fn a_job_that_is_the_same_as_another_does_not_fail_by_itself() {
    let database = TestDatabase::create();
    let store = database.store();
    let count = |table: &str| database.scalar(&format!("SELECT count(*) FROM {table}"));
    let key = key("k", "x");
    let told = |number| Header { callback_url: Some("https://example.com/".to_owned()), ..job(number, &key) };
    register(&store, 1, &key).await;
    register(&store, 2, &key).await;
    let running = Ending { state: JobState::Processing, error: None, is_new: false };
    assert_eq!(store.fail(&told(2), 500, "came back too often".to_owned()).await.unwrap(), running);
    apply_all(&store, &import(1, MatchRule::Email, &[email("a")]), 1).await;
    let completed = Ending { state: JobState::Completed, ..running };
    assert_eq!(store.fail(&told(2), 500, "came back too often".to_owned()).await.unwrap(), completed);
    assert_eq!((count("jobs"), count("callbacks"), count("outbox WHERE topic = 'jobs'")), (1, 0, 1));
    // Its parts were thrown away because the other was accepted, which no worker has yet.
    let header = Header { streamed: true, ..job(3, &key) };
    store.drop_repeated(&header, job_id(4)).await.unwrap();
    assert_eq!(register(&store, 3, &key).await.same_as, Some(job_id(4)));
    assert_eq!(store.fail(&header, 500, "came back too often".to_owned()).await.unwrap(), running);
}
