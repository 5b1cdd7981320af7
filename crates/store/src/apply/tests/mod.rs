//! Chunks on a real database: what is written, what is not, and who wins.

mod ahead;
mod cost;
mod dry_run;
mod failures;
mod matching;
mod races;
mod repeats;
mod together;

use std::sync::Arc;

use intake_types::{
    Action, Code, Failure, JobState, Key, Kind, Lookup, MatchRule, MatchValues, Outcome, Places,
};
use serde_json::{Value, json};

use crate::fixture::{account, apply_all, catalog, email, fates, import, job_id};
use crate::testing::TestDatabase;
use crate::{Applied, Error};

/// All that is stored, but for times.
fn stored(database: &TestDatabase) -> Vec<String> {
    let columns = [
        ("profiles", "db_id, id, fields, written_by, written, imprint"),
        ("identities", "db_id, kind, value, ordinal, profile_id, sources"),
        (
            "subscriptions",
            "db_id, profile_id, resource_id, channel, address, status, priority, custom_fields, cats",
        ),
        ("jobs", "db_id, id, account, header, external_id, total, state, attempts, error, tally"),
        (
            "job_chunks",
            "db_id, job_id, first_index, records, created, updated, unchanged, skipped, failed, warnings, actions, \
             profile_ids, details",
        ),
        ("job_failures", "db_id, job_id, first_index, indices, records"),
        ("callbacks", "db_id, job_id, account, url, state"),
        (
            "(SELECT strand, topic, event - 'time' FROM outbox, jsonb_array_elements(body::jsonb) AS e (event))",
            "t.*",
        ),
    ];
    let rows = |(table, columns): (&str, &str)| {
        database.texts(&format!("SELECT ROW({columns})::text FROM {table} AS t ORDER BY 1"))
    };
    columns.into_iter().flat_map(rows).collect()
}

/// In any order.
fn same_rows(expected: &[String], stored: &[String]) {
    let missing: Vec<_> = expected.iter().filter(|row| !stored.contains(row)).collect();
    let surplus: Vec<_> = stored.iter().filter(|row| !expected.contains(row)).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}\nsurplus: {surplus:#?}");
    assert_eq!(expected.len(), stored.len());
}

#[tokio::test]
async fn a_chunk_creates_updates_and_leaves_alone() {
    let database = TestDatabase::create();
    let store = database.store();
    let records = [
        json!({"email": "A@Example.com", "city": "Łódź \" \\ '", "number": 7, "phones": ["+79000000001"], "subscriptions": [
            {"resource_id": 28, "channel": "email", "email": "a@example.com", "cats": ["a", "b"],
             "custom_fields": {"source": "web"}, "priority": 3},
        ]}),
        json!({"email": "not an address"}),
        json!({"email": "a@example.com", "city": "Here"}),
        json!({"email": "a@example.com", "city": "Here"}),
        json!({"email": "b@example.com"}),
    ];
    apply_all(&store, &import(1, MatchRule::Email, &records), 2).await;
    let results = fates(&store, job_id(1)).await;
    let actions: Vec<Action> = results.iter().map(|outcome| outcome.action).collect();
    assert_eq!(
        store.register(&import(1, MatchRule::Email, &records).header).await.unwrap().state,
        JobState::Completed
    );
    assert_eq!(
        actions,
        [Action::Created, Action::Failed, Action::Updated, Action::Unchanged, Action::Created]
    );
    assert_eq!(results[1].failure.as_ref().unwrap().code, Code::InvalidEmail);

    let changed = json!({"email": "a@example.com", "subscriptions": [
        {"resource_id": 28, "channel": "email", "email": "a@example.com", "status": "unsubscribed"},
        {"resource_id": 28, "channel": "sms", "phone": "+79000000001"},
    ]});
    apply_all(&store, &import(2, MatchRule::Email, &[changed]), 1000).await;
    let stored = store.profiles(crate::fixture::DATABASE, by_email("a@example.com")).await.unwrap();
    let [stored] = stored.as_slice() else { panic!("one profile, not {}", stored.len()) };
    assert_eq!(Some(stored.profile.id), results[0].profile_id);
    assert_eq!(stored.profile.fields["city"], "Here");
    let [mail, sms] = stored.profile.subscriptions.as_slice() else { panic!("two subscriptions") };
    assert_eq!((mail.status.word(), mail.priority, mail.cats.len()), ("unsubscribed", Some(3), 2));
    assert_eq!(mail.custom_fields["source"], "web");
    assert_eq!(sms.status.word(), "subscribed");
    assert!(stored.updated_at > stored.created_at);
    let sources =
        database.texts("SELECT array_agg(sources ORDER BY value)::text FROM identities WHERE kind = 2");
    assert_eq!(sources, [r"{{0,28}}"]);
}

