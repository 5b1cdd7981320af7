//! Reading what became of records: all of it, parts of it, while it grows, and until it expires.

use std::sync::Arc;

use intake_types::{Action, Entry, MatchRule};
use serde_json::{Value, json};

use crate::fixture::{DATABASE, apply_all, catalog, email, entries, import, job_id};
use crate::testing::TestDatabase;
use crate::{Excerpt, Store};

/// Every third record fails, and so does all of the last chunk of ten.
fn records(count: usize) -> Vec<Value> {
    let record = |number: usize| {
        if number.is_multiple_of(3) || number + 10 >= count {
            json!({"email": number})
        } else {
            email(&number.to_string())
        }
    };
    (0..count).map(record).collect()
}

fn excerpt(range: std::ops::Range<u32>, only: &[Action]) -> Excerpt {
    Excerpt { db_id: DATABASE, job_id: job_id(1), range, only: only.to_vec(), with_records: false }
}

async fn indices(store: &Store, excerpt: Excerpt) -> Vec<u32> {
    let entries = entries(store, excerpt).await.unwrap();
    entries.into_iter().map(|entry| entry.outcome.index).collect()
}

#[tokio::test]
async fn any_part_is_read_in_order_and_once() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &records(60)), 10).await;
    let failed = |range: std::ops::Range<u32>| range.filter(|n| n % 3 == 0 || *n >= 50).collect::<Vec<u32>>();
    for range in [0..60, 0..1, 7..7, 7..8, 9..31, 20..30, 59..60, 60..60] {
        let all: Vec<u32> = range.clone().collect();
        assert_eq!(indices(&store, excerpt(range.clone(), &Action::ALL)).await, all);
        let only = excerpt(range.clone(), &[Action::Failed, Action::Skipped]);
        assert_eq!(indices(&store, only.clone()).await, failed(range.clone()));
        for most in [0, 1, 5, 30] {
            let end = store.results_end(only.clone(), most).await.unwrap();
            let expected = failed(range.clone()).get(usize::try_from(most).unwrap()).copied();
            assert_eq!(end, expected, "{range:?} {most}");
        }
    }
    assert!(indices(&store, excerpt(0..60, &[Action::Updated])).await.is_empty());
}

#[tokio::test]
async fn a_portion_is_small_whatever_the_size_of_chunks() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &records(2)), 1).await;
    database.execute("UPDATE jobs SET total = 100000, tally = '{100000,0,0,0,0,0}'");
    database.execute("DELETE FROM job_chunks");
    // Large chunks to begin with, then tiny ones.
    database.execute(
        "INSERT INTO job_chunks (db_id, job_id, first_index, records, created, updated, unchanged, skipped, failed, \
         warnings, actions, profile_ids, details) \
         SELECT j.db_id, j.id, c.first, c.count, c.count, 0, 0, 0, 0, 0, array_fill(1::smallint, ARRAY[c.count]), \
         array_fill(NULL::uuid, ARRAY[c.count]), '[]' FROM jobs j, \
         (SELECT n * 1000, 1000 FROM generate_series(0, 98) n UNION ALL SELECT 99000 + n, 1 \
          FROM generate_series(0, 999) n) c (first, count)",
    );
    let (mut next, mut seen, mut portions) = (Some(0), 0, 0);
    while let Some(start) = next {
        let portion = store.results(excerpt(start..100_000, &Action::ALL)).await.unwrap().unwrap();
        let read = u32::try_from(portion.entries.len()).unwrap();
        assert!((1..=3000).contains(&read), "{read}");
        assert_eq!(portion.entries[0].outcome.index, seen);
        (next, seen, portions) = (portion.next_index, seen + read, portions + 1);
    }
    assert_eq!(seen, 100_000);
    assert!(portions <= 61, "{portions}");
}

#[tokio::test]
async fn what_was_processed_is_read_the_same_while_more_is() {
    let database = TestDatabase::create();
    let store = database.store();
    let import = import(1, MatchRule::Email, &records(30));
    store.register(&import.header).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 0..7, None).await.unwrap();
    let so_far = entries(&store, excerpt(0..7, &Action::ALL)).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 7..30, None).await.unwrap();
    assert_eq!(entries(&store, excerpt(0..7, &Action::ALL)).await.unwrap(), so_far);
    assert_eq!(indices(&store, excerpt(7..30, &Action::ALL)).await, (7..30).collect::<Vec<u32>>());
}

#[tokio::test]
async fn failures_come_with_their_records() {
    let database = TestDatabase::create();
    let store = database.store();
    let import = import(1, MatchRule::Email, &records(40));
    apply_all(&store, &import, 8).await;
    let asked = Excerpt { with_records: true, ..excerpt(1..40, &[Action::Failed]) };
    let failed = entries(&store, asked).await.unwrap();
    assert_eq!(failed.len(), 19);
    for Entry { outcome, record } in failed {
        assert_eq!(record.as_deref(), Some(import.text(outcome.index)));
    }
}

#[tokio::test]
async fn what_has_expired_is_not_told_whether_or_not_it_is_there() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &records(20)), 8).await;
    let all = excerpt(0..20, &Action::ALL);
    assert!(entries(&store, all.clone()).await.is_some());
    database.execute("UPDATE jobs SET expires_at = now() - interval '1 second'");
    assert_eq!(entries(&store, all.clone()).await, None);
    database.execute("DELETE FROM jobs");
    assert_eq!(entries(&store, all).await, None);
}
