//! What a chunk costs, as far as that can be counted: ways to the database and back, of which each statement takes one, and a COPY
//! a second one for its rows; and the bytes that are kept of a person. Whatever makes these more makes imports slower.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use intake_types::MatchRule;
use serde_json::{Value, json};

use crate::apply::{Chunk, apply_chunk, together};
use crate::fixture::{catalog, import};
use crate::testing::TestDatabase;
use crate::{Import, Retention};

/// A person as shops have them: some 500 bytes.
fn person(number: usize, city: &str) -> Value {
    let (email, phone) = (format!("person.{number}@shop.example.com"), format!("+7900{number:07}"));
    json!({
        "email": email, "phones": [phone], "_fname": "Søren", "_lname": "Lindqvist", "_bdate": "1980-02-03", "city": city,
        "number": number,
        "subscriptions": [
            {"resource_id": 28, "channel": "email", "email": email, "custom_fields": {"source": "web"}, "cats": ["a"]},
            {"resource_id": 28, "channel": "sms", "phone": phone},
        ],
    })
}

/// A registered job of so many people, the first of whom has this number.
fn job(connection: &mut PgConnection, job: u64, first: usize, people: usize, city: &str) -> Arc<Import> {
    let records: Vec<Value> = (first..first + people).map(|number| person(number, city)).collect();
    let import = import(job, MatchRule::Email, &records);
    crate::ledger::register(connection, Retention::default(), &import.header).unwrap();
    import
}

/// The statements, shortened, that some work takes; one that copies twice.
fn seen<T>(connection: &mut PgConnection, work: impl FnOnce(&mut PgConnection) -> T) -> (T, Vec<String>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&seen);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let statement: String = query.to_string().chars().take(60).collect();
            let ways = if statement.starts_with("COPY") { 2 } else { 1 };
            see.lock().unwrap().extend(std::iter::repeat_n(statement, ways));
        }
    });
    let done = work(connection);
    connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    (done, std::mem::take(&mut *seen.lock().unwrap()))
}

/// Those that a job of one chunk of so many people takes.
fn statements(connection: &mut PgConnection, number: u64, people: usize, city: &str) -> Vec<String> {
    let (import, mut all_seen) = seen(connection, |connection| job(connection, number, 0, people, city));
    let all = 0..import.header.total;
    let catalog = catalog();
    let chunk = Chunk::new(&import, &catalog, all.clone()).unwrap();
    let apply =
        |connection: &mut PgConnection| apply_chunk(connection, Retention::default(), &chunk).unwrap();
    let (applied, seen) = seen(connection, apply);
    assert_eq!((applied.tally.processed(), applied.tally.failed), (all.end, 0));
    assert!(applied.ended.is_some());
    all_seen.extend(seen);
    all_seen
}

#[test]
fn a_chunk_takes_as_many_ways_however_long_it_is() {
    // From 200 records on it is asked first whether they are repeats.
    for (people, made, met, changed) in
        [(50, 19, 13, 13), (150, 19, 13, 13), (200, 20, 13, 14), (500, 20, 13, 14)]
    {
        let database = TestDatabase::create();
        let connection = &mut database.connect();
        for (job, city, what, count) in [
            (1, "Riga", "made", made),
            (2, "Riga", "met as they are", met),
            (3, "Tallinn", "changed", changed),
        ] {
            let seen = statements(connection, job, people, city);
            assert_eq!(seen.len(), count, "{people} are {what}: {seen:#?}");
        }
    }
}

#[test]
fn jobs_that_are_applied_together_take_as_many_ways_however_many_they_are() {
    for jobs in [2, 20] {
        let database = TestDatabase::create();
        let connection = &mut database.connect();
        let made = |number: u64| job(connection, number, usize::try_from(number).unwrap() * 20, 20, "Riga");
        let imports: Vec<Arc<Import>> = (1..=jobs).map(made).collect();
        let apply = |connection: &mut PgConnection| {
            together::apply(connection, Retention::default(), &imports, &catalog(), &AtomicBool::new(false))
                .unwrap()
        };
        let (applied, seen) = seen(connection, apply);
        assert!(applied.iter().flatten().all(|job| job.tally.created == 20 && job.ended.is_some()));
        assert_eq!(applied.into_iter().flatten().count(), imports.len());
        assert_eq!(seen.len(), 19, "{jobs} jobs: {seen:#?}");
    }
}

#[test]
fn a_person_takes_so_many_bytes() {
    const PEOPLE: i64 = 500;
    let database = TestDatabase::create();
    statements(&mut database.connect(), 1, usize::try_from(PEOPLE).unwrap(), "Riga");
    for (what, most) in [
        ("sum(pg_column_size(t.*))::bigint FROM profiles t", 400),
        ("sum(pg_column_size(t.*))::bigint FROM identities t", 300),
        ("sum(pg_column_size(t.*))::bigint FROM subscriptions t", 290),
        ("sum(length(body))::bigint FROM outbox", 1300),
    ] {
        let bytes = database.scalar(&format!("SELECT {what}")) / PEOPLE;
        // Much less is worth a look as well: what is measured may have gone.
        assert!((most * 9 / 10..=most).contains(&bytes), "{what}: {bytes} bytes");
    }
}