fn by_email(address: &str) -> Lookup {
    let key = Key::new(Kind::EMAIL, address);
    Lookup { values: MatchValues::FirstOf(vec![vec![key]]), places: Places::Anywhere, warnings: Vec::new() }
}

#[tokio::test]
async fn a_chunk_that_comes_again_writes_nothing() {
    let database = TestDatabase::create();
    let store = database.store();
    let import = import(1, MatchRule::Email, &["a", "b", "c"].map(email));
    store.register(&import.header).await.unwrap();
    let first = store.apply(Arc::clone(&import), catalog(), 0..2, None).await.unwrap();
    assert_eq!((first.next_index, first.tally.created, first.ended), (2, 2, None));
    for range in [0..2, 0..3, 1..3, 3..3] {
        let again = store.apply(Arc::clone(&import), catalog(), range, None).await.unwrap();
        assert_eq!(
            again,
            Applied { next_index: 2, tally: intake_types::Tally::default(), ended: None, cancelled: false }
        );
    }
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 2);
    assert_eq!(database.scalar("SELECT count(*) FROM job_chunks"), 1);
    assert!(matches!(
        store.apply(Arc::clone(&import), catalog(), 2..2, None).await,
        Err(Error::Unexpected(_))
    ));
    let last = store.apply(Arc::clone(&import), catalog(), 2..3, None).await.unwrap();
    assert_eq!((last.next_index, last.ended.is_some()), (3, true));
    let over = store.apply(Arc::clone(&import), catalog(), 2..3, None).await.unwrap();
    assert_eq!((over.next_index, over.tally.created, over.ended.is_some()), (3, 0, true));
    assert_eq!(store.register(&import.header).await.unwrap().state, JobState::Completed);
}

