//! Each type of event as it is sent, and which events a plan makes.

use chrono::TimeZone as _;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::catalog::{Catalog, Declaration};
use crate::plan::Holder;
use crate::{Candidates, Drafts, JobState, LedgerEntry, Plan, Profile, ProfileId, Tally, Warning};

const JOB: &str = "019d0000-0000-7000-8000-000000000001";

fn catalog() -> Catalog {
    let declaration: Declaration = serde_json::from_value(json!({
        "databases": [{"id": 1, "name": "One", "fields": [
            {"name": "city", "type": "string"},
            {"name": "points", "type": "int"},
        ]}],
        "resources": [{
            "id": 28, "name": "News", "databases": [1], "channels": ["email", "sms"], "categories": ["a", "b"],
            "fields": [{"name": "source", "type": "string"}, {"name": "level", "type": "int"}],
        }],
        "accounts": [],
    }))
    .unwrap();
    Catalog::default().declare(&declaration).unwrap().0
}

fn header(external_id: Option<&str>) -> Header {
    serde_json::from_value(json!({
        "job_id": JOB, "account": "demo", "db_id": 1, "operation": "import", "rule": crate::MatchRule::Email, "total": 1,
        "unknown_fields": "reject", "nulls": "clear", "skip_invalid_subscriptions": false, "skip_triggers": false,
        "detect_geo": false, "external_id": external_id,
    }))
    .unwrap()
}

fn at() -> DateTime<Utc> {
    Utc.timestamp_millis_opt(1_700_000_000_123).unwrap()
}

fn drafts(records: &[Value]) -> Drafts {
    let records: Vec<Box<RawValue>> = records.iter().map(|record| to_raw_value(record).unwrap()).collect();
    let records: Vec<&RawValue> = records.iter().map(AsRef::as_ref).collect();
    let catalog = catalog();
    Drafts::of(&header(None), &catalog, &catalog.databases[&DatabaseId(1)], (0..).zip(records), None)
}

/// The profile that a record makes.
fn profile(record: Value) -> Profile {
    let mut profile = Profile::empty(ProfileId(Uuid::from_u128(7)));
    drafts(&[record]).valid[0].apply_to(&mut profile, crate::Stamp::NEVER, false).unwrap();
    profile
}

/// What records change where this profile is known.
fn changes(known: Option<Profile>, records: &[Value]) -> Vec<Change> {
    let catalog = catalog();
    let database = &catalog.databases[&DatabaseId(1)];
    let drafts = drafts(records);
    let holders = known.iter().flat_map(|known| {
        let carried = known.identities(database).into_iter().filter(|(key, _)| drafts.keys().contains(key));
        carried.map(|(key, sources)| Holder { key, profile_id: known.id, sources })
    });
    let holders: Vec<Holder> = holders.collect();
    let rows: Vec<_> = drafts.unheld(database, &holders).into_iter().map(|claim| claim.row).collect();
    let decided = rows.iter().map(|row| row.key.clone()).collect();
    let candidates = Candidates::new(database, &holders, known.into_iter().collect(), rows, decided).unwrap();
    let plan = Plan::of(database, drafts, candidates);
    let changes = plan.shares.into_iter().next().unwrap().changes;
    assert_eq!(changes.len(), plan.inserts.len() + plan.updates.len() + plan.subscriptions.len());
    changes
}

/// Events as they are sent, one member a line.
fn sent(external_id: Option<&str>, changes: &[Change]) -> String {
    let header = header(external_id);
    let events: Vec<String> = Event::of_changes(&header, 2000, at(), changes)
        .map(|event| serde_json::to_string(&event).unwrap().replace(",\"", ",\n\""))
        .collect();
    events.join("\n\n")
}

fn changed(changes: &[Change]) -> Vec<(bool, Vec<&str>)> {
    changes.iter().map(|change| (change.is_new, change.changed.iter().collect())).collect()
}

