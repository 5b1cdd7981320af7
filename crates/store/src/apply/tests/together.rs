//! Small jobs in one transaction: the same comes of each as alone, or nothing.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use intake_types::{Header, JobState, MatchRule};
use serde_json::{Value, json};

use super::{same_rows, stored};
use crate::fixture::{account, apply_all, catalog, email, fates, header, import, import_of, job_id};
use crate::testing::TestDatabase;
use crate::{Applied, Config, Error, Import, Store};

async fn together(store: &Store, imports: &[Arc<Import>]) -> Result<Vec<Option<Applied>>, Error> {
    let headers: Vec<Header> = imports.iter().map(|import| import.header.clone()).collect();
    let jobs: HashSet<_> = headers.iter().map(|header| header.job_id).collect();
    assert_eq!(store.register_new(headers).await.unwrap().0, jobs);
    store.apply_together(imports.to_vec(), catalog()).await
}

/// Just now.
fn has_ended(applied: Option<&Applied>) -> bool {
    applied.is_some_and(|applied| applied.ended.is_some_and(|ending| ending.is_new))
}

fn person(name: &str, city: &str) -> Value {
    json!({
        "_ref": name, "email": format!("{name}@example.com"), "city": city, "phones": ["+79000000001"],
        "subscriptions": [{"resource_id": 28, "channel": "email", "email": format!("{name}@example.com"), "cats": ["a"]}],
    })
}

/// Jobs that make people, who all have one phone, change them, meet them as they are, and have records that fail.
fn jobs() -> Vec<Arc<Import>> {
    let mut jobs = vec![
        import(
            10,
            MatchRule::Email,
            &[person("new1", "Riga"), person("new2", "Riga"), json!({"email": "?"})],
        ),
        import(
            11,
            MatchRule::Email,
            &[person("known1", "Tallinn"), person("known1", "Tartu"), email("plain")],
        ),
        import(12, MatchRule::Email, &[person("known2", "Riga")]),
        import(13, MatchRule::EmailPhoneSub, &[json!({"city": "nobody is meant"})]),
    ];
    let told = Header {
        external_id: Some("nightly".to_owned()),
        callback_url: Some("https://shop.example.com/done".to_owned()),
        skip_triggers: true,
        ..header(14, MatchRule::Email, 1)
    };
    jobs.push(import_of(told, vec![serde_json::value::to_raw_value(&person("new3", "Riga")).unwrap()]));
    jobs
}

fn known() -> Arc<Import> {
    import(1, MatchRule::Email, &[person("known1", "Riga"), person("known2", "Riga")])
}

#[tokio::test]
async fn the_same_comes_of_each_as_alone() {
    let [one_by_one, at_once] = [TestDatabase::create(), TestDatabase::create()];
    let alike = |import: &Arc<Import>| import.is_like(&known());
    for database in [&one_by_one, &at_once] {
        apply_all(&database.store(), &known(), 1000).await;
    }
    let jobs: Vec<Arc<Import>> = jobs().into_iter().filter(alike).collect();
    assert_eq!(jobs.len(), 4, "other places are not looked in together");
    for job in &jobs {
        apply_all(&one_by_one.store(), job, 1000).await;
    }
    let applied = together(&at_once.store(), &jobs).await.unwrap();
    assert!(applied.iter().all(|applied| has_ended(applied.as_ref())), "{applied:?}");
    let tallies: Vec<_> = applied.iter().flatten().map(|job| job.tally).collect();
    assert_eq!((tallies[0].created, tallies[0].failed), (2, 1));
    assert_eq!((tallies[1].created, tallies[1].updated, tallies[2].unchanged), (1, 2, 1));
    let (expected, stored) = (stored(&one_by_one), stored(&at_once));
    assert!(expected.iter().any(|row| row.contains("profile.updated")), "events are compared as well");
    same_rows(&expected, &stored);
}

