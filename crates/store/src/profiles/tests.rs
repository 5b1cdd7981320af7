//! Statements on identities and profiles by themselves, and what the planner makes of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use intake_types::plan::{Claim, Identities, IdentityRow};
use intake_types::{Key, Kind, MatchRule, Places, ProfileId, ResourceId, Source, Sources};
use serde_json::{Value, json};
use uuid::Uuid;

use super::find::MOST_HOLDERS;
use super::{claim, find, identities};
use crate::Retention;
use crate::apply::{Chunk, apply_chunk};
use crate::fixture::{DATABASE, catalog, import};
use crate::testing::TestDatabase;

fn profile(number: u128) -> ProfileId {
    ProfileId(Uuid::from_u128(number))
}

fn row(value: &str, number: u128) -> IdentityRow {
    let sources = Sources::from([Source::Profile]);
    IdentityRow { key: Key::new(Kind::EMAIL, value), profile_id: profile(number), sources }
}

fn decide(row: IdentityRow) -> Claim {
    Claim { row, decides: true }
}

fn holders(connection: &mut PgConnection, value: &str, places: &Places) -> Vec<ProfileId> {
    let keys = [Key::new(Kind::EMAIL, value)];
    let found = find::holders(connection, DATABASE, &keys, places, MOST_HOLDERS).unwrap();
    found.into_iter().map(|holder| holder.profile_id).collect()
}

#[test]
fn shared_values_take_the_next_ordinals() {
    let database = TestDatabase::create();
    let connection = &mut database.connect();
    let add = |connection: &mut PgConnection, added: Vec<IdentityRow>| {
        identities::write(connection, DATABASE, &Identities { added, ..Identities::default() }).unwrap();
    };
    add(connection, vec![row("a", 1), row("a", 2), row("b", 3)]);
    add(connection, vec![row("a", 4), row("a", 5), row("b", 6), row("c", 7)]);
    assert_eq!(holders(connection, "a", &Places::Anywhere), [1, 2, 4, 5].map(profile));
    assert_eq!(holders(connection, "b", &Places::Anywhere), [3, 6].map(profile));
    assert_eq!(database.scalar("SELECT max(ordinal) FROM identities WHERE value = 'a'"), 3);
    let released = vec![(Key::new(Kind::EMAIL, "a"), profile(1)), (Key::new(Kind::EMAIL, "b"), profile(9))];
    identities::write(connection, DATABASE, &Identities { released, ..Identities::default() }).unwrap();
    assert_eq!(holders(connection, "a", &Places::Anywhere), [2, 4, 5].map(profile));
    add(connection, vec![row("a", 8)]);
    // It took the first ordinal, which was free again, and is told last all the same: it is the youngest.
    assert_eq!(database.scalar("SELECT min(ordinal) FROM identities WHERE value = 'a'"), 0);
    assert_eq!(holders(connection, "a", &Places::Anywhere), [2, 4, 5, 8].map(profile));
    let keys = [Key::new(Kind::EMAIL, "a"), Key::new(Kind::EMAIL, "c")];
    let behind = find::other_holders(connection, DATABASE, &keys, &Places::Anywhere, MOST_HOLDERS).unwrap();
    assert_eq!(behind.iter().map(|holder| holder.profile_id).collect::<Vec<_>>(), [2, 4, 5].map(profile));
    // Many at once take their places in one go.
    add(connection, (10..40).map(|number| row("a", number)).collect());
    assert_eq!(database.scalar("SELECT count(DISTINCT ordinal) FROM identities WHERE value = 'a'"), 34);
}

