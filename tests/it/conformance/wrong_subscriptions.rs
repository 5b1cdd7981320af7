//! Section 6: each way in which a subscription is invalid: the record fails, or the subscription is left out.

use intake_tests::{Format, World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, by_id, custom_id, warnings};

in_both_formats!(
    each_fails_its_record_or_is_skipped_with_a_warning,
    one_that_is_skipped_says_nothing_of_whom_a_record_means,
);

/// A subscription, the path below `subscriptions[1]`, and what the text tells.
type Row = (Value, &'static str, &'static [&'static str]);

fn email(more: &Value) -> Value {
    let mut subscription = json!({"channel": "email", "resource_id": 28, "email": "x@example.com"});
    for (name, value) in more.as_object().unwrap() {
        subscription[name] = value.clone();
    }
    subscription
}

fn on(channel: &str, contact: &Value) -> Value {
    let mut subscription = json!({"channel": channel, "resource_id": 28});
    subscription.as_object_mut().unwrap().extend(contact.as_object().unwrap().clone());
    subscription
}

const RESOURCES: &[&str] = &["allowed: 28, 29"];
const CHANNELS: &[&str] = &["email", "notify", "push", "sms", "telegram_bot", "viber", "whatsapp"];
const STATUSES: &[&str] = &[
    "subscribed",
    "unsubscribed",
    "complained",
    "hardbounced",
    "unconfirmed",
    "suspended",
    "invalid",
    "0 to 6",
    "-1",
];

fn contacts() -> Vec<Row> {
    vec![
        (
            json!({"channel": "email", "resource_id": 28}),
            ".email",
            &["missing", "`email`", "`email_data.email`"],
        ),
        (on("email", &json!({"email": "x"})), ".email", &["\"x\"", "e-mail address"]),
        (on("email", &json!({"email": ""})), ".email", &["not empty"]),
        (
            on("email", &json!({"email_data": {"email": "x"}})),
            ".email_data.email",
            &["\"x\"", "e-mail address"],
        ),
        (on("email", &json!({"email_data": "x@example.com"})), ".email_data", &["an object"]),
        (
            on("email", &json!({"email": "a@example.com", "email_data": {"email": "b@example.com"}})),
            ".email",
            &["differs", "`email_data.email`"],
        ),
        (on("email", &json!({"phone": "+79000000001"})), ".phone", &["no such member", "email_data"]),
        (on("sms", &json!({})), ".phone", &["missing", "`phone_data.phone`"]),
        (on("sms", &json!({"phone": "12345"})), ".phone", &["\"12345\"", "country code"]),
        (on("sms", &json!({"phone_data": {"phone": "12345"}})), ".phone_data.phone", &["country code"]),
        (
            on("push", &json!({"provider": "Firefox"})),
            ".subscription_id",
            &["missing", "`push_data.subscription_id`"],
        ),
        (on("push", &json!({"subscription_id": "x"})), ".provider", &["missing", "`push_data.provider`"]),
        (
            on("push", &json!({"push_data": {"provider": "", "subscription_id": "x"}})),
            ".push_data.provider",
            &["not empty"],
        ),
        (on("telegram_bot", &json!({})), ".cc_data.id", &["missing", "`cc_data.id`"]),
        (
            on("telegram_bot", &json!({"cc_data": {"phone": "+79000000001"}})),
            ".cc_data.phone",
            &["no such member", "id"],
        ),
        (on("telegram_bot", &json!({"id": "1"})), ".id", &["no such member", "cc_data"]),
        (on("whatsapp", &json!({})), ".cc_data.phone", &["missing", "`cc_data.phone`"]),
        (on("viber", &json!({"cc_data": {"phone": "12345"}})), ".cc_data.phone", &["country code"]),
        (on("viber", &json!({"cc_data": "+79000000001"})), ".cc_data", &["an object"]),
        (on("notify", &json!({"phone": "+79000000001"})), ".phone", &["no such member", "cc_data"]),
    ]
}

fn others() -> Vec<Row> {
    vec![
        (json!("text"), "", &["an object"]),
        (json!({"resource_id": 28, "email": "x@example.com"}), ".channel", CHANNELS),
        (email(&json!({"channel": "pigeon"})), ".channel", CHANNELS),
        (email(&json!({"channel": "Email"})), ".channel", CHANNELS),
        (
            json!({"channel": "push", "resource_id": 29, "provider": "x", "subscription_id": "y"}),
            ".channel",
            &["resource 29", "email, sms"],
        ),
        (json!({"channel": "email", "email": "x@example.com"}), ".resource_id", RESOURCES),
        (email(&json!({"resource_id": 999})), ".resource_id", RESOURCES),
        (email(&json!({"resource_id": "x"})), ".resource_id", RESOURCES),
        (email(&json!({"status": "happy"})), ".status", STATUSES),
        (email(&json!({"status": 7})), ".status", STATUSES),
        (email(&json!({"status": -2})), ".status", STATUSES),
        (email(&json!({"status": ""})), ".status", STATUSES),
        (email(&json!({"priority": "high"})), ".priority", &["\"high\"", "-1"]),
        (email(&json!({"priority": -2})), ".priority", &["-2", "-1"]),
        (email(&json!({"priority": 1.5})), ".priority", &["1.5", "-1"]),
        (
            email(&json!({"cats": ["category_1", "nope"]})),
            ".cats[1]",
            &["\"nope\"", "category_1, category_2"],
        ),
        (email(&json!({"resource_id": 29, "cats": ["category_1"]})), ".cats[0]", &["29", "\"category_1\""]),
        (
            email(&json!({"custom_fields": {"nope": "x"}})),
            ".custom_fields.nope",
            &["no such subscription field; it has: ", "source", "unknown_fields: ignore"],
        ),
        (email(&json!({"custom_fields": {"source": ["a", "b"]}})), ".custom_fields.source", &["string"]),
        (email(&json!({"custom_fields": "x"})), ".custom_fields", &["\"x\" will not do: an object"]),
        (email(&json!({"colour": "red"})), ".colour", &["no such member", "status", "cats"]),
    ]
}

fn each_fails_its_record_or_is_skipped_with_a_warning(world: &World) {
    let mut rows = [contacts(), others()].concat();
    if world.format() == Format::Json {
        rows.push((
            email(&json!({"cats": "category_1"})),
            ".cats",
            &["\"category_1\"", "array of category names"],
        ));
        rows.push((json!(7), "", &["7 will not do: an object"]));
        rows.push((on("email", &json!({"email": true})), ".email", &["true will not do", "string"]));
    }
    let well = json!({"channel": "sms", "resource_id": 28, "phone": "+79000000009"});
    let records: Vec<Value> = (0..)
        .zip(&rows)
        .map(|(id, row)| json!({"Custom_ID": id, "city": "Riga", "subscriptions": [well, row.0]}))
        .collect();
    for (result, (subscription, below, told)) in world.import_all(custom_id(), &records).iter().zip(&rows) {
        let path = format!("subscriptions[1]{below}");
        assert_failed(result, "invalid_subscription", Some(&path), told, subscription);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    let mut skipping = custom_id();
    skipping["skip_invalid_subscriptions"] = json!(true);
    let results = world.import_all(skipping, &records);
    for (id, (result, (subscription, below, told))) in (0..).zip(results.iter().zip(&rows)) {
        let path = format!("subscriptions[1]{below}");
        assert_eq!(result["action"], "created", "{subscription}: {result}");
        assert_eq!(warnings(result), [("subscription_skipped", path.as_str())], "{subscription}");
        let text = result["warnings"][0]["text"].as_str().unwrap();
        assert!(told.iter().all(|part| text.contains(part)), "{subscription}: {text}");
        let read = by_id(world, id);
        assert_eq!(read["city"], "Riga", "{subscription}");
        let kept: Vec<&Value> =
            read["subscriptions"].as_array().unwrap().iter().map(|one| &one["phone"]).collect();
        assert_eq!(kept, [&json!("+79000000009")], "{subscription}");
    }
}

fn one_that_is_skipped_says_nothing_of_whom_a_record_means(world: &World) {
    let bad = email(&json!({"status": "happy"}));
    let record = json!({"subscriptions": [bad]});
    let result =
        &world.import_all(json!({"skip_invalid_subscriptions": true}), std::slice::from_ref(&record))[0];
    assert_failed(result, "missing_match_value", Some("email"), &["email subscription"], &record);
    assert_eq!(warnings(result), [("subscription_skipped", "subscriptions[0].status")]);
    let text = json!({"Custom_ID": 1, "subscriptions": {"channel": "email"}});
    if world.format() == Format::Json {
        let result = &world.import_all(custom_id(), std::slice::from_ref(&text))[0];
        assert_failed(result, "invalid_type", Some("subscriptions"), &["array of objects"], &text);
    }
}
