//! What a chunk costs, as far as that can be counted: statements, each of which is a way to the database and back, and the bytes
//! that are kept of a person. Whatever makes these more makes imports slower.

use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use intake_types::MatchRule;
use serde_json::{Value, json};

use crate::Retention;
use crate::apply::apply_chunk;
use crate::fixture::{catalog, import};
use crate::testing::TestDatabase;

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

/// The statements, shortened, that the last chunk of a job of so many people takes.
fn statements(connection: &mut PgConnection, job: u64, people: usize, city: &str) -> Vec<String> {
    let records: Vec<Value> = (0..people).map(|number| person(number, city)).collect();
    let import = import(job, MatchRule::Email, &records);
    crate::ledger::register(connection, Retention::default(), &import.header).unwrap();
    let all = 0..u32::try_from(people).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = Arc::clone(&seen);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            see.lock().unwrap().push(query.to_string().chars().take(60).collect());
        }
    });
    let applied = apply_chunk(connection, Retention::default(), &import, &catalog(), &all).unwrap();
    connection.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    assert_eq!((applied.tally.processed(), applied.tally.failed), (all.end, 0));
    assert!(applied.ended.is_some());
    std::mem::take(&mut *seen.lock().unwrap())
}

#[test]
fn a_chunk_takes_as_many_statements_however_long_it_is() {
    for people in [50, 500] {
        let database = TestDatabase::create();
        let connection = &mut database.connect();
        for (job, city, what, count) in
            [(1, "Riga", "made", 16), (2, "Riga", "met as they are", 12), (3, "Tallinn", "changed", 13)]
        {
            let seen = statements(connection, job, people, city);
            assert_eq!(seen.len(), count, "{people} are {what}: {seen:#?}");
        }
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