#[test]
fn holders_are_told_by_where_they_carry_the_value() {
    let database = TestDatabase::create();
    let connection = &mut database.connect();
    let news = Source::Resource(ResourceId(28));
    let mut subscribed = row("a", 1);
    subscribed.sources = Sources::from([news]);
    let added = vec![subscribed.clone(), row("a", 2)];
    identities::write(connection, DATABASE, &Identities { added, ..Identities::default() }).unwrap();
    assert_eq!(holders(connection, "a", &Places::Among(Sources::from([Source::Profile]))), [profile(2)]);
    assert_eq!(holders(connection, "a", &Places::Among(Sources::from([news]))), [profile(1)]);
    assert_eq!(holders(connection, "a", &Places::Subscriptions), [profile(1)]);
    subscribed.sources.insert(Source::Profile);
    let moved = vec![subscribed];
    identities::write(connection, DATABASE, &Identities { moved, ..Identities::default() }).unwrap();
    assert_eq!(
        holders(connection, "a", &Places::Among(Sources::from([Source::Profile]))),
        [1, 2].map(profile)
    );
    assert_eq!(holders(connection, "a", &Places::Subscriptions), [profile(1)]);
    assert_eq!(database.scalar("SELECT count(*) FROM identities"), 2);
    // A custom field is nowhere but in the profile, so its holder is known whatever place matching looks in.
    let number = IdentityRow { key: Key::new(Kind::custom(1), "7"), ..row("", 3) };
    let added = vec![number.clone()];
    identities::write(connection, DATABASE, &Identities { added, ..Identities::default() }).unwrap();
    let found =
        find::holders(connection, DATABASE, &[number.key], &Places::Subscriptions, MOST_HOLDERS).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_claim_gives_back_what_was_free() {
    let database = TestDatabase::create();
    let connection = &mut database.connect();
    let none = &AtomicBool::new(false);
    let mut claim = |claims| claim::claim(connection, DATABASE, claims, none).unwrap();
    assert_eq!(claim(vec![decide(row("a", 1)), decide(row("b", 1))]).len(), 2);
    assert_eq!(claim(vec![decide(row("a", 2)), decide(row("c", 2))]), [row("c", 2)]);
}

#[test]
fn of_many_claims_those_that_are_free_are_given_back_whether_others_are_met_or_not() {
    let database = TestDatabase::create();
    let connection = &mut database.connect();
    let meets_others = &AtomicBool::new(false);
    let mut round = 0;
    let mut claim = |numbers: std::ops::Range<u128>| {
        round += 1000;
        let claims = numbers.map(|number| decide(row(&format!("{number:03}"), round + number))).collect();
        let claimed = connection
            .transaction(|connection| claim::claim(connection, DATABASE, claims, meets_others))
            .unwrap();
        let numbers: Vec<u128> = claimed.iter().map(|row| row.profile_id.0.as_u128() - round).collect();
        (numbers, meets_others.load(Ordering::Relaxed))
    };
    assert_eq!(claim(100..200), ((100..200).collect(), false), "all are new");
    assert_eq!(claim(199..299), ((200..299).collect(), true), "but for one");
    assert_eq!(claim(298..398), ((299..398).collect(), true), "as was to be expected");
    assert_eq!(claim(500..502), ((500..502).collect(), true), "so few tell nothing");
    assert_eq!(claim(502..600), ((502..600).collect(), false), "all are new again");
    assert_eq!(database.scalar("SELECT count(*) FROM identities WHERE ordinal = 0"), 398);
}

#[derive(QueryableByName)]
struct Reads {
    #[diesel(sql_type = Text)]
    relname: String,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

/// The trap: on tables that were never analysed the planner takes a database for a handful of rows.
#[test]
fn no_statement_reads_more_than_its_rows_on_tables_without_statistics() {
    const KNOWN: i64 = 20_000;
    const CHUNK: i64 = 200;
    let database = TestDatabase::create();
    for table in ["profiles", "identities", "subscriptions"] {
        database.execute(&format!("ALTER TABLE {table} SET (autovacuum_enabled = false)"));
    }
    fill(&database, KNOWN);
    let never = "SELECT count(*) FROM pg_class WHERE relname = 'identities' AND reltuples < 0";
    assert_eq!(database.scalar(never), 1, "the table has no statistics");

    // Half of the records change known people, half make new ones; e-mail addresses move about.
    let records: Vec<Value> = (0..CHUNK).map(|n| record(KNOWN - CHUNK / 2 + n)).collect();
    let import = import(1, MatchRule::Custom { field: "number".to_owned() }, &records);
    let connection = &mut database.connect();
    crate::ledger::register(connection, crate::Retention::default(), &import.header).unwrap();
    connection.begin_test_transaction().unwrap();
    let catalog = catalog();
    let chunk = Chunk::new(&import, &catalog, 0..200).unwrap();
    let applied = apply_chunk(connection, Retention::default(), &chunk).unwrap();
    assert_eq!((applied.tally.created, applied.tally.updated), (100, 100));
    let reads: Vec<Reads> = sql_query(
        "SELECT relname::text, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS rows \
         FROM pg_stat_xact_user_tables WHERE relname IN ('profiles', 'identities', 'subscriptions')",
    )
    .load(connection)
    .unwrap();
    let tables: BTreeSet<&str> = reads.iter().map(|read| read.relname.as_str()).collect();
    assert_eq!(tables.len(), 3);
    for Reads { relname, rows } in &reads {
        assert!(*rows <= 10 * CHUNK, "{rows} rows of {relname} read for {CHUNK} records");
    }
}

fn fill(database: &TestDatabase, people: i64) {
    let series = format!("FROM generate_series(0, {people} - 1) AS n");
    let id = "lpad(to_hex(n), 32, '0')::uuid";
    database.execute(&format!(
        "INSERT INTO profiles (db_id, id, fields) \
         SELECT 1, {id}, jsonb_build_object('number', n, 'email', 'p' || n || '@example.com') {series}"
    ));
    database.execute(&format!(
        "INSERT INTO identities SELECT 1, 101, n::text, 0, {id}, '{{0}}'::int[] {series} \
         UNION ALL SELECT 1, 1, 'p' || n || '@example.com', 0, {id}, '{{0}}' {series} \
         UNION ALL SELECT 1, 2, '+7900' || lpad(n::text, 7, '0'), 0, {id}, '{{28}}' {series}"
    ));
    database.execute(&format!(
        "INSERT INTO subscriptions (db_id, profile_id, resource_id, channel, address, status, custom_fields, cats) \
         SELECT 1, {id}, 28, 'sms', '+7900' || lpad(n::text, 7, '0'), 0, '{{}}', '{{}}' {series}"
    ));
}

fn record(number: i64) -> Value {
    let phone = format!("+7900{number:07}");
    json!({
        "number": number,
        "email": format!("q{}@example.com", number % 150),
        "phones": [phone],
        "subscriptions": [
            {"resource_id": 28, "channel": "sms", "phone": phone, "status": "unsubscribed"},
            {"resource_id": 28, "channel": "email", "email": format!("q{}@example.com", number % 150)},
        ],
    })
}
