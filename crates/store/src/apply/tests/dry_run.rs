//! Dry runs: what they foretell is what a real run then does, and nothing is written, waited for or held up.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use intake_types::plan::Overlay;
use intake_types::{Action, Code, Failure, JobState, MatchRule, Operation, Outcome, ProfileId};
use serde_json::{Value, json};

use crate::fixture::{account, apply_by, catalog, fates, import, import_of, job_id, strict_catalog};
use crate::testing::TestDatabase;
use crate::{Import, Store};

const WRITTEN: &str = "SELECT (SELECT count(*) FROM profiles) || ' ' || (SELECT count(*) FROM identities) || ' ' || \
    (SELECT count(*) FROM subscriptions) || ' ' || (SELECT count(*) FROM outbox WHERE topic = 'profiles')";

/// The same job dry: under another number, with an overlay of its own.
fn dry(number: u64, real: &Import) -> Arc<Import> {
    let mut header = real.header.clone();
    (header.job_id, header.validate_only) = (job_id(number), true);
    import_of(header, real.records.clone())
}

async fn told(store: &Store, job: &Import) -> Vec<Outcome> {
    fates(store, job.header.job_id).await
}

/// A real outcome as a dry run tells it.
fn foretold(mut outcome: Outcome, job: &Import) -> Outcome {
    let made = |index| ProfileId::made_by(job.header.job_id, index);
    outcome.profile_id =
        outcome.profile_id.filter(|id| (0..job.header.total).all(|index| made(index) != *id));
    let texts = outcome.warnings.iter_mut().map(|warning| &mut warning.text);
    for text in texts.chain(outcome.failure.as_mut().map(|failure| &mut failure.text)) {
        for index in 0..job.header.total {
            *text = text.replace(&made(index).to_string(), &format!("of record {index}"));
        }
    }
    outcome
}

/// Runs a job dry and then real, and compares.
async fn compare(database: &TestDatabase, number: u64, job: Import, chunks: [u32; 2]) -> Vec<Outcome> {
    let (store, catalog, job) = (database.store(), strict_catalog(), Arc::new(job));
    let dry = dry(number + 1_000_000, &job);
    let before = database.texts(WRITTEN);
    apply_by(&store, &catalog, &dry, chunks[0]).await;
    assert_eq!(database.texts(WRITTEN), before);
    apply_by(&store, &catalog, &job, chunks[1]).await;
    let (foreseen, done) = (told(&store, &dry).await, told(&store, &job).await);
    assert_eq!(foreseen.len(), job.records.len());
    for (foreseen, done) in foreseen.iter().zip(&done) {
        let record = &job.records[usize::try_from(done.index).unwrap()];
        assert_eq!(foreseen, &foretold(done.clone(), &job), "{} {chunks:?} {record}", job.header.rule.word());
    }
    let tallies = "SELECT count(*) FROM (SELECT DISTINCT tally FROM jobs WHERE id IN";
    let ids = format!("('{}', '{}')", dry.header.job_id, job.header.job_id);
    assert_eq!(database.scalar(&format!("{tallies} {ids}) AS t")), 1);
    foreseen
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        self.0 = hasher.finish();
        self.0 % sides
    }

    fn record(&mut self) -> Value {
        let mut record = json!({});
        let email = |n| json!(format!("p{n}@example.com"));
        let phone = |n| format!("+7900000000{n}");
        for _ in 0..=self.below(4) {
            match self.below(9) {
                0 | 1 => record["email"] = email(self.below(6)),
                2 => record["phones"] = json!([phone(self.below(5)), phone(self.below(5))]),
                3 => record["number"] = json!(self.below(5)),
                4 => record["code"] = json!(format!("c{}", self.below(5))),
                5 => record["tags"] = json!(format!("t{}, t{}", self.below(3), self.below(3))),
                6 => record["city"] = json!(["Here", "There"][usize::try_from(self.below(2)).unwrap()]),
                7 => {
                    record["email"] =
                        [json!(null), json!("none")][usize::try_from(self.below(2)).unwrap()].clone();
                }
                _ => {
                    let subscription = match self.below(3) {
                        0 => json!({"resource_id": 28, "channel": "sms", "phone": phone(self.below(5))}),
                        1 => json!({"resource_id": 28, "channel": "email", "email": email(self.below(6)),
                            "custom_fields": {"hits": {"action": "incr", "value": 1}}}),
                        _ => json!({"resource_id": 29, "channel": "email", "email": email(self.below(6))}),
                    };
                    record["subscriptions"] = json!([subscription]);
                }
            }
        }
        record
    }
}

