//! Subscriptions: flat and nested, added and updated one by one.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

in_both_formats!(they_upsert_one_by_one_and_others_stay, an_invalid_one_fails_the_record_or_is_skipped,);

fn of(world: &World, email: &str) -> Value {
    world.profiles(json!({"matching": "email", "email": email}))[0]["subscriptions"].clone()
}

fn they_upsert_one_by_one_and_others_stay(world: &World) {
    let first = json!({"email": "s@example.com", "subscriptions": [
        {"channel": "email", "resource_id": 28, "email": "S@example.com", "cats": ["category_1"], "custom_fields": {"source": "web"}},
        {"channel": "sms", "resource_id": 29, "phone_data": {"phone": "+7 900 000 00 00"}, "status": "unconfirmed", "priority": 3},
    ]});
    assert_eq!(world.import_all(json!({}), &[first])[0]["action"], "created");
    let second = json!({"email": "s@example.com", "subscriptions": [
        {"channel": "email", "resource_id": 28, "email_data": {"email": "s@example.com"}, "cats": ["category_2"], "status": 1, "priority": "2"},
    ]});
    assert_eq!(world.import_all(json!({}), &[second])[0]["action"], "updated");
    let read = of(world, "s@example.com");
    let read = read.as_array().unwrap();
    assert_eq!(read.len(), 2);
    let email = read.iter().find(|subscription| subscription["channel"] == "email").unwrap();
    assert_eq!(email["cats"], json!(["category_1", "category_2"]));
    assert_eq!((&email["status"], &email["priority"]), (&json!("unsubscribed"), &json!(2)));
    assert_eq!(email["custom_fields"], json!({"source": "web"}));
    let sms = read.iter().find(|subscription| subscription["channel"] == "sms").unwrap();
    assert_eq!((&sms["phone"], &sms["status"]), (&json!("+79000000000"), &json!("unconfirmed")));

    let minus = json!({"email": "s@example.com", "subscriptions": [
        {"channel": "sms", "resource_id": 29, "phone": "+79000000000", "status": -1, "priority": "-1"},
    ]});
    assert_eq!(world.import_all(json!({}), &[minus])[0]["action"], "unchanged");
}

fn an_invalid_one_fails_the_record_or_is_skipped(world: &World) {
    let bad = [
        (
            json!({"channel": "pigeon", "resource_id": 28, "email": "x@example.com"}),
            "subscriptions[0].channel",
        ),
        (json!({"channel": "email", "email": "x@example.com"}), "subscriptions[0].resource_id"),
        (
            json!({"channel": "email", "resource_id": 999, "email": "x@example.com"}),
            "subscriptions[0].resource_id",
        ),
        (json!({"channel": "email", "resource_id": 28, "email": "x"}), "subscriptions[0].email"),
        (json!({"channel": "sms", "resource_id": 28, "phone": "12345"}), "subscriptions[0].phone"),
        (
            json!({"channel": "email", "resource_id": 28, "email": "x@example.com", "email_data": "y@example.com"}),
            "subscriptions[0].email_data",
        ),
        (
            json!({"channel": "viber", "resource_id": 28, "cc_data": "+79000000000"}),
            "subscriptions[0].cc_data",
        ),
        (json!({"channel": "email", "resource_id": 28}), "subscriptions[0].email"),
        (
            json!({"channel": "email", "resource_id": 28, "email": "x@example.com", "status": "happy"}),
            "subscriptions[0].status",
        ),
        (
            json!({"channel": "email", "resource_id": 28, "email": "x@example.com", "cats": ["nope"]}),
            "subscriptions[0].cats[0]",
        ),
        (
            json!({"channel": "email", "resource_id": 28, "email": "x@example.com", "custom_fields": {"nope": 1}}),
            "subscriptions[0].custom_fields.nope",
        ),
    ];
    let records: Vec<Value> = bad
        .iter()
        .enumerate()
        .map(|(index, (subscription, _))| json!({"email": format!("r{index}@example.com"), "subscriptions": [subscription]}))
        .collect();
    for (result, (subscription, field)) in world.import_all(json!({}), &records).iter().zip(&bad) {
        assert_eq!(
            (&result["code"], &result["field"]),
            (&json!("invalid_subscription"), &json!(field)),
            "{subscription}: {result}"
        );
    }
    for (index, result) in
        world.import_all(json!({"skip_invalid_subscriptions": true}), &records).iter().enumerate()
    {
        assert_eq!(result["action"], "created", "{result}");
        assert_eq!(result["warnings"][0]["code"], "subscription_skipped");
        assert_eq!(of(world, &format!("r{index}@example.com")), json!([]));
    }
}
