//! Rivals that meet in the middle of a chunk: whoever is held back there, the other one waits or finds what is right.

use std::sync::Arc;
use std::time::Duration;

use intake_types::{Action, MatchRule, Operation, Outcome};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::fixture::{apply_all, fates, import, job_id};
use crate::testing::TestDatabase;
use crate::{Import, Store};

/// Holds back whoever writes a profile of city "Slow", until it is dropped.
struct Held<'a> {
    database: &'a TestDatabase,
    gate: diesel::PgConnection,
}

impl<'a> Held<'a> {
    fn new(database: &'a TestDatabase) -> Self {
        let mut gate = database.connect();
        run(&mut gate, "SELECT pg_advisory_lock(1)");
        database.execute(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql \
             AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END'",
        );
        database.execute(
            "CREATE TRIGGER hold AFTER INSERT OR UPDATE ON profiles FOR EACH ROW \
             WHEN (NEW.fields ->> 'city' = 'Slow') EXECUTE FUNCTION hold()",
        );
        Self { database, gate }
    }

    /// Waits until so many are held back or wait for those who are, or this one has ended.
    async fn until_waiting(&self, count: i64, other: Option<&JoinHandle<Vec<Outcome>>>) {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..1000 {
            if self.database.scalar(waiting) >= count || other.is_some_and(JoinHandle::is_finished) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody waits");
    }

    /// The first is held back in the middle, the second comes meanwhile; then both go on.
    async fn race(mut self, store: &Store, first: Import, second: Import) -> [Vec<Outcome>; 2] {
        let first = start(store, first);
        self.until_waiting(1, None).await;
        let second = start(store, second);
        self.until_waiting(2, Some(&second)).await;
        run(&mut self.gate, "SELECT pg_advisory_unlock(1)");
        [first.await.unwrap(), second.await.unwrap()]
    }
}

fn run(connection: &mut diesel::PgConnection, statement: &str) {
    use diesel::RunQueryDsl as _;
    diesel::sql_query(statement).execute(connection).unwrap();
}

fn start(store: &Store, import: Import) -> JoinHandle<Vec<Outcome>> {
    let store = store.clone();
    tokio::spawn(async move { outcomes(&store, import).await })
}

async fn outcomes(store: &Store, import: Import) -> Vec<Outcome> {
    let import = Arc::new(import);
    apply_all(store, &import, 1000).await;
    fates(store, import.header.job_id).await
}

fn job(number: u64, rule: MatchRule, records: &[Value]) -> Import {
    let import = Arc::into_inner(import(number, rule, records)).unwrap();
    assert_eq!(import.header.job_id, job_id(number));
    import
}

fn by_number() -> MatchRule {
    MatchRule::Custom { field: "number".to_owned() }
}

fn subscribed(email: &str) -> Value {
    json!([{"resource_id": 28, "channel": "email", "email": format!("{email}@example.com")}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_taken_away_is_claimed_before_it_makes_a_profile() {
    let database = TestDatabase::create();
    let store = database.store();
    let known = json!({"number": 1, "email": "e@example.com", "subscriptions": subscribed("s")});
    outcomes(&store, job(1, by_number(), &[known])).await;
    // Takes e@ from the profile's own field, then means it again, whom now nobody carries.
    let records = [
        json!({"email": null, "subscriptions": subscribed("s")}),
        json!({"city": "Slow", "subscriptions": subscribed("e")}),
    ];
    // In subscriptions nobody carries it either.
    let rival = [json!({"city": "Quick", "subscriptions": subscribed("e")})];
    let (first, second) = (job(2, MatchRule::Email, &records), job(3, MatchRule::EmailSub, &rival));
    let [first, second] = Held::new(&database).race(&store, first, second).await;
    assert_eq!((first[1].action, second[0].action), (Action::Created, Action::Updated));
    assert_eq!(first[1].profile_id, second[0].profile_id);
}

#[tokio::test]
async fn a_value_that_more_carry_than_are_looked_at_is_looked_up_again() {
    let database = TestDatabase::create();
    let store = database.store();
    let own = |n: usize| format!("+79000000{:03}", 100 + n);
    let shared = "+79000000000";
    let people: Vec<Value> = (0..20).map(|n| json!({"number": n, "phones": [shared, own(n)]})).collect();
    outcomes(&store, job(1, by_number(), &people)).await;
    let mut records: Vec<Value> = (0..16).map(|n| json!({"phones": [own(n)]})).collect();
    records.push(json!({"phones": [shared], "city": "Again"}));
    let met = outcomes(&store, job(2, MatchRule::Phone, &records)).await;
    assert_eq!(met.last().unwrap().action, Action::Updated);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_claims_what_it_brings() {
    let database = TestDatabase::create();
    let store = database.store();
    outcomes(&store, job(1, by_number(), &[json!({"number": 1, "email": "e@example.com"})])).await;
    let update = json!({"email": "e@example.com", "phone": "+79000000001", "city": "Slow"});
    let mut first = job(2, MatchRule::EmailPhone, &[update]);
    first.header.operation = Operation::Update;
    let second = job(3, MatchRule::EmailPhone, &[json!({"phone": "+79000000001", "city": "Quick"})]);
    let [first, second] = Held::new(&database).race(&store, first, second).await;
    assert_eq!((first[0].action, second[0].action), (Action::Updated, Action::Updated));
    assert_eq!(first[0].profile_id, second[0].profile_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_value_is_claimed_by_a_record_that_could_not_make_a_profile() {
    let database = TestDatabase::create();
    let store = database.store();
    let many = |count: i64| json!({"action": "incr", "value": count});
    let (least, most) = (-5_000_000_000_000_000_000_i64, 5_000_000_000_000_000_000_i64);
    let records = [json!({"number": 1}), json!({"number": 2})];
    outcomes(&store, job(1, by_number(), &records)).await;
    // Of nothing it makes more than 64 bits hold; of what the profile has it does not.
    let bot = |count: i64| json!({"resource_id": 28, "channel": "email", "email": "b@example.com", "custom_fields": {"hits": many(count)}});
    let twice = json!({"number": 1, "code": "U", "city": "Slow", "subscriptions": [bot(most), bot(most)]});
    let before = json!({"number": 1, "subscriptions": [bot(least)]});
    outcomes(&store, job(2, by_number(), &[before])).await;
    let first = job(3, by_number(), &[twice]);
    let second = job(4, by_number(), &[json!({"number": 2, "code": "U"})]);
    let [first, second] = Held::new(&database).race(&store, first, second).await;
    assert_eq!((first[0].action, second[0].action), (Action::Updated, Action::Failed));
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_of_all_modes_make_each_person_once() {
    let database = TestDatabase::create();
    let store = database.store();
    let rules = [
        MatchRule::Email,
        MatchRule::EmailProfile,
        MatchRule::EmailSub,
        MatchRule::Phone,
        MatchRule::EmailPhone,
        by_number(),
        MatchRule::Custom { field: "code".to_owned() },
        MatchRule::Custom { field: "tags".to_owned() },
    ];
    let person = |n: usize| {
        json!({
            "number": n, "code": format!("c{n}"), "tags": format!("t{n}, u{n}"), "email": format!("p{n}@example.com"),
            "phone": format!("+79000001{n:03}"), "subscriptions": subscribed(&format!("p{n}")),
        })
    };
    let at_once = (0_u64..).zip(rules.iter().cycle().take(16)).map(|(number, rule)| {
        // Each goes through them from another one on.
        let start = usize::try_from(number).unwrap() * 13;
        let records: Vec<Value> = (0..100).map(|n| person((start + n * 7) % 100)).collect();
        self::start(&store, job(number, rule.clone(), &records))
    });
    for done in at_once.collect::<Vec<_>>() {
        assert!(done.await.unwrap().iter().all(|outcome| outcome.failure.is_none()));
    }
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 100);
    assert_eq!(database.scalar("SELECT count(*) FROM identities WHERE ordinal > 0"), 0);
}