#[tokio::test]
async fn a_chunk_that_fails_leaves_nothing() {
    let database = TestDatabase::create();
    let store = database.store();
    database.execute("ALTER TABLE job_chunks ADD CHECK (first_index <> 0)");
    let import = import(1, MatchRule::Email, &["a", "b"].map(email));
    store.register(&import.header).await.unwrap();
    let error = store.apply(Arc::clone(&import), catalog(), 0..2, None).await.unwrap_err();
    assert!(error.is_data() && !error.is_transient(), "{error}");
    for table in ["profiles", "identities", "subscriptions", "job_chunks"] {
        assert_eq!(database.scalar(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert_eq!(store.register(&import.header).await.unwrap().next_index, 0);
}

#[tokio::test]
async fn a_record_that_cannot_be_stored_is_told_from_its_neighbours() {
    let database = TestDatabase::create();
    let store = database.store();
    database.execute("ALTER TABLE profiles ADD CHECK (fields ->> 'city' <> 'Nowhere')");
    let records = [email("a"), json!({"email": "b@example.com", "city": "Nowhere"}), email("c")];
    let import = import(1, MatchRule::Email, &records);
    store.register(&import.header).await.unwrap();
    let apply = |range| store.apply(Arc::clone(&import), catalog(), range, None);
    assert!(apply(0..3).await.unwrap_err().is_data());
    assert_eq!(apply(0..1).await.unwrap().next_index, 1);
    assert_eq!(
        apply(1..2).await.unwrap_err(),
        Error::Unstorable("a value breaks a rule of its table (23514)")
    );
    let refused = Outcome {
        index: 1,
        action: Action::Failed,
        profile_id: None,
        failure: Some(Failure { code: Code::NotProcessed, field: None, text: "refused \0".to_owned() }),
        warnings: Vec::new(),
        reference: None,
    };
    assert_eq!(store.record(Arc::clone(&import), vec![refused.clone()]).await.unwrap().next_index, 2);
    // The same outcome again changes nothing.
    assert_eq!(store.record(Arc::clone(&import), vec![refused]).await.unwrap().tally.failed, 0);
    assert!(apply(2..3).await.unwrap().ended.is_some());
    let status = store.status(&account("demo"), job_id(1)).await.unwrap().unwrap();
    let tally = status.ledger.unwrap().tally;
    assert_eq!((status.state, tally.created, tally.failed), (JobState::Completed, 2, 1));
}

#[tokio::test]
async fn a_job_that_is_not_known_and_a_database_that_is_not_declared_are_told() {
    let database = TestDatabase::create();
    let store = database.store();
    let unknown = import(1, MatchRule::Email, &[email("a")]);
    let error = store.apply(unknown, catalog(), 0..1, None).await.unwrap_err();
    assert!(matches!(error, Error::Unknown(_)) && !error.is_transient() && !error.is_data());
    let mut elsewhere = import(2, MatchRule::Email, &[email("a")]);
    Arc::get_mut(&mut elsewhere).unwrap().header.db_id = intake_types::DatabaseId(9);
    store.register(&elsewhere.header).await.unwrap();
    assert!(matches!(store.apply(elsewhere, catalog(), 0..1, None).await, Err(Error::Unknown(_))));
}

const PEOPLE: usize = 20;
const IMPORTS: u64 = 12;

/// Many imports of the same people at the same time, forwards and backwards, in chunks of all sizes. Tells how often a
/// chunk had to be tried again.
async fn race(database: &TestDatabase, rule: fn(u64) -> MatchRule, record: fn(usize) -> Value) -> u32 {
    let mut config = database.config();
    config.database_pool = 12;
    let store = crate::Store::open(&config);
    let tasks: Vec<_> = (0..IMPORTS)
        .map(|job| {
            let mut people: Vec<Value> = (0..PEOPLE).map(record).collect();
            if job % 2 == 1 {
                people.reverse();
            }
            let import = import(job, rule(job), &people);
            let store = store.clone();
            let chunk = [20, 7, 3][usize::try_from(job % 3).unwrap()];
            tokio::spawn(async move { apply_all(&store, &import, chunk).await })
        })
        .collect();
    let mut retries = 0;
    for task in tasks {
        retries += task.await.unwrap();
    }
    assert_eq!(database.scalar("SELECT count(*) FROM jobs WHERE state = 'completed'"), 12);
    assert_eq!(database.scalar("SELECT sum(records) FROM job_chunks"), 12 * 20);
    assert_eq!(database.scalar("SELECT sum(failed) FROM job_chunks"), 0);
    let made = "SELECT sum(created) = (SELECT count(*) FROM profiles) FROM job_chunks";
    assert_eq!(database.texts(made), ["true"]);
    // No claim is left that no profile stands for.
    let loose = "SELECT count(*) FROM identities i WHERE NOT EXISTS (SELECT FROM profiles p WHERE p.id = i.profile_id)";
    assert_eq!(database.scalar(loose), 0);
    retries
}

fn number(_job: u64) -> MatchRule {
    MatchRule::Custom { field: "number".to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rival_imports_make_one_profile_per_match_value() {
    let database = TestDatabase::create();
    let record = |person| {
        let email = format!("p{person}@example.com");
        json!({"email": email, "number": person, "subscriptions": [
            {"resource_id": 28, "channel": "email", "email": email},
        ]})
    };
    let retries = race(&database, |_job| MatchRule::Email, record).await;
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 20);
    assert_eq!(retries, 0, "imports that match alike lock in one order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rival_imports_that_share_other_values_make_one_profile_per_match_value() {
    let database = TestDatabase::create();
    let record =
        |person| json!({"number": person, "email": format!("p{}@example.com", person % 3), "city": "Here"});
    let retries = race(&database, number, record).await;
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 20);
    assert_eq!(database.scalar("SELECT count(*) FROM identities WHERE kind = 1"), 20);
    assert_eq!(retries, 0, "imports that match alike lock in one order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rival_imports_that_match_differently_get_through() {
    let database = TestDatabase::create();
    // They claim in different orders, so some deadlock; those are to be found quickly.
    let name = database.texts("SELECT current_database()").concat();
    database.execute(&format!("ALTER DATABASE {name} SET deadlock_timeout = '20ms'"));
    let record = |person| json!({"number": person, "email": format!("p{person}@example.com")});
    race(&database, |job| if job % 4 < 2 { MatchRule::Email } else { number(job) }, record).await;
    assert!(database.scalar("SELECT count(*) FROM profiles") >= 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_chunk_taken_by_many_workers_is_applied_once() {
    let database = TestDatabase::create();
    let store = database.store();
    // Slow enough that all of them are there before the first is done.
    database.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'",
    );
    database.execute("CREATE TRIGGER slow BEFORE INSERT ON profiles EXECUTE FUNCTION slow()");
    let import = import(1, MatchRule::Email, &["a", "b", "c"].map(email));
    store.register(&import.header).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, import) = (store.clone(), Arc::clone(&import));
            tokio::spawn(
                async move { store.apply(import, catalog(), 0..3, None).await.unwrap().tally.created },
            )
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        created += task.await.unwrap();
    }
    assert_eq!((created, database.scalar("SELECT count(*) FROM profiles")), (3, 3));
}
