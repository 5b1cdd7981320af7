//! Records that come again: nothing is done but what would be done of them if they were read.

use std::collections::HashSet;
use std::sync::Arc;

use intake_types::catalog::Catalog;
use intake_types::{Action, MatchRule, Repeat, Tally};
use serde_json::{Value, json};

use super::{same_rows, stored};
use crate::apply::{Chunk, apply_but_for, apply_chunk, repeats};
use crate::fixture::{apply_all, catalog, fates, header, import, job_id};
use crate::testing::TestDatabase;
use crate::{Error, Import, Retention};

const PEOPLE: usize = 300;

fn person(number: usize, city: &str) -> Value {
    let email = format!("p{number}@example.com");
    json!({
        "_ref": number, "email": email, "city": city, "phones": [format!("+7900{number:07}")], "tags": ["t"],
        "subscriptions": [{"resource_id": 28, "channel": "email", "email": email, "custom_fields": {"source": "web"}}],
    })
}

fn people(city: impl Fn(usize) -> &'static str) -> Vec<Value> {
    (0..PEOPLE).map(|number| person(number, city(number))).collect()
}

fn whole<'a>(import: &'a Import, catalog: &'a Arc<Catalog>) -> Chunk<'a> {
    Chunk::new(import, catalog, 0..import.header.total).unwrap()
}

fn likely(database: &TestDatabase, import: &Import) -> Vec<Repeat> {
    let catalog = catalog();
    repeats::likely(&mut database.connect(), &whole(import, &catalog)).unwrap()
}

#[tokio::test]
async fn the_same_is_stored_of_them_as_where_they_are_read() {
    let [glanced, read] = [TestDatabase::create(), TestDatabase::create()];
    let again = |number| if number % 10 == 3 { "Tartu" } else { "Riga" };
    let mut second = people(again);
    second.push(person(PEOPLE, "Riga"));
    second.push(person(11, "Riga"));
    second.push(json!({"email": "?"}));
    // Of one request two records, of a third what only changes a subscription.
    let mut third = people(again);
    third[5]["subscriptions"][0]["status"] = json!("unsubscribed");
    third.push(person(PEOPLE, "Riga"));
    third.push(json!({"email": "p7@example.com", "number": 7}));
    let jobs = [people(|_| "Riga"), second, third.clone(), third.clone(), third];
    // Whom two records of a request mean, is read; and again the next time, since neither alone is what it was written by.
    for (number, (records, repeats)) in (1..).zip(jobs.iter().zip([0, 271, 299, 300, 300])) {
        let import = import(number, MatchRule::Email, records);
        assert_eq!(likely(&glanced, &import).len(), repeats, "job {number}");
        apply_all(&glanced.store(), &import, 1000).await;
        read.execute("UPDATE profiles SET imprint = NULL");
        assert!(likely(&read, &import).is_empty());
        apply_all(&read.store(), &import, 1000).await;
        same_rows(&stored(&read), &stored(&glanced));
    }
}

#[tokio::test]
async fn nothing_of_them_changes_but_who_wrote_them_last() {
    let database = TestDatabase::create();
    let store = database.store();
    let records = people(|_| "Riga");
    let state = "SELECT ROW(id, fields, updated_at)::text FROM profiles UNION ALL \
                 SELECT ROW(s.*, xmin)::text FROM subscriptions s UNION ALL SELECT ROW(i.*, xmin)::text FROM identities i";
    let state = || database.texts(&format!("SELECT * FROM ({state}) AS t ORDER BY 1"));
    apply_all(&store, &import(1, MatchRule::Email, &records), 1000).await;
    let (before, told) =
        (state(), database.scalar("SELECT sum(events) FROM outbox WHERE topic = 'profiles'"));
    let made = fates(&store, job_id(1)).await;

    let again = import(2, MatchRule::Email, &records);
    assert_eq!(likely(&database, &again).len(), PEOPLE);
    apply_all(&store, &again, 1000).await;
    assert_eq!(state(), before);
    assert_eq!(database.scalar("SELECT sum(events) FROM outbox WHERE topic = 'profiles'"), told);
    let wrote = format!("SELECT count(*) FROM profiles WHERE written_by = '{}'", again.header.stamp().0);
    assert_eq!(database.scalar(&wrote), 300);
    for (outcome, made) in fates(&store, job_id(2)).await.iter().zip(&made) {
        assert_eq!((outcome.action, outcome.profile_id), (Action::Unchanged, made.profile_id));
        assert_eq!(outcome.reference, made.reference);
    }
}

#[tokio::test]
async fn an_older_request_that_comes_after_them_is_superseded() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &people(|_| "Riga")), 1000).await;
    let again = import(3, MatchRule::Email, &people(|_| "Riga"));
    assert_eq!(likely(&database, &again).len(), PEOPLE);
    apply_all(&store, &again, 1000).await;

    let late = import(2, MatchRule::Email, &people(|_| "Tartu"));
    assert!(likely(&database, &late).is_empty());
    apply_all(&store, &late, 1000).await;
    assert_eq!(database.texts("SELECT DISTINCT fields ->> 'city' FROM profiles"), ["Riga"]);
    assert!(fates(&store, job_id(2)).await.iter().all(|outcome| outcome.warnings.len() == 1));
    // What it repeats is older than what is there: it is not told at a glance.
    let old = import(0, MatchRule::Email, &people(|_| "Riga"));
    assert!(likely(&database, &old).is_empty());
}

