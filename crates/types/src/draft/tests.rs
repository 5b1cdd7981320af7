//! Whole records read: what members mean together, and where a mistake is told.

use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::catalog::{Catalog, Declaration};
use crate::{
    Contact, DatabaseId, Draft, Drafts, Header, JobId, JobKey, MatchRule, Nulls, Operation, Outcome,
    PackedLog, ProfileId, Stamp, SubscriptionStatus, UnknownFields,
};

fn catalog() -> Catalog {
    let declaration: Declaration = serde_json::from_value(json!({
        "databases": [{"id": 1, "name": "One", "default_region": "RU"}],
        "resources": [{
            "id": 28, "name": "News", "databases": [1],
            "channels": ["email", "sms", "push", "telegram_bot", "viber", "pager"],
        }],
    }))
    .unwrap();
    Catalog::default().declare(&declaration).unwrap().0
}

fn header() -> Header {
    let key = JobKey::new(b"a key for these tests").unwrap();
    Header {
        job_id: JobId::mint(1_700_000_000_000_000_000, 1, "demo", &key),
        account: "demo".to_owned(),
        db_id: DatabaseId(1),
        operation: Operation::Import,
        rule: MatchRule::Email,
        match_values: serde_json::Map::new(),
        resource_id: None,
        total: 1,
        unknown_fields: UnknownFields::Reject,
        nulls: Nulls::Ignore,
        skip_invalid_subscriptions: false,
        skip_triggers: false,
        detect_geo: false,
        external_id: None,
        validate_only: false,
        callback_url: None,
        request_key: None,
        retry_of: None,
        begins_at: 0,
        streamed: false,
        order: None,
        warnings: Vec::new(),
    }
}

fn read(header: &Header, record: &Value) -> Result<Draft, Box<Outcome>> {
    let catalog = catalog();
    let record = to_raw_value(record).unwrap();
    let mut drafts = Drafts::of(header, &catalog, &catalog.databases[&DatabaseId(1)], [(0, &*record)], None);
    drafts.valid.pop().ok_or_else(|| Box::new(drafts.refused.remove(0)))
}

/// Reads a record of a person with one subscription; gives the slug and the path of what is wrong with it.
fn wrong(header: &Header, subscription: &Value) -> (&'static str, String) {
    let refused =
        read(header, &json!({"email": "a@example.com", "subscriptions": [subscription]})).unwrap_err();
    let failure = refused.failure.unwrap();
    (failure.code.slug(), failure.field.unwrap())
}

fn contact(channel: &str, members: &Value) -> Contact {
    let mut subscription = json!({"channel": channel, "resource_id": 28});
    subscription.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let draft = read(&header(), &json!({"email": "a@example.com", "subscriptions": [subscription]})).unwrap();
    draft.subscriptions[0].contact.clone()
}

