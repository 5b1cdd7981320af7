//! Chunks of people who are most likely new, and are claimed before anybody asks who they are.

use std::sync::Arc;

use intake_types::{Action, MatchRule, Tally};
use serde_json::{Value, json};

use super::{same_rows, stored};
use crate::apply::repeats::Likely;
use crate::apply::{Applied, apply_beside, repeats};
use crate::fixture::{DATABASE, apply_all, catalog, fates, import, job_id};
use crate::testing::TestDatabase;
use crate::{Import, Retention};

const PEOPLE: usize = 300;

fn person(number: usize) -> Value {
    json!({"email": format!("p{number}@example.com"), "phones": [phone(number)], "number": number})
}

fn phone(number: usize) -> String {
    format!("+7900{number:07}")
}

fn is_new(database: &TestDatabase, import: &Import) -> bool {
    let catalog = catalog();
    let all = 0..import.header.total;
    let known = &catalog.databases[&DATABASE];
    repeats::likely(&mut database.connect(), import, &catalog, known, &all).unwrap().is_new
}

async fn apply(database: &TestDatabase, import: &Arc<Import>, is_new: bool) -> Applied {
    database.store().register(&import.header).await.unwrap();
    let (catalog, keep) = (catalog(), Retention::default());
    let (known, all) = (&catalog.databases[&DATABASE], 0..import.header.total);
    let likely = Likely { repeats: Vec::new(), is_new };
    apply_beside(&mut database.connect(), keep, import, &catalog, known, &all, likely).unwrap()
}

/// The fates of two jobs, the second of people who look new; that it does, and that the same is stored as where all are looked
/// up first.
async fn second(first: (MatchRule, &[Value]), then: (MatchRule, &[Value])) -> Tally {
    let [claimed, looked_up] = [TestDatabase::create(), TestDatabase::create()];
    let mut tallies = Vec::new();
    for (database, is_claimed) in [(&claimed, true), (&looked_up, false)] {
        if !first.1.is_empty() {
            apply_all(&database.store(), &import(1, first.0.clone(), first.1), 2).await;
        }
        let import = import(2, then.0.clone(), then.1);
        assert!(is_new(database, &import));
        tallies.push(apply(database, &import, is_claimed).await.tally);
    }
    same_rows(&stored(&looked_up), &stored(&claimed));
    assert_eq!(tallies[0], tallies[1]);
    tallies[0]
}

#[tokio::test]
async fn all_are_made() {
    let mut people: Vec<Value> = (0..PEOPLE).map(person).collect();
    people.insert(7, json!({"email": "?"}));
    people.push(json!({"email": "p3@example.com", "city": "Riga"}));
    let tally = second((MatchRule::Email, &[]), (MatchRule::Email, &people)).await;
    assert_eq!(tally, Tally { created: 300, updated: 1, failed: 1, ..Tally::default() });
}

#[tokio::test]
async fn one_who_is_known_is_met() {
    let people: Vec<Value> = (0..PEOPLE).map(person).collect();
    let known =
        [json!({"email": "p7@example.com"}), json!({"email": "other@example.com", "phones": [phone(9)]})];
    let tally = second((MatchRule::Email, &known), (MatchRule::Email, &people)).await;
    assert_eq!(tally, Tally { created: 299, updated: 1, ..Tally::default() });
}

#[tokio::test]
async fn one_who_is_known_by_a_value_that_its_first_holder_gave_up_is_met() {
    let people: Vec<Value> = (0..PEOPLE).map(|number| json!({"phones": [phone(number)]})).collect();
    let known = [
        json!({"email": "first@example.com", "phones": [phone(7)]}),
        json!({"email": "second@example.com", "phones": [phone(7)]}),
        json!({"email": "first@example.com", "phones": []}),
    ];
    let tally = second((MatchRule::Email, &known), (MatchRule::Phone, &people)).await;
    assert_eq!((tally.created, tally.updated + tally.unchanged), (299, 1), "the second is met");
}

#[tokio::test]
async fn of_many_who_make_them_at_once_one_does() {
    let database = TestDatabase::create();
    let store = database.store();
    let imports: Vec<Arc<Import>> = (1..5)
        .map(|job| {
            let mut people: Vec<Value> = (0..PEOPLE).map(person).collect();
            people.rotate_left(usize::try_from(job).unwrap() * 50);
            import(job, MatchRule::Email, &people)
        })
        .collect();
    let [one, two, three, four] = [0, 1, 2, 3].map(|at: usize| apply_all(&store, &imports[at], 1000));
    tokio::join!(one, two, three, four);
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 300);
    assert_eq!(database.scalar("SELECT count(*) FROM identities"), 900);
    let mut made = 0;
    for job in 1..5 {
        made += fates(&store, job_id(job)).await.iter().filter(|fate| fate.action == Action::Created).count();
    }
    assert_eq!(made, PEOPLE);
}
