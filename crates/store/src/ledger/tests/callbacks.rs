//! Callbacks are lent to one worker at a time, and what came of them is entered.

use std::time::Duration;

use intake_types::callback::{CallbackState, CallbackStatus};
use intake_types::{Header, MatchRule};

use crate::fixture::{account, header, job_id};
use crate::testing::TestDatabase;
use crate::{Attempt, Store};

const URL: &str = "https://example.com/hook";
const LEASE: Duration = Duration::from_hours(1);

fn wanted(job: u64) -> Header {
    Header { callback_url: Some(URL.to_owned()), ..header(job, MatchRule::Email, 1) }
}

async fn ended(store: &Store, job: u64) {
    store.fail(&wanted(job), 403, "no".to_owned()).await.unwrap();
}

async fn callback(store: &Store, job: u64) -> CallbackStatus {
    let status = store.status(&account("demo"), job_id(job)).await.unwrap().unwrap();
    status.ledger.unwrap().callback.unwrap()
}

fn failed(pause: Duration) -> Attempt {
    Attempt {
        state: CallbackState::Pending,
        status: Some(500),
        error: Some("answered 500".to_owned()),
        pause,
    }
}

fn delivered() -> Attempt {
    Attempt { state: CallbackState::Delivered, status: Some(204), error: None, pause: Duration::ZERO }
}

#[tokio::test]
async fn it_is_there_when_the_job_has_ended() {
    let database = TestDatabase::create();
    let store = database.store();
    store.register(&wanted(1)).await.unwrap();
    assert_eq!(callback(&store, 1).await, CallbackStatus::waiting(URL.to_owned()));
    assert_eq!(store.take_callback(Vec::new(), LEASE).await.unwrap(), None);
    ended(&store, 1).await;
    ended(&store, 1).await;
    store.fail(&header(2, MatchRule::Email, 1), 403, "tells nobody".to_owned()).await.unwrap();
    assert_eq!(database.scalar("SELECT count(*) FROM callbacks"), 1);
    let taken = store.take_callback(Vec::new(), LEASE).await.unwrap().unwrap();
    assert_eq!((taken.url.as_str(), taken.account.as_str(), taken.attempt), (URL, "demo", 1));
    assert_eq!(taken.status.ledger.unwrap().error, Some((403, "no".to_owned())));
}

#[tokio::test]
async fn one_worker_has_it_at_a_time() {
    let database = TestDatabase::create();
    let store = database.store();
    ended(&store, 1).await;
    assert_eq!(store.take_callback(vec!["demo".to_owned()], LEASE).await.unwrap(), None, "busy");
    let taken = store.take_callback(vec!["other".to_owned()], LEASE).await.unwrap().unwrap();
    assert_eq!(store.take_callback(Vec::new(), LEASE).await.unwrap(), None);
    store.settle_callback(&taken, failed(Duration::ZERO)).await.unwrap();
    let known = callback(&store, 1).await;
    assert_eq!((known.state, known.attempts, known.last_status), (CallbackState::Pending, 1, Some(500)));
    assert!(known.next_attempt_at.is_some() && known.last_error.as_deref() == Some("answered 500"));
    let again = store.take_callback(Vec::new(), LEASE).await.unwrap().unwrap();
    assert_eq!(again.attempt, 2);
    store.settle_callback(&again, failed(LEASE)).await.unwrap();
    assert_eq!(store.take_callback(Vec::new(), LEASE).await.unwrap(), None, "not due");
}

#[tokio::test]
async fn whoever_was_too_slow_does_not_decide() {
    let database = TestDatabase::create();
    let store = database.store();
    for job in [1, 2] {
        ended(&store, job).await;
        let slow = store.take_callback(Vec::new(), Duration::ZERO).await.unwrap().unwrap();
        let quick = store.take_callback(Vec::new(), LEASE).await.unwrap().unwrap();
        assert_eq!((slow.status.job_id, slow.attempt, quick.attempt), (quick.status.job_id, 1, 2));
        if job == 1 {
            store
                .settle_callback(&slow, Attempt { state: CallbackState::Failed, ..failed(LEASE) })
                .await
                .unwrap();
            assert_eq!(callback(&store, 1).await.state, CallbackState::Pending);
            store.settle_callback(&quick, delivered()).await.unwrap();
        } else {
            // It was taken all the same, so it need not be sent again.
            store.settle_callback(&slow, delivered()).await.unwrap();
            store.settle_callback(&quick, failed(LEASE)).await.unwrap();
        }
        let known = callback(&store, job).await;
        assert_eq!((known.state, known.next_attempt_at), (CallbackState::Delivered, None));
    }
}

#[tokio::test]
async fn one_whose_job_cannot_be_read_holds_up_no_other() {
    let database = TestDatabase::create();
    let store = database.store();
    for job in [1, 2] {
        ended(&store, job).await;
    }
    database.execute(&format!("UPDATE jobs SET header = '{{}}' WHERE id = '{}'", job_id(1)));
    let mut taken = Vec::new();
    for _look in 0..2 {
        taken.extend(store.take_callback(Vec::new(), LEASE).await.unwrap());
    }
    let jobs: Vec<_> = taken.iter().map(|callback| callback.status.job_id).collect();
    assert_eq!(jobs, [job_id(2)]);
}