#[test]
fn a_new_profile_with_a_subscription() {
    let record = json!({"email": "A@Example.com", "city": "Riga", "subscriptions": [
        {"resource_id": 28, "channel": "email", "email": "a@example.com", "cats": ["a"], "custom_fields": {"source": "web"}},
    ]});
    insta::assert_snapshot!(sent(Some("nightly"), &changes(None, &[record])), @r#"
    {"specversion":"1.0",
    "id":"019d0000-0000-7000-8000-000000000001:2000:0",
    "source":"/intake/databases/1",
    "type":"profile.created",
    "subject":"019d0000000070008000000000000000",
    "time":"2023-11-14T22:13:20.123Z",
    "datacontenttype":"application/json",
    "data":{"db_id":1,
    "job_id":"019d0000-0000-7000-8000-000000000001",
    "external_id":"nightly",
    "changed":["city",
    "email"]}}

    {"specversion":"1.0",
    "id":"019d0000-0000-7000-8000-000000000001:2000:1",
    "source":"/intake/databases/1",
    "type":"subscription.created",
    "subject":"019d0000000070008000000000000000",
    "time":"2023-11-14T22:13:20.123Z",
    "datacontenttype":"application/json",
    "data":{"db_id":1,
    "job_id":"019d0000-0000-7000-8000-000000000001",
    "external_id":"nightly",
    "resource_id":28,
    "channel":"email",
    "contact":{"email":"a@example.com"},
    "changed":["cats",
    "custom_fields.source",
    "status"]}}
    "#);
}

#[test]
fn a_known_profile_and_its_subscription() {
    let known = profile(json!({"email": "a@example.com", "city": "Riga", "points": 1, "subscriptions": [
        {"resource_id": 28, "channel": "sms", "phone": "+79000000001"},
    ]}));
    let record = json!({"email": "a@example.com", "city": null, "points": 2, "_fname": "Ann", "subscriptions": [
        {"resource_id": 28, "channel": "sms", "phone": "+79000000001", "status": "unsubscribed"},
    ]});
    insta::assert_snapshot!(sent(None, &changes(Some(known), &[record])), @r#"
    {"specversion":"1.0",
    "id":"019d0000-0000-7000-8000-000000000001:2000:0",
    "source":"/intake/databases/1",
    "type":"profile.updated",
    "subject":"00000000000000000000000000000007",
    "time":"2023-11-14T22:13:20.123Z",
    "datacontenttype":"application/json",
    "data":{"db_id":1,
    "job_id":"019d0000-0000-7000-8000-000000000001",
    "changed":["_fname",
    "city",
    "points"]}}

    {"specversion":"1.0",
    "id":"019d0000-0000-7000-8000-000000000001:2000:1",
    "source":"/intake/databases/1",
    "type":"subscription.updated",
    "subject":"00000000000000000000000000000007",
    "time":"2023-11-14T22:13:20.123Z",
    "datacontenttype":"application/json",
    "data":{"db_id":1,
    "job_id":"019d0000-0000-7000-8000-000000000001",
    "resource_id":28,
    "channel":"sms",
    "contact":{"phone":"+79000000001"},
    "changed":["status"]}}
    "#);
}

fn entry() -> LedgerEntry {
    LedgerEntry {
        db_id: DatabaseId(1),
        matching: "email".to_owned(),
        external_id: Some("nightly".to_owned()),
        retry_of: None,
        total: 10,
        tally: Tally { created: 4, updated: 3, unchanged: 1, skipped: 0, failed: 2, warnings: 5 },
        warnings: vec![Warning { code: crate::Code::AmbiguousMatch, text: String::new(), field: None }],
        attempts: 1,
        validate_only: false,
        started_at: at(),
        taken: (at(), 10),
        finished_at: Some(at()),
        expires_at: None,
        read_at: at(),
        error: None,
        callback: None,
    }
}

#[test]
fn a_job_that_ended() {
    let mut entry = entry();
    let job_id = header(None).job_id;
    let sent = |state, entry: &LedgerEntry| {
        serde_json::to_string(&Event::of_job(EndedJob::of(job_id, state, entry), at()))
            .unwrap()
            .replace(",\"", ",\n\"")
    };
    insta::assert_snapshot!(sent(JobState::Completed, &entry), @r#"
    {"specversion":"1.0",
    "id":"019d0000-0000-7000-8000-000000000001:completed",
    "source":"/intake/databases/1",
    "type":"job.completed",
    "subject":"019d0000-0000-7000-8000-000000000001",
    "time":"2023-11-14T22:13:20.123Z",
    "datacontenttype":"application/json",
    "data":{"db_id":1,
    "job_id":"019d0000-0000-7000-8000-000000000001",
    "external_id":"nightly",
    "status":"completed",
    "total":10,
    "processed":10,
    "created":4,
    "updated":3,
    "unchanged":1,
    "skipped":0,
    "failed":2,
    "warnings":6,
    "error":0}}
    "#);
    entry.error = Some((500, "the job could not be applied".to_owned()));
    entry.external_id = None;
    insta::assert_snapshot!(sent(JobState::Failed, &entry), @r#"
    {"specversion":"1.0",
    "id":"019d0000-0000-7000-8000-000000000001:completed",
    "source":"/intake/databases/1",
    "type":"job.completed",
    "subject":"019d0000-0000-7000-8000-000000000001",
    "time":"2023-11-14T22:13:20.123Z",
    "datacontenttype":"application/json",
    "data":{"db_id":1,
    "job_id":"019d0000-0000-7000-8000-000000000001",
    "status":"failed",
    "total":10,
    "processed":10,
    "created":4,
    "updated":3,
    "unchanged":1,
    "skipped":0,
    "failed":2,
    "warnings":6,
    "error":500,
    "error_text":"the job could not be applied"}}
    "#);
}

#[test]
fn every_difference_of_a_subscription_is_named() {
    let subscription = |more: Value| {
        let mut subscription = json!({"resource_id": 28, "channel": "email", "email": "a@example.com"});
        subscription.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"email": "a@example.com", "subscriptions": [subscription]})
    };
    let known = profile(subscription(json!({
        "priority": 1, "cats": ["a"], "custom_fields": {"source": "web", "level": 3},
    })));
    let names = |more: Value| {
        let changes = changes(Some(known.clone()), &[subscription(more)]);
        assert!(changes.iter().all(|change| !change.is_new));
        let names = changes.iter().flat_map(|change| change.changed.iter());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(json!({"status": 1})), ["status"]);
    assert_eq!(names(json!({"priority": 2})), ["priority"]);
    assert_eq!(names(json!({"cats": ["b"]})), ["cats"]);
    assert_eq!(names(json!({"custom_fields": {"source": "web", "level": 4}})), ["custom_fields.level"]);
    assert_eq!(names(json!({"custom_fields": {"source": null}})), ["custom_fields.source"]);
    assert_eq!(
        names(
            json!({"status": 2, "priority": 9, "cats": ["b"], "custom_fields": {"source": "app", "level": 1}})
        ),
        ["cats", "custom_fields.level", "custom_fields.source", "priority", "status"]
    );
    let same = json!({"status": 0, "priority": 1, "cats": ["a"], "custom_fields": {"level": "3"}});
    assert_eq!(names(same), Vec::<String>::new());
}

#[test]
fn a_person_met_often_is_told_of_once_and_what_comes_to_nothing_is_not_told() {
    let met = [
        json!({"email": "a@example.com", "city": "Riga"}),
        json!({"email": "a@example.com", "points": 1}),
        json!({"email": "a@example.com", "city": "Oslo"}),
    ];
    assert_eq!(changed(&changes(None, &met)), [(true, vec!["city", "email", "points"])]);

    let known = profile(json!({"email": "a@example.com", "city": "Oslo"}));
    assert_eq!(changed(&changes(Some(known.clone()), &met)), [(false, vec!["points"])]);
    assert_eq!(changed(&changes(Some(known.clone()), &met[2..])), []);
    let back = [met[0].clone(), met[2].clone()];
    assert_eq!(changed(&changes(Some(known.clone()), &back)), []);
    let wrong = json!({"email": "a@example.com", "points": "many"});
    assert_eq!(changed(&changes(Some(known), &[wrong])), []);

    let only_subscribed =
        json!({"subscriptions": [{"resource_id": 28, "channel": "email", "email": "a@example.com"}]});
    assert_eq!(changed(&changes(None, &[only_subscribed])), [(true, vec![]), (true, vec!["status"])]);
}

#[test]
fn pages_hold_every_event_once_in_order_and_are_bounded() {
    let change = |n: u128| Change {
        profile_id: ProfileId(Uuid::from_u128(n % 40)),
        part: Part::Profile,
        is_new: false,
        changed: [&*"x".repeat(1000)].into_iter().collect(),
    };
    let changes: Vec<Change> = (0..9000).map(change).collect();
    let header = header(None);
    let pages = pages(Event::of_changes(&header, 0, at(), &changes));
    assert!(pages.len() > usize::from(Strand::COUNT), "{} pages", pages.len());
    assert!(pages.iter().all(|page| page.json.len() < Page::FULL_BYTES + 2000));
    let mut seen = 0;
    let mut last = std::collections::BTreeMap::new();
    for page in &pages {
        let events: Vec<Value> = serde_json::from_str(&page.json).unwrap();
        assert_eq!(events.len(), usize::try_from(page.events).unwrap());
        for event in events {
            let subject = event["subject"].as_str().unwrap().to_owned();
            assert_eq!(Strand::of(subject.parse().unwrap()), page.strand);
            let position: u32 = event["id"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
            assert!(last.insert(subject, position).is_none_or(|before| before < position));
            seen += 1;
        }
    }
    assert_eq!(seen, 9000);
}

#[test]
fn pages_are_joined_to_one_array() {
    assert_eq!(join(["[1]", "[2,[3]]", "[\"]\"]"]), r#"[1,2,[3],"]"]"#);
    assert_eq!(join([]), "[]");
}
