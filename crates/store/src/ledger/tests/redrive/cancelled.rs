//! What a client has cancelled is applied by no redrive, whenever it said so.

use super::*;

/// Skips or applies what is left of a job, as a worker does.
async fn work_on(store: &Store, header: &Header) -> JobState {
    store.register(header).await.unwrap();
    let records: Vec<_> = (0..header.total).map(|index| email(&index.to_string())).collect();
    let import = import(0, MatchRule::Email, &records);
    let import = Arc::new(crate::Import { header: header.clone(), ..Arc::into_inner(import).unwrap() });
    let mut applied = store.apply(Arc::clone(&import), catalog(), 0..header.total, None).await.unwrap();
    if applied.cancelled {
        applied = store.skip(import, 0..header.total).await.unwrap();
    }
    applied.ended.unwrap().state
}

/// A stream of five records that was given up before any of it was applied.
async fn untouched(store: &Store) -> Header {
    let header = streamed(1, 5);
    store.keep_part(Arc::new(part(1, 0..5))).await.unwrap();
    give_up(store, &header, 0).await;
    header
}

#[tokio::test]
async fn before_it_was_given_up() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = streamed(1, 5);
    store.keep_part(Arc::new(part(1, 0..5))).await.unwrap();
    store.register(&old).await.unwrap();
    let told = store.cancel(&account("demo"), old.job_id).await.unwrap().unwrap();
    assert_eq!((told.state, told.cancel_requested), (JobState::Processing, true));
    store.fail(&old, 500, "given up".to_owned()).await.unwrap();
    let told = store.status(&account("demo"), old.job_id).await.unwrap().unwrap();
    assert_eq!((told.state, told.cancel_requested), (JobState::Failed, true));
    let redriven = store.redrive(seal(&old), rest).await.unwrap();
    assert!(matches!(redriven, Redriven::Made { is_cancelled: true, .. }), "{redriven:?}");
    let (new, _) = made(redriven);
    give_up(&store, &new, 0).await;
    let (third, _) = made(store.redrive(seal(&new), rest).await.unwrap());
    assert_eq!(work_on(&store, &third).await, JobState::Cancelled);
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 0);
}

#[tokio::test]
async fn after_it_was_given_up() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = untouched(&store).await;
    for _time in 0..2 {
        let told = store.cancel(&account("demo"), old.job_id).await.unwrap().unwrap();
        assert_eq!((told.job_id, told.state, told.cancel_requested), (old.job_id, JobState::Failed, true));
    }
    let (new, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    assert_eq!(work_on(&store, &new).await, JobState::Cancelled);
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 0);
}

#[tokio::test]
async fn after_it_was_redriven() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = untouched(&store).await;
    let (second, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    give_up(&store, &second, 0).await;
    let (third, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    let told = store.cancel(&account("demo"), old.job_id).await.unwrap().unwrap();
    assert_eq!((told.job_id, told.state, told.cancel_requested), (third.job_id, JobState::Queued, true));
    assert_eq!(work_on(&store, &third).await, JobState::Cancelled);
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 0);
}

#[tokio::test]
async fn once_its_rest_is_applied_it_is_too_late() {
    let database = TestDatabase::create();
    let store = database.store();
    let old = untouched(&store).await;
    let (new, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    assert_eq!(work_on(&store, &new).await, JobState::Completed);
    let told = store.cancel(&account("demo"), old.job_id).await.unwrap().unwrap();
    assert_eq!((told.job_id, told.state, told.cancel_requested), (new.job_id, JobState::Completed, false));
    assert_eq!(database.scalar("SELECT count(*) FROM cancellations"), 0);
}
