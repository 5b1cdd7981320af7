//! The key of a request goes along a chain of redriven jobs, so that no record is applied by one of them and by a request that
//! is sent again, or by another retry.

use diesel::connection::SimpleConnection;

use super::*;

/// The key of the retry of job 1.
fn retry_key() -> RequestKey {
    let job = job_id(1);
    RequestKey {
        scope: KeyScope::Retry,
        key: job.to_string(),
        fingerprint: Fingerprint::of(&[job.0.as_bytes()]),
        seconds: None,
    }
}

/// A retry of job 1, of five records.
async fn retry(store: &Store, number: u64) -> Header {
    store.keep_part(Arc::new(part(number, 0..5))).await.unwrap();
    Header { retry_of: Some(job_id(1)), request_key: Some(retry_key()), ..streamed(number, 5) }
}

/// The job that stands in the way of another retry.
async fn retried(store: &Store) -> Option<JobId> {
    store.retried(&account("demo"), &retry_key()).await.unwrap().map(|held| held.job_id)
}

#[tokio::test]
async fn the_key_of_a_request_goes_along() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = |name: &str| RequestKey {
        scope: KeyScope::Key,
        key: name.to_owned(),
        fingerprint: Fingerprint::of(&[b"asked"]),
        seconds: None,
    };
    let held = async |name: &str| {
        store.reserved("demo", &key(name)).await.unwrap().map(|Reserved { job_id, .. }| job_id)
    };
    let keyed = async |number: u64, name: &str| {
        store.keep_part(Arc::new(part(number, 0..2))).await.unwrap();
        let header = Header { request_key: Some(key(name)), ..streamed(number, 2) };
        store.register(&header).await.unwrap();
        store.fail(&header, 500, "given up".to_owned()).await.unwrap();
        header
    };
    let redriven = |header: &Header| -> Option<JobId> { Some(header.job_id.redriven()) };
    let held_on = keyed(1, "held").await;
    made(store.redrive(seal(&held_on), rest).await.unwrap());
    assert_eq!(held("held").await, redriven(&held_on));
    let freed = keyed(2, "freed").await;
    database.execute("DELETE FROM request_keys WHERE key = 'freed'");
    made(store.redrive(seal(&freed), rest).await.unwrap());
    assert_eq!(held("freed").await, redriven(&freed));
    let again = keyed(3, "again").await;
    database.execute("DELETE FROM request_keys WHERE key = 'again'");
    reserve(&store, 9, &key("again")).await;
    assert_eq!(store.redrive(seal(&again), rest).await, Ok(Redriven::SentAgain(job_id(9))));
    assert_eq!(database.scalar("SELECT count(*) FROM jobs"), 5);
}

#[tokio::test]
async fn it_stands_for_the_last_of_them() {
    let database = TestDatabase::create();
    let store = database.store();
    let key = RequestKey { scope: KeyScope::Key, key: "k".to_owned(), ..retry_key() };
    store.keep_part(Arc::new(part(2, 0..5))).await.unwrap();
    let old = Header { request_key: Some(key.clone()), ..streamed(2, 5) };
    give_up(&store, &old, 1).await;
    let (second, _) = made(store.redrive(seal(&old), rest).await.unwrap());
    give_up(&store, &second, 1).await;
    let (third, _) = made(store.redrive(seal(&second), rest).await.unwrap());
    assert_eq!(store.reserved("demo", &key).await.unwrap().unwrap().job_id, third.job_id);
    // Its message says so too, so that another worker finds it to be the same job as ever.
    assert_eq!(third.request_key, Some(key));
    let registered = store.register(&third).await.unwrap();
    assert_eq!((registered.same_as, registered.refused), (None, false));
}

#[tokio::test]
async fn a_retry_of_which_some_was_applied_is_not_made_anew_after_a_redrive() {
    let database = TestDatabase::create();
    let store = database.store();
    let first = retry(&store, 2).await;
    give_up(&store, &first, 2).await;
    assert_eq!(retried(&store).await, Some(first.job_id));
    let (second, _) = made(store.redrive(seal(&first), rest).await.unwrap());
    give_up(&store, &second, 0).await;
    assert_eq!(retried(&store).await, Some(second.job_id), "two records were applied by the first");
    let (third, _) = made(store.redrive(seal(&second), rest).await.unwrap());
    give_up(&store, &third, 0).await;
    assert_eq!(retried(&store).await, Some(third.job_id));
}

#[tokio::test]
async fn a_redriven_retry_that_came_to_nothing_is_retried_anew_or_redriven_and_never_both() {
    let database = TestDatabase::create();
    let store = database.store();
    let first = retry(&store, 2).await;
    give_up(&store, &first, 0).await;
    let (second, _) = made(store.redrive(seal(&first), rest).await.unwrap());
    give_up(&store, &second, 0).await;
    assert_eq!(retried(&store).await, None);
    let anew = retry(&store, 3).await;
    store.register(&anew).await.unwrap();
    for message in [&first, &second] {
        let told = store.redrive(seal(message), rest).await;
        assert_eq!(told, Ok(Redriven::SentAgain(anew.job_id)));
    }
    // The other way round.
    store.fail(&anew, 500, "given up".to_owned()).await.unwrap();
    assert_eq!(retried(&store).await, None);
    let (redriven, _) = made(store.redrive(seal(&anew), rest).await.unwrap());
    let late = retry(&store, 4).await;
    assert_eq!(store.register(&late).await.unwrap().same_as, Some(redriven.job_id));
}

/// Redrives a retry whose key is free, or so it looks, while another session that has changed it is about to commit.
async fn redriven_beside(is_freed: bool, change: impl Fn(&Header) -> String) -> (Header, JobId, Redriven) {
    let database = TestDatabase::create();
    let store = database.store();
    let first = retry(&store, 2).await;
    give_up(&store, &first, 0).await;
    if is_freed {
        assert_eq!(retried(&store).await, None);
    }
    let anew = retry(&store, 3).await;
    let mut other = database.connect();
    other.batch_execute(&format!("BEGIN; {}", change(&anew))).unwrap();
    let redriving = tokio::spawn({
        let (store, asked) = (store.clone(), seal(&first));
        async move { store.redrive(asked, rest).await.unwrap() }
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock'";
    while !redriving.is_finished() && database.scalar(waiting) == 0 {
        tokio::task::yield_now().await;
    }
    other.batch_execute("COMMIT").unwrap();
    let redriven = redriving.await.unwrap();
    let held = store.reserved("demo", &retry_key()).await.unwrap().unwrap();
    (anew, held.job_id, redriven)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_claimed_while_its_job_is_redriven_is_seen() {
    let claim = |anew: &Header| {
        let RequestKey { key, fingerprint, .. } = retry_key();
        format!(
            "INSERT INTO request_keys (account, scope, key, job_id, fingerprint, stands_at) \
             VALUES ('demo', 'retry', '{key}', '{0}', decode('{fingerprint}', 'hex'), '{0}')",
            anew.job_id
        )
    };
    let (anew, held, redriven) = redriven_beside(true, claim).await;
    assert_eq!((held, redriven), (anew.job_id, Redriven::SentAgain(anew.job_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_freed_while_its_job_is_redriven_is_taken_again() {
    let (_, held, redriven) = redriven_beside(false, |_| "DELETE FROM request_keys".to_owned()).await;
    assert_eq!(held, made(redriven).0.job_id);
}