fn custom(field: &str) -> MatchRule {
    MatchRule::Custom { field: field.to_owned() }
}

#[tokio::test]
async fn any_job_does_what_its_dry_run_foretold() {
    let database = TestDatabase::create();
    let mut dice = Dice(1);
    let rules = [
        MatchRule::Email,
        MatchRule::EmailProfile,
        MatchRule::EmailSub,
        MatchRule::Phone,
        MatchRule::PhoneSub,
        MatchRule::EmailPhone,
        MatchRule::EmailPhoneSub,
        custom("number"),
        custom("code"),
        custom("tags"),
    ];
    let (mut actions, mut codes) = (Vec::new(), Vec::new());
    for (number, rule) in (1..).zip(rules.iter().cycle().take(60)) {
        if number % 20 == 0 {
            database.execute("TRUNCATE profiles, identities, subscriptions");
        }
        let records: Vec<Value> = (0..12).map(|_| dice.record()).collect();
        let mut job = Arc::into_inner(import(number, rule.clone(), &records)).unwrap();
        job.header.operation = [Operation::Import, Operation::Import, Operation::Add, Operation::Update]
            [usize::try_from(dice.below(4)).unwrap()];
        job.header.skip_invalid_subscriptions = dice.below(2) == 0;
        let chunks = [0, 1].map(|_| u32::try_from(1 + dice.below(13)).unwrap());
        for outcome in compare(&database, number, job, chunks).await {
            actions.push(outcome.action);
            codes.extend(outcome.failure.map(|failure| failure.code));
            codes.extend(outcome.warnings.iter().map(|warning| warning.code));
        }
    }
    // What would say nothing of these would prove nothing.
    for action in [Action::Created, Action::Updated, Action::Unchanged, Action::Failed] {
        assert!(actions.contains(&action), "{action:?}");
    }
    for code in [
        Code::NotUnique,
        Code::ConflictingMatch,
        Code::AmbiguousMatch,
        Code::ProfileExists,
        Code::ProfileNotFound,
        Code::NotFindable,
        Code::InvalidSubscription,
        Code::SubscriptionSkipped,
    ] {
        assert!(codes.contains(&code), "{code:?}");
    }
}

#[tokio::test]
async fn of_a_value_that_very_many_share_the_same_are_looked_at() {
    let database = TestDatabase::create();
    let own = |n: usize| format!("+79000000{:03}", 100 + n);
    let shared = "+79000000000";
    let people: Vec<Value> =
        (0..40).map(|n| json!({"number": n, "phones": [shared, own(n)], "tags": "a, b"})).collect();
    let known = Arc::into_inner(import(1, custom("number"), &people)).unwrap();
    compare(&database, 1, known, [40, 40]).await;
    // The oldest lose it one after the other, so younger ones come into view.
    let mut records: Vec<Value> = (0..20).map(|n| json!({"phones": [own(n)], "tags": "a"})).collect();
    records.push(json!({"phones": [shared], "city": "Here"}));
    let job = Arc::into_inner(import(2, MatchRule::Phone, &records)).unwrap();
    let foreseen = compare(&database, 2, job, [5, 5]).await;
    assert_eq!(foreseen[20].warnings[0].code, Code::AmbiguousMatch);
    let job = Arc::into_inner(import(3, custom("tags"), &[json!({"tags": "b, a"})])).unwrap();
    let foreseen = compare(&database, 3, job, [1, 1]).await;
    assert!(foreseen[0].warnings[0].text.starts_with("16 profiles match"), "{foreseen:?}");
}