#[test]
fn one_contact_has_one_form_however_it_is_sent() {
    for (channel, sent, address) in [
        ("email", json!({"email_data": {"email": "A@b.C"}}), "a@b.c"),
        ("email", json!({"email": "a@b.c", "email_data": {"email": "a@b.c"}}), "a@b.c"),
        ("sms", json!({"phone": 89_000_000_000_u64}), "+79000000000"),
        ("push", json!({"push_data": {"provider": " web ", "subscription_id": 7}}), r#"["web","7"]"#),
        ("telegram_bot", json!({"cc_data": {"id": "-5"}}), r#"{"id":-5}"#),
        ("telegram_bot", json!({"cc_data": {"id": "007"}}), r#"{"id":"007"}"#),
        ("viber", json!({"cc_data": {"phone": "8 900 000-00-00"}}), r#"{"phone":"+79000000000"}"#),
        ("pager", json!({"cc_data": {"zone": 5, "login": "x"}}), r#"{"login":"x","zone":"5"}"#),
    ] {
        assert_eq!(contact(channel, &sent).address(), address, "{sent}");
    }
}

#[test]
fn a_wrong_contact_is_told_where_it_stands() {
    let of = |channel: &str, members: Value| {
        let mut subscription = json!({"channel": channel, "resource_id": 28});
        subscription.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let (slug, path) = wrong(&header(), &subscription);
        assert_eq!(slug, "invalid_subscription");
        path.strip_prefix("subscriptions[0].").unwrap_or(&path).to_owned()
    };
    assert_eq!(of("email", json!({"email": "a@b.c", "email_data": {"email": "b@b.c"}})), "email");
    assert_eq!(of("email", json!({"email_data": {"email": "x"}})), "email_data.email");
    assert_eq!(of("email", json!({"email": "a@b.c", "email_data": 1})), "email_data");
    assert_eq!(of("email", json!({"email_data": {"email": "a@b.c", "name": "A"}})), "email_data.name");
    assert_eq!(of("push", json!({"provider": "web"})), "subscription_id");
    assert_eq!(of("push", json!({"provider": "x".repeat(101), "subscription_id": "y"})), "provider");
    assert_eq!(of("push", json!({"provider": "x", "subscription_id": "y".repeat(2000)})), "subscriptions[0]");
    assert_eq!(of("telegram_bot", json!({"cc_data": {"phone": "1"}})), "cc_data.phone");
    assert_eq!(of("telegram_bot", json!({})), "cc_data.id");
    assert_eq!(of("viber", json!({"cc_data": {"phone": "5"}})), "cc_data.phone");
    assert_eq!(of("pager", json!({"cc_data": {}})), "cc_data");
    assert_eq!(of("pager", json!({"cc_data": {"login": ["x"]}})), "cc_data.login");
    assert_eq!(of("notify", json!({"cc_data": {"phone": "+79000000000"}})), "channel");
}

#[test]
fn nulls_in_subscriptions_follow_the_policy() {
    let subscription =
        json!({"channel": "email", "resource_id": 28, "email": "a@b.c", "status": null, "cats": null});
    let draft = read(&header(), &json!({"email": "a@b.c", "subscriptions": [subscription]})).unwrap();
    let told: Vec<_> = draft.warnings.iter().map(|warning| warning.field.as_deref().unwrap()).collect();
    assert_eq!(told, ["subscriptions[0].cats", "subscriptions[0].status"]);
    assert_eq!((draft.subscriptions[0].status, draft.subscriptions[0].cats.len()), (None, 0));
    let strict = Header { nulls: Nulls::Reject, ..header() };
    assert_eq!(wrong(&strict, &subscription), ("invalid_subscription", "subscriptions[0].cats".to_owned()));
    let all = read(&strict, &json!({"email": "a@b.c", "subscriptions": null})).unwrap_err().failure.unwrap();
    assert_eq!((all.code.slug(), all.field.as_deref()), ("null_not_allowed", Some("subscriptions")));
}

#[test]
fn a_phone_beside_phones_keeps_its_own_path() {
    let failure = |record: Value| {
        let failure = read(&header(), &record).unwrap_err().failure.unwrap();
        (failure.code.slug(), failure.field.unwrap())
    };
    let phones = json!(["+79000000001"]);
    assert_eq!(failure(json!({"phone": "x", "phones": phones})), ("invalid_phone", "phone".to_owned()));
    let function = json!({"action": "add", "value": "+79000000002"});
    assert_eq!(failure(json!({"phone": function, "phones": phones})), ("invalid_action", "phone".to_owned()));
    assert_eq!(failure(json!({"email": "a@b.c", "provider": "x"})), ("unknown_field", "provider".to_owned()));
}

#[test]
fn who_wrote_what_a_record_leaves_stays_known() {
    let record = |more: Value| {
        let subscription =
            json!({"channel": "email", "resource_id": 28, "email": "a@b.c", "status": more["status"]});
        let mut record = json!({"email": "a@b.c", "_fname": more["name"], "subscriptions": [subscription]});
        record.as_object_mut().unwrap().extend(more["beside"].as_object().cloned().unwrap_or_default());
        read(&header(), &record).unwrap()
    };
    let [first, between, last] = [1, 2, 3].map(|at| Stamp(Uuid::from_u128(at << 8)));
    let made = record(json!({"name": "A", "status": 0, "beside": {"_lname": "B"}}));
    let mut profile = made.begin(ProfileId(Uuid::from_u128(7)), first);
    made.apply_to(&mut profile, first, false).unwrap();
    record(json!({"name": "A", "status": 0})).apply_to(&mut profile, last, false).unwrap();
    let packed = PackedLog::of(&profile).unwrap();
    assert_eq!(
        (packed.base, packed.unpack().unwrap()),
        (last, profile.log.clone()),
        "nothing is listed in vain"
    );
    let late = record(json!({"name": "C", "status": 1, "beside": {"_lname": "D"}}));
    let warnings = late.apply_to(&mut profile, between, false).unwrap();
    assert_eq!((&profile.fields["_fname"], &profile.fields["_lname"]), (&json!("A"), &json!("D")));
    assert_eq!(profile.subscriptions[0].status, SubscriptionStatus::Subscribed);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}
