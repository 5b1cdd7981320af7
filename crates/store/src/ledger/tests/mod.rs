//! Jobs, their states and their counts on a real database.

mod callbacks;
mod cancelling;
mod list;
mod parts;
mod redrive;
mod results;
mod stalled;
mod sweep;

use std::sync::Arc;

use intake_types::{Action, DatabaseId, JobState, MatchRule, Tally};
use serde_json::json;

use crate::Ending;
use crate::fixture::{account, apply_all, catalog, email, fates, header, import, job_id};
use crate::testing::TestDatabase;

#[tokio::test]
async fn counts_add_up_while_a_job_moves_on() {
    let database = TestDatabase::create();
    let store = database.store();
    let demo = account("demo");
    let records = [
        email("a"),
        email("a"),
        json!({"email": "a@example.com", "city": "Here", "_ref": "third"}),
        json!({"email": 5}),
        json!({"email": "b@example.com", "city": null}),
    ];
    let import = import(1, MatchRule::Email, &records);
    assert_eq!(store.status(&demo, job_id(1)).await.unwrap(), None);

    let registered = store.register(&import.header).await.unwrap();
    assert_eq!((registered.next_index, registered.state), (0, JobState::Processing));
    let status = store.status(&demo, job_id(1)).await.unwrap().unwrap();
    let entry = status.ledger.unwrap();
    assert_eq!((status.state, entry.total, entry.attempts), (JobState::Processing, 5, 1));
    assert_eq!((entry.tally, entry.finished_at, entry.error), (Tally::default(), None, None));

    store.apply(Arc::clone(&import), catalog(), 0..3, None).await.unwrap();
    let entry = store.status(&demo, job_id(1)).await.unwrap().unwrap().ledger.unwrap();
    assert_eq!(entry.tally, Tally { created: 1, unchanged: 1, updated: 1, ..Tally::default() });
    assert_eq!(store.register(&import.header).await.unwrap().next_index, 3);

    store.apply(Arc::clone(&import), catalog(), 3..5, None).await.unwrap();
    let status = store.status(&demo, job_id(1)).await.unwrap().unwrap();
    let entry = status.ledger.unwrap();
    assert_eq!((status.state, entry.attempts, entry.tally.processed()), (JobState::Completed, 2, 5));
    assert!(entry.finished_at.unwrap() >= entry.started_at);
    let results = fates(&store, job_id(1)).await;
    let actions: Vec<Action> = results.iter().map(|outcome| outcome.action).collect();
    assert_eq!(
        actions,
        [Action::Created, Action::Unchanged, Action::Updated, Action::Failed, Action::Created]
    );
    assert_eq!(Tally::of(&results), entry.tally);
    assert_eq!(results[2].reference.as_deref(), Some("third"));
    assert_eq!(results[0].profile_id, results[2].profile_id);
    assert_eq!(results[3].profile_id, None);
}

#[tokio::test]
async fn a_job_that_failed_stays_so() {
    let database = TestDatabase::create();
    let store = database.store();
    let never_taken = header(1, MatchRule::Email, 3);
    let failed = Ending { state: JobState::Failed, error: Some(422), is_new: true };
    assert_eq!(store.fail(&never_taken, 422, "no \0 go".to_owned()).await.unwrap(), failed);
    let status = store.status(&account("demo"), job_id(1)).await.unwrap().unwrap();
    assert_eq!(status.state, JobState::Failed);
    assert_eq!(status.ledger.unwrap().error, Some((422, "no \u{fffd} go".to_owned())));
    let again = store.fail(&never_taken, 500, "again".to_owned()).await.unwrap();
    assert_eq!(again, Ending { is_new: false, ..failed });
    assert!(!again.is_given_up(), "nothing of it is to be kept");
    assert_eq!(store.register(&never_taken).await.unwrap().state, JobState::Failed);
    assert_eq!(database.scalar("SELECT error * 10 + attempts FROM jobs"), 4221);

    let import = import(2, MatchRule::Email, &[email("a"), email("b")]);
    store.register(&import.header).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 0..1, None).await.unwrap();
    assert!(store.fail(&import.header, 500, "gave up".to_owned()).await.unwrap().is_given_up());
    let after = store.apply(Arc::clone(&import), catalog(), 1..2, None).await.unwrap();
    let given_up = Ending { state: JobState::Failed, error: Some(500), is_new: false };
    assert_eq!((after.next_index, after.tally.created, after.ended), (1, 0, Some(given_up)));

    apply_all(&store, &crate::fixture::import(3, MatchRule::Email, &[email("c")]), 1).await;
    let done = header(3, MatchRule::Email, 1);
    let completed = Ending { state: JobState::Completed, error: None, is_new: false };
    assert_eq!(store.fail(&done, 500, "too late".to_owned()).await.unwrap(), completed);
}

#[tokio::test]
async fn a_job_is_told_to_its_account_alone() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &[email("a")]), 1).await;
    let mut demo = account("demo");
    assert!(store.status(&demo, job_id(1)).await.unwrap().is_some());
    assert_eq!(store.status(&demo, job_id(2)).await.unwrap(), None);
    assert_eq!(store.status(&account("other"), job_id(1)).await.unwrap(), None);
    let mut other = account("other");
    other.databases.insert(DatabaseId(1));
    assert_eq!(store.status(&other, job_id(1)).await.unwrap(), None, "same database, other account");
    demo.databases.remove(&DatabaseId(1));
    assert!(
        store.status(&demo, job_id(1)).await.unwrap().is_some(),
        "its own job, whatever became of the database"
    );
}

#[tokio::test]
async fn a_number_that_the_database_cannot_hold_stops_no_job() {
    let database = TestDatabase::create();
    let store = database.store();
    for (job, number) in [(1, "1e200000"), (2, "-1e-200000"), (3, "7"), (4, "1e400")] {
        let value = serde_json::from_str(number).unwrap();
        let match_values = serde_json::Map::from_iter([("field_value".to_owned(), value)]);
        let header = intake_types::Header { match_values, ..header(job, MatchRule::Email, 1) };
        assert_eq!(
            store.register(&header).await.map(|registered| registered.state),
            Ok(JobState::Processing),
            "{number}"
        );
    }
}