#[tokio::test]
async fn what_was_written_since_they_were_foreseen_is_read() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &people(|_| "Riga")), 1000).await;
    let again = import(3, MatchRule::Email, &people(|_| "Riga"));
    store.register(&again.header).await.unwrap();
    let foreseen = likely(&database, &again);
    assert_eq!(foreseen.len(), PEOPLE);
    apply_all(&store, &import(2, MatchRule::Email, &[person(7, "Tartu")]), 1000).await;

    let before = stored(&database);
    let (connection, catalog, keep) = (&mut database.connect(), catalog(), Retention::default());
    let chunk = whole(&again, &catalog);
    let stale = apply_but_for(connection, keep, &chunk, foreseen);
    assert!(matches!(stale, Err(Error::Contention)), "{stale:?}");
    same_rows(&before, &stored(&database));

    let applied = apply_chunk(connection, keep, &chunk).unwrap();
    assert_eq!(applied.tally, Tally { updated: 1, unchanged: 299, ..Tally::default() });
    assert_eq!(database.texts("SELECT DISTINCT fields ->> 'city' FROM profiles"), ["Riga"]);
}

#[tokio::test]
async fn of_two_by_which_one_profile_cannot_both_be_written_none_is_believed() {
    let database = TestDatabase::create();
    let store = database.store();
    let again = import(3, MatchRule::Email, &[people(|_| "Riga"), people(|_| "Tartu")].concat());
    apply_all(&store, &import(1, MatchRule::Email, &people(|_| "Riga")), 1000).await;
    let mut both = likely(&database, &import(3, MatchRule::Email, &people(|_| "Riga")));
    apply_all(&store, &import(2, MatchRule::Email, &people(|_| "Tartu")), 1000).await;
    let mut later = likely(&database, &import(3, MatchRule::Email, &people(|_| "Tartu")));
    for repeat in &mut later {
        repeat.glance.index += u32::try_from(PEOPLE).unwrap();
    }
    both.append(&mut later);
    assert_eq!(both.len(), 2 * PEOPLE);

    store.register(&again.header).await.unwrap();
    let (connection, catalog, keep) = (&mut database.connect(), catalog(), Retention::default());
    let stale = apply_but_for(connection, keep, &whole(&again, &catalog), both);
    assert!(matches!(stale, Err(Error::Contention)), "{stale:?}");
}

#[tokio::test]
async fn whom_something_else_in_the_chunk_bears_on_is_read() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &people(|_| "Riga")), 1000).await;
    let mut records = people(|_| "Riga");
    // Of the same person; and another who can be found by what a repeat is matched by.
    records.insert(0, person(7, "Tartu"));
    records.insert(
        1,
        json!({"email": "new@example.com", "subscriptions": [
            {"resource_id": 28, "channel": "email", "email": "p9@example.com"},
        ]}),
    );
    let import = import(2, MatchRule::Email, &records);
    assert_eq!(likely(&database, &import).len(), PEOPLE - 1, "of the former it is seen at once");
    apply_all(&store, &import, 1000).await;
    let actions: Vec<Action> = fates(&store, job_id(2)).await.iter().map(|outcome| outcome.action).collect();
    assert_eq!(actions[..2], [Action::Updated, Action::Created]);
    assert_eq!(actions.iter().filter(|action| **action == Action::Updated).count(), 2, "and back again");
    assert_eq!(fates(&store, job_id(2)).await[11].warnings.len(), 1, "two match by this e-mail now");
    assert_eq!(
        database.texts("SELECT DISTINCT fields ->> 'city' FROM profiles WHERE fields ? 'city'"),
        ["Riga"]
    );
}

#[tokio::test]
async fn of_imports_at_the_same_time_the_last_accepted_wins_whoever_repeats_whom() {
    let database = TestDatabase::create();
    let store = database.store();
    apply_all(&store, &import(1, MatchRule::Email, &people(|_| "Riga")), 1000).await;
    let city = |job: u64, number: usize| match (job % 2, number % 50) {
        (1, _) => "Riga",
        (_, 7) => "Narva",
        _ => "Tartu",
    };
    let (last, database, store) = (25, &database, &store);
    let said = |job: u64, number: usize| {
        let stamp = header(job, MatchRule::Email, PEOPLE).stamp().0;
        format!("p{number}@example.com {stamp} {}", city(job, number))
    };
    let all: HashSet<String> = (1..=last)
        .flat_map(|job| (0..PEOPLE).map(move |number| (job, number)))
        .map(|(job, number)| said(job, number))
        .collect();
    let stored = || {
        database
            .texts("SELECT concat_ws(' ', fields ->> 'email', written_by, fields ->> 'city') FROM profiles")
    };
    // Three senders at the same time, whose requests are accepted in turns; each says again what some before it said.
    let (all, stored) = (&all, &stored);
    let sender = |first: u64| async move {
        for job in (first..=last).step_by(3) {
            let records = people(|number| city(job, number));
            apply_all(store, &import(job, MatchRule::Email, &records), 1000).await;
            let strange = stored().into_iter().find(|person| !all.contains(person));
            assert_eq!(strange, None, "who wrote it last did not say so");
        }
    };
    tokio::join!(sender(2), sender(3), sender(4));
    let expected: HashSet<String> = (0..PEOPLE).map(|number| said(last, number)).collect();
    assert_eq!(HashSet::from_iter(stored()), expected);
}
