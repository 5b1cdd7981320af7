//! What an overlay keeps, and what it cannot.

use std::collections::{BTreeMap, HashSet};

use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

use super::*;
use crate::catalog::{Catalog, Declaration};
use crate::{DatabaseId, Header, Kind, MatchRule, Nulls, Operation, UnknownFields};

fn catalog() -> Catalog {
    let declaration: Declaration = serde_json::from_value(json!({
        "databases": [{"id": 1, "name": "One", "fields": [{"name": "tags", "type": "tags", "matchable": true}]}],
        "resources": [{
            "id": 28, "name": "News", "databases": [1], "categories": ["a"],
            "channels": ["email", "push", "telegram_bot", "pager"], "fields": [{"name": "n", "type": "float"}],
        }],
        "accounts": [],
    }))
    .unwrap();
    Catalog::default().declare(&declaration).unwrap().0
}

fn header(total: usize) -> Header {
    let key = crate::JobKey::new(b"a key for the overlay's tests").unwrap();
    Header {
        job_id: crate::JobId::mint(1_700_000_000_000_000_000, 1, "demo", &key),
        account: "demo".to_owned(),
        db_id: DatabaseId(1),
        operation: Operation::Import,
        rule: MatchRule::Email,
        total: u32::try_from(total).unwrap(),
        resource_id: None,
        match_values: Map::new(),
        unknown_fields: UnknownFields::Reject,
        nulls: Nulls::Clear,
        skip_invalid_subscriptions: false,
        skip_triggers: false,
        detect_geo: false,
        external_id: None,
        validate_only: true,
        callback_url: None,
        request_key: None,
        retry_of: None,
        begins_at: 0,
        streamed: false,
        order: None,
        warnings: Vec::new(),
    }
}

/// What these records, which mean nobody that there is, would make.
fn forecast(catalog: &Catalog, overlay: &Overlay, records: &[Value]) -> Forecast {
    let database = &catalog.databases[&DatabaseId(1)];
    let raw: Vec<_> = records.iter().map(|record| to_raw_value(record).unwrap()).collect();
    let raw: Vec<_> = raw.iter().map(AsRef::as_ref).collect();
    let drafts = Drafts::of(&header(raw.len()), catalog, database, (0..).zip(raw), None);
    let candidates = overlay.candidates(database, &drafts, &[], Vec::new()).unwrap();
    Forecast::of(database, drafts, candidates)
}

#[test]
fn a_profile_is_unpacked_as_it_was() {
    let catalog = catalog();
    let record: Value = serde_json::from_str(
        r#"{"email": "p@example.com", "_fname": "Я", "tags": "t1, t2", "subscriptions": [
            {"channel": "email", "resource_id": 28, "email": "a@example.com", "cats": ["a"], "priority": 3, "status": 4},
            {"channel": "push", "resource_id": 28, "provider": "p", "subscription_id": "\"s"},
            {"channel": "telegram_bot", "resource_id": 28, "cc_data": {"id": 123456789012}},
            {"channel": "pager", "resource_id": 28, "cc_data": {"login": "x"}, "custom_fields": {"n": 1.10}}
        ]}"#,
    )
    .unwrap();
    let forecast = forecast(&catalog, &Overlay::new(0), &[record]);
    let profile = forecast.after.values().next().unwrap_or_else(|| panic!("{forecast:?}"));
    assert_eq!(profile.subscriptions.len(), 4, "{forecast:?}");
    assert_eq!(Packed::of(profile).unwrap().unpack(profile.id).as_ref(), Some(profile));
}

#[test]
fn what_is_kept_is_bounded() {
    let catalog = catalog();
    let database = &catalog.databases[&DatabaseId(1)];
    let person = |n: usize| json!({"email": format!("p{n}@example.com"), "_fname": "x".repeat(100)});
    let people: Vec<Value> = (0..10).map(person).collect();
    let key = |n: usize| Key::new(Kind::EMAIL, &format!("p{n}@example.com"));
    let known = |overlay: &Overlay| -> HashSet<usize> {
        let is_known =
            |n: &usize| !overlay.holders(database, Vec::new(), &[key(*n)], &Places::Anywhere, 1).is_empty();
        (0..10).filter(is_known).collect()
    };
    let mut overlay = Overlay::new(1000);
    let layer = overlay.layer(database, &forecast(&catalog, &overlay, &people));
    assert!(layer.warning().unwrap().text.starts_with("from record 10 on "));
    overlay.put(layer);
    let kept = known(&overlay);
    assert!(kept.len() > 1 && kept.len() < 5, "{kept:?}");
    assert!(overlay.bytes <= 1000);

    // Of the same people the same are kept, whatever more is known of them; one that grows too large is forgotten.
    let layer = overlay.layer(database, &forecast(&catalog, &overlay, &people));
    overlay.put(layer);
    assert_eq!(known(&overlay), kept);
    let grown = json!({"email": "p0@example.com", "_fname": "x".repeat(200), "_lname": "x".repeat(800)});
    let layer = overlay.layer(database, &forecast(&catalog, &overlay, &[grown]));
    assert!(layer.warning().is_some());
    overlay.put(layer);
    assert!(!known(&overlay).contains(&0));

    let mut roomy = Overlay::new(1 << 20);
    let layer = roomy.layer(database, &forecast(&catalog, &roomy, &people));
    assert_eq!(layer.warning(), None);
    roomy.put(layer);
    assert_eq!(known(&roomy).len(), 10);
}

#[test]
fn those_who_are_overlaid_are_looked_up_beside_the_others() {
    let catalog = catalog();
    let database = &catalog.databases[&DatabaseId(1)];
    let key = Key::new(Kind::EMAIL, "p@example.com");
    let known = Profile {
        fields: Map::from_iter([("email".to_owned(), json!("p@example.com"))]).into(),
        ..Profile::empty(ProfileId(Uuid::max()))
    };
    let mut overlay = Overlay::new(1 << 20);
    assert_eq!(overlay.hidden([&key]), 0);
    let forecast = Forecast {
        outcomes: Vec::new(),
        before: HashMap::from([(known.id, known.clone())]),
        after: BTreeMap::from([(known.id, Profile::empty(known.id))]),
    };
    for _ in 0..2 {
        overlay.put(overlay.layer(database, &forecast));
        assert_eq!(overlay.hidden([&key]), 1);
    }
    let found = Holder { key: key.clone(), profile_id: known.id, sources: Sources::from([Source::Profile]) };
    assert_eq!(overlay.holders(database, vec![found], &[key], &Places::Anywhere, 16), []);
}