#[tokio::test]
async fn nothing_is_done_of_a_job_that_looks_for_the_same_as_another_before_it() {
    let database = TestDatabase::create();
    let store = database.store();
    let job =
        |number, city| import(number, MatchRule::Email, &[person("a", city), email(&format!("of{number}"))]);
    let jobs = [job(1, "Riga"), import(2, MatchRule::Email, &[email("b")]), job(3, "Tallinn")];
    let applied = together(&store, &jobs).await.unwrap();
    assert_eq!(
        applied.iter().map(|applied| has_ended(applied.as_ref())).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert!(applied[2].is_none());
    let open = store.status(&account("demo"), job_id(3)).await.unwrap().unwrap();
    assert_eq!((open.state, open.ledger), (JobState::Queued, None), "it was not begun");
    apply_all(&store, &jobs[2], 1000).await;
    assert_eq!(fates(&store, job_id(3)).await.len(), 2);
    assert_eq!(database.texts("SELECT fields ->> 'city' FROM profiles WHERE fields ? 'city'"), ["Tallinn"]);
}

#[tokio::test]
async fn nothing_is_done_of_one_that_may_not_go_on() {
    let database = TestDatabase::create();
    let store = database.store();
    let cancelled = import(1, MatchRule::Email, &[email("a")]);
    store.cancel(&account("demo"), job_id(1)).await.unwrap();
    let beside = import(2, MatchRule::Email, &[email("b")]);
    let applied = together(&store, &[cancelled, beside]).await.unwrap();
    assert_eq!(applied.iter().map(|applied| has_ended(applied.as_ref())).collect::<Vec<_>>(), [false, true]);

    let half = import(3, MatchRule::Email, &["c", "d"].map(email));
    store.register(&half.header).await.unwrap();
    store.apply(Arc::clone(&half), catalog(), 0..1, None).await.unwrap();
    assert!(store.register_new(vec![half.header.clone()]).await.unwrap().0.is_empty(), "it is known");
    let over = import(4, MatchRule::Email, &[email("e")]);
    apply_all(&store, &over, 1000).await;
    let beside = import(5, MatchRule::Email, &[email("f")]);
    store.register(&beside.header).await.unwrap();
    let applied = store.apply_together(vec![half, over, beside], catalog()).await.unwrap();
    assert_eq!(
        applied.iter().map(|applied| has_ended(applied.as_ref())).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 4);
    assert_eq!(database.texts("SELECT attempts FROM jobs ORDER BY id"), ["0", "1", "1", "1", "1"]);
}

#[tokio::test]
async fn nothing_is_done_of_any_where_two_meet_one_profile() {
    let database = TestDatabase::create();
    let store = database.store();
    let both = json!({"email": "p@example.com", "phones": ["+79000000009"]});
    apply_all(&store, &import(1, MatchRule::Email, &[both]), 1000).await;
    // By different values.
    let phone = json!({"phones": ["+79000000009"], "city": "Riga"});
    let met = [import(2, MatchRule::Email, &[email("p"), email("x")]), import(3, MatchRule::Phone, &[phone])];
    assert!(together(&store, &met).await.unwrap_err().is_transient());
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 1);
    assert_eq!(database.scalar("SELECT count(*) FROM job_chunks"), 1);
    for job in &met {
        apply_all(&store, job, 1000).await;
    }
    assert_eq!(
        database.texts("SELECT attempts FROM jobs ORDER BY id"),
        ["1", "1", "1"],
        "each was begun once"
    );
}

#[tokio::test]
async fn whoever_is_in_the_way_is_not_waited_for() {
    let database = TestDatabase::create();
    let store = Store::open(&Config { database_lock_timeout: 0, ..database.config() });
    apply_all(&store, &import(1, MatchRule::Email, &[email("a")]), 1000).await;
    let mut other = database.connect();
    other.batch_execute("BEGIN; SELECT FROM profiles FOR UPDATE").unwrap();
    let jobs =
        [import(2, MatchRule::Email, &[person("a", "Riga")]), import(3, MatchRule::Email, &[email("b")])];
    let error = together(&store, &jobs).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("lock time limit"), "{error}");
    other.batch_execute("ROLLBACK").unwrap();
    apply_all(&store, &jobs[0], 1000).await;
}
