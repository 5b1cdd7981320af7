//! Jobs in which nothing moves any more are ended, and no others.

use std::sync::Arc;
use std::time::Duration;

use intake_types::{Header, JobState, MatchRule};

use crate::Store;
use crate::fixture::{account, catalog, email, header, import, job_id};
use crate::testing::TestDatabase;

const QUIET: Duration = Duration::from_hours(6);

/// A job of two records, one of them applied, with both times so many hours back.
async fn begun(store: &Store, database: &TestDatabase, job: u64, taken: u32, applied: u32) {
    let import = import(job, MatchRule::Email, &[email("a"), email("b")]);
    let told = Header { callback_url: Some("https://example.com/".to_owned()), ..import.header.clone() };
    store.register(&told).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 0..1, None).await.unwrap();
    for (table, column, key, hours) in
        [("jobs", "taken_at", "id", taken), ("job_chunks", "applied_at", "job_id", applied)]
    {
        let back = format!("{column} = {column} - make_interval(hours => {hours})");
        database.execute(&format!("UPDATE {table} SET {back} WHERE {key} = '{}'", job_id(job)));
    }
}

#[tokio::test]
async fn only_where_nothing_moved_for_so_long() {
    let database = TestDatabase::create();
    let store = database.store();
    for (job, taken, applied) in [(1, 7, 7), (2, 7, 5), (3, 5, 5), (4, 8, 7)] {
        begun(&store, &database, job, taken, applied).await;
    }
    store.fail(&header(5, MatchRule::Email, 1), 500, "ended before".to_owned()).await.unwrap();
    assert_eq!(store.end_stalled(QUIET, 1).await.unwrap(), [job_id(4)], "the oldest first");
    // One that cannot be read keeps no other from its end.
    begun(&store, &database, 6, 9, 9).await;
    database.execute(&format!("UPDATE jobs SET header = '{{}}' WHERE id = '{}'", job_id(6)));
    assert_eq!(store.end_stalled(QUIET, 10).await.unwrap(), [job_id(1)]);
    assert_eq!(store.end_stalled(QUIET, 10).await.unwrap(), []);
    let status = store.status(&account("demo"), job_id(1)).await.unwrap().unwrap();
    let entry = status.ledger.unwrap();
    assert_eq!((status.state, entry.tally.created, entry.error.unwrap().0), (JobState::Failed, 1, 500));
    // Whoever is to be told of it is.
    assert_eq!(database.scalar("SELECT count(*) FROM callbacks"), 2);
    // Its message finds it so, should it ever come.
    let found = store.register(&header(1, MatchRule::Email, 2)).await.unwrap();
    assert_eq!((found.state, found.error), (JobState::Failed, Some(500)));
}