#[tokio::test]
async fn nobody_is_waited_for_and_nobody_is_held_up() {
    let database = TestDatabase::create();
    let store = database.store();
    let records = ["a", "b", "c"].map(crate::fixture::email);
    apply_by(&store, &catalog(), &import(1, MatchRule::Email, &records[..2]), 2).await;
    let mut rival = database.connect();
    for statement in [
        "BEGIN",
        "SELECT FROM profiles FOR UPDATE",
        "SELECT FROM identities FOR UPDATE",
        "INSERT INTO identities VALUES (1, 1, 'c@example.com', 0, gen_random_uuid(), '{0}')",
    ] {
        use diesel::RunQueryDsl as _;
        diesel::sql_query(statement).execute(&mut rival).unwrap();
    }
    let dry = dry(2, &import(2, MatchRule::Email, &records));
    apply_by(&store, &catalog(), &dry, 2).await;
    let actions: Vec<Action> = told(&store, &dry).await.iter().map(|outcome| outcome.action).collect();
    assert_eq!(actions, [Action::Unchanged, Action::Unchanged, Action::Created]);
}

#[tokio::test]
async fn one_that_is_taken_again_foretells_the_same() {
    let database = TestDatabase::create();
    let store = database.store();
    let names = ["a", "b", "a", "c", "b", "d", "c", "a", "d", "e"];
    let records = names.map(crate::fixture::email);
    let job = import(1, MatchRule::Email, &records);
    let first = dry(2, &job);
    store.register(&first.header).await.unwrap();
    for range in [0..3, 3..5] {
        let applied = store.apply(Arc::clone(&first), catalog(), range.clone(), None).await.unwrap();
        assert_eq!((applied.next_index, applied.tally.processed()), (range.end, range.end - range.start));
    }
    // A chunk that is tried again is not planned over itself, and is entered once.
    let second = dry(2, &job);
    assert_eq!(store.register(&second.header).await.unwrap().next_index, 0);
    let again = store.apply(Arc::clone(&second), catalog(), 0..4, None).await.unwrap();
    assert_eq!((again.next_index, again.tally.processed(), again.ended), (4, 0, None));
    let refused = Outcome {
        index: 4,
        action: Action::Failed,
        profile_id: None,
        failure: Some(Failure { code: Code::NotProcessed, field: None, text: "refused".to_owned() }),
        warnings: Vec::new(),
        reference: None,
    };
    let given_up = store.record(Arc::clone(&second), vec![refused]).await.unwrap();
    assert_eq!((given_up.next_index, given_up.tally.processed()), (5, 0), "it had its outcome");
    let third = dry(2, &job);
    apply_by(&store, &catalog(), &third, 4).await;
    let whole = dry(3, &job);
    apply_by(&store, &catalog(), &whole, 4).await;
    assert_eq!(told(&store, &third).await, told(&store, &whole).await);
    let created =
        told(&store, &third).await.iter().filter(|outcome| outcome.action == Action::Created).count();
    assert_eq!(created, 5);
    let after = store.apply(Arc::clone(&third), catalog(), 0..4, None).await.unwrap();
    assert!(after.ended.is_some());
}

#[tokio::test]
async fn the_job_says_from_where_on_it_may_overlook_something() {
    let database = TestDatabase::create();
    let store = database.store();
    let records: Vec<Value> = (0..20).map(|n| crate::fixture::email(&format!("p{}", n % 10))).collect();
    let mut small = Arc::into_inner(dry(1, &import(1, MatchRule::Email, &records))).unwrap();
    small.overlay = Arc::new(Mutex::new(Overlay::new(700)));
    let small = Arc::new(small);
    apply_by(&store, &catalog(), &small, 5).await;
    let status = store.status(&account("demo"), job_id(1)).await.unwrap().unwrap();
    let entry = status.ledger.unwrap();
    let [warning] = entry.warnings.as_slice() else { panic!("one warning: {:?}", entry.warnings) };
    assert_eq!((status.state, warning.code), (JobState::Completed, Code::DryRunIncomplete));
    assert!(warning.text.starts_with("from record 5 on "), "{}", warning.text);
    assert!(entry.tally.created > 10 && entry.tally.unchanged > 0, "{:?}", entry.tally);

    // Where nothing follows there is nothing to overlook.
    let mut whole = Arc::into_inner(dry(2, &import(2, MatchRule::Email, &records))).unwrap();
    whole.overlay = Arc::new(Mutex::new(Overlay::new(0)));
    let whole = Arc::new(whole);
    apply_by(&store, &catalog(), &whole, 20).await;
    let entry = store.status(&account("demo"), job_id(2)).await.unwrap().unwrap().ledger.unwrap();
    assert_eq!((entry.warnings.len(), entry.tally.created, entry.tally.unchanged), (0, 10, 10));
}
