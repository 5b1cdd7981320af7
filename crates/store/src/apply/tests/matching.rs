//! Matching on a real database where one value is not enough: tags together, ids, races for them.

use std::sync::Arc;

use intake_types::{Action, Code, MatchRule, Operation, Outcome};
use serde_json::{Value, json};

use crate::Store;
use crate::fixture::{apply_all, apply_by, fates, import, job_id, strict_catalog};
use crate::testing::TestDatabase;

fn by_tags() -> MatchRule {
    MatchRule::Custom { field: "tags".to_owned() }
}

async fn outcomes(store: &Store, job: u64, rule: MatchRule, records: &[Value]) -> Vec<Outcome> {
    apply_all(store, &import(job, rule, records), 1000).await;
    fates(store, job_id(job)).await
}

#[tokio::test]
async fn tags_mean_whoever_carries_all_of_them() {
    let database = TestDatabase::create();
    let store = database.store();
    let long = "x".repeat(300);
    let made = [json!({"tags": ["a", "b"]}), json!({"tags": ["a", "c"]}), json!({"tags": ["c", "b", &long]})];
    let made = outcomes(&store, 1, by_tags(), &made).await;
    assert!(made.iter().all(|outcome| outcome.action == Action::Created));
    let asked = [
        json!({"tags": "b, a"}),
        json!({"tags": [&long, "c"]}),
        json!({"tags": "c"}),
        json!({"tags": "a, z"}),
    ];
    let met = outcomes(&store, 2, by_tags(), &asked).await;
    assert_eq!(met[0].profile_id, made[0].profile_id);
    assert_eq!(met[1].profile_id, made[2].profile_id);
    // Two carry `c`; the second record has taken it from nobody.
    assert_eq!(met[2].profile_id, made[1].profile_id);
    assert_eq!(met[2].warnings[0].code, Code::AmbiguousMatch);
    assert_eq!(met[3].action, Action::Created);
}

#[tokio::test]
async fn the_rare_tag_decides_however_many_carry_the_other() {
    let database = TestDatabase::create();
    let store = database.store();
    let crowd: Vec<Value> = (0..100).map(|n| json!({"number": n, "tags": "vip"})).collect();
    let by_number = MatchRule::Custom { field: "number".to_owned() };
    outcomes(&store, 1, by_number.clone(), &crowd).await;
    let rare = outcomes(&store, 2, by_number, &[json!({"number": 99, "tags": "vip, rare"})]).await;
    let met = outcomes(&store, 3, by_tags(), &[json!({"tags": "vip, rare", "city": "Oslo"})]).await;
    assert_eq!((met[0].action, met[0].profile_id), (Action::Updated, rare[0].profile_id));
    assert!(met[0].warnings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_combination_never_makes_two_profiles() {
    let database = TestDatabase::create();
    let store = database.store();
    for round in 0..5 {
        let import_at_once = (0..6).map(|n| {
            let store = store.clone();
            let tags = if n % 2 == 0 { format!("x{round}, y") } else { format!("y, x{round}") };
            let records = [json!({"tags": tags.clone()}), json!({"tags": tags})];
            tokio::spawn(async move {
                apply_all(&store, &import(round * 6 + n, by_tags(), &records), 1000).await;
            })
        });
        for done in import_at_once.collect::<Vec<_>>() {
            done.await.unwrap();
        }
        assert_eq!(database.scalar("SELECT count(*) FROM profiles"), i64::try_from(round).unwrap() + 1);
    }
}

#[tokio::test]
async fn an_id_means_its_profile_and_makes_none() {
    let database = TestDatabase::create();
    let store = database.store();
    let made = outcomes(&store, 1, MatchRule::Email, &[json!({"email": "a@example.com"})]).await;
    let id = made[0].profile_id.unwrap();
    let asked = [
        json!({"profile_id": id.to_string(), "city": "Riga"}),
        json!({"profile_id": id.0.to_string(), "city": "Riga"}),
        json!({"profile_id": "018bcfe5687b7000803a4c0000000000"}),
        json!({"profile_id": "nobody"}),
    ];
    let met = outcomes(&store, 2, MatchRule::ProfileId, &asked).await;
    let actions: Vec<Action> = met.iter().map(|outcome| outcome.action).collect();
    assert_eq!(actions, [Action::Updated, Action::Unchanged, Action::Failed, Action::Failed]);
    let code = |outcome: &Outcome| outcome.failure.as_ref().map(|failure| failure.code);
    assert_eq!(met.iter().skip(2).map(code).collect::<Vec<_>>(), [Some(Code::ProfileNotFound); 2]);
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 1);
}

#[tokio::test]
async fn updates_claim_nothing_but_what_is_unique() {
    let database = TestDatabase::create();
    let store = database.store();
    let nobody = import(1, MatchRule::Email, &[json!({"email": "a@example.com", "code": "X"})]);
    let mut nobody = Arc::into_inner(nobody).unwrap();
    nobody.header.operation = Operation::Update;
    apply_all(&store, &Arc::new(nobody), 1000).await;
    let results = fates(&store, job_id(1)).await;
    assert_eq!(results[0].failure.as_ref().unwrap().code, Code::ProfileNotFound);
    assert_eq!(database.scalar("SELECT count(*) FROM identities"), 0);
}

#[tokio::test]
async fn a_unique_email_has_one_profile_whatever_finds_it() {
    let database = TestDatabase::create();
    let store = database.store();
    let by_number = || MatchRule::Custom { field: "number".to_owned() };
    // Subscribers of an address do not own it: more of them than are looked at before the one who does.
    let subscribed = |n: i32| {
        let subscription = json!({"resource_id": 28, "channel": "email", "email": "a@example.com"});
        json!({"number": n, "subscriptions": [subscription]})
    };
    let crowd: Vec<Value> = (0..30).map(subscribed).collect();
    outcomes(&store, 1, by_number(), &crowd).await;
    let strict = strict_catalog();
    let owner = import(2, by_number(), &[json!({"number": 100, "email": "a@example.com"})]);
    apply_by(&store, &strict, &owner, 1000).await;
    let rivals = [
        json!({"number": 101, "email": "A@example.com"}),
        json!({"number": 5, "email": "a@example.com"}),
        json!({"number": 100, "email": "a@example.com"}),
    ];
    apply_by(&store, &strict, &import(3, by_number(), &rivals), 1000).await;
    let results = fates(&store, job_id(3)).await;
    let codes = results.iter().map(|outcome| outcome.failure.as_ref().map(|failure| failure.code));
    assert_eq!(codes.collect::<Vec<_>>(), [Some(Code::NotUnique), Some(Code::NotUnique), None]);
    assert_eq!(database.scalar("SELECT count(*) FROM profiles WHERE fields ? 'email'"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_for_a_unique_email_end_with_one_owner() {
    let database = TestDatabase::create();
    let store = database.store();
    let strict = strict_catalog();
    let by_number = || MatchRule::Custom { field: "number".to_owned() };
    let at_once = (0..6_u64).map(|job| {
        let (store, strict) = (store.clone(), Arc::clone(&strict));
        let record = |n: u64| json!({"number": job * 100 + n, "email": format!("p{n}@example.com")});
        let records: Vec<Value> = (0..20).map(record).collect();
        tokio::spawn(async move { apply_by(&store, &strict, &import(job, by_number(), &records), 7).await })
    });
    for done in at_once.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    assert_eq!(database.scalar("SELECT count(*) FROM profiles"), 20);
    assert_eq!(database.scalar("SELECT count(DISTINCT fields->>'email') FROM profiles"), 20);
}
