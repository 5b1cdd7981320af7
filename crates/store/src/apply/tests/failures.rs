//! The records that failed are kept as they were sent, exactly those, and go with their chunk.

use std::sync::Arc;

use intake_types::{MatchRule, Outcome};
use serde_json::value::RawValue;

use crate::Import;
use crate::fixture::{apply_all, catalog, header, import_of};
use crate::testing::TestDatabase;

const KEPT: &str = "SELECT f.first_index || ' ' || i || ' ' || r FROM job_failures f, \
    unnest(f.indices, f.records) AS u (i, r) ORDER BY f.first_index, i";

fn import(validate_only: bool) -> Arc<Import> {
    let records = [
        r#"{"email": "a@example.com"}"#,
        r#"{"email" : "one", "number":1.50 }"#,
        r#"["no", "object"]"#,
        r#"{"email": "b@example.com"}"#,
        r#"{"email": "c\u0000@example.com"}"#,
    ];
    let records: Vec<_> =
        records.into_iter().map(|text| RawValue::from_string(text.to_owned()).unwrap()).collect();
    let mut header = header(1, MatchRule::Email, records.len());
    header.validate_only = validate_only;
    import_of(header, records)
}

#[tokio::test]
async fn records_that_failed_are_kept_as_they_were_sent() {
    let database = TestDatabase::create();
    apply_all(&database.store(), &import(false), 2).await;
    let kept = [
        r#"0 1 {"email" : "one", "number":1.50 }"#,
        r#"2 2 ["no", "object"]"#,
        r#"4 4 {"email": "c\u0000@example.com"}"#,
    ];
    assert_eq!(database.texts(KEPT), kept);
    database.execute("DELETE FROM jobs");
    assert!(database.texts(KEPT).is_empty());
}

#[tokio::test]
async fn a_record_that_was_given_up_is_kept() {
    let database = TestDatabase::create();
    let store = database.store();
    let import = import(false);
    store.register(&import.header).await.unwrap();
    store.apply(Arc::clone(&import), catalog(), 0..1, None).await.unwrap();
    let outcome = Outcome::not_processed(1, import.text(1));
    for _ in 0..2 {
        store.record(Arc::clone(&import), vec![outcome.clone()]).await.unwrap();
    }
    assert_eq!(database.texts(KEPT), [r#"1 1 {"email" : "one", "number":1.50 }"#]);
}

#[tokio::test]
async fn nothing_is_kept_of_a_chunk_that_fails_or_a_job_that_writes_nothing() {
    let database = TestDatabase::create();
    let store = database.store();
    let validated = import(true);
    store.register(&validated.header).await.unwrap();
    store.record(Arc::clone(&validated), vec![Outcome::not_processed(0, "{}")]).await.unwrap();
    assert!(database.texts(KEPT).is_empty());
    database.execute("DELETE FROM jobs");
    database.execute("ALTER TABLE job_failures ADD CHECK (first_index <> 0)");
    let import = import(false);
    store.register(&import.header).await.unwrap();
    assert!(store.apply(Arc::clone(&import), catalog(), 0..2, None).await.unwrap_err().is_data());
    assert_eq!(database.scalar("SELECT count(*) FROM job_chunks"), 0);
}
