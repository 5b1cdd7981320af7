//! Section 6: each channel's contact, flat and nested, and the one form that it is read back in.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{by_id, custom_id, made, regional};

in_both_formats!(each_channel_takes_its_contact_flat_and_nested, contacts_of_one_channel_are_told_apart);

fn subscription(channel: &str, contact: &Value) -> Value {
    let mut subscription = json!({"channel": channel, "resource_id": 28});
    subscription.as_object_mut().unwrap().extend(contact.as_object().unwrap().clone());
    subscription
}

/// Sends each spelling of one contact to one profile; it must be one subscription, read back as `told` and no more.
fn assert_one(world: &World, id: i64, channel: &str, spellings: &[Value], told: &Value) {
    let record =
        |contact: &Value| json!({"Custom_ID": id, "subscriptions": [subscription(channel, contact)]});
    let records: Vec<Value> = spellings.iter().map(record).collect();
    for (at, (result, record)) in world.import_all(custom_id(), &records).iter().zip(&records).enumerate() {
        let action = if at == 0 { "created" } else { "unchanged" };
        assert_eq!(result["action"], action, "{record}: {result}");
    }
    let mut wanted = subscription(channel, told);
    wanted.as_object_mut().unwrap().extend([
        ("status".to_owned(), json!("subscribed")),
        ("custom_fields".to_owned(), json!({})),
        ("cats".to_owned(), json!([])),
    ]);
    let read = by_id(world, id);
    assert_eq!(read["subscriptions"], json!([wanted]), "{channel}");
    // What is read can be posted again, and changes nothing.
    let result = &world.import_all(custom_id(), &[read])[0];
    assert_eq!(
        (&result["action"], result.get("warnings")),
        (&json!("unchanged"), None),
        "{channel}: {result}"
    );
}

fn each_channel_takes_its_contact_flat_and_nested(world: &World) {
    let email = "s@example.com";
    let emails = [
        json!({"email": " S@Example.com "}),
        json!({"email_data": {"email": email}}),
        json!({"email": email, "email_data": {"email": email}}),
    ];
    assert_one(world, 1, "email", &emails, &json!({"email": email}));
    let number = "+79000000001";
    let numbers = [
        json!({"phone": "+7 (900) 000-00-01"}),
        json!({"phone_data": {"phone": number}}),
        json!({"phone": number, "phone_data": {"phone": number}}),
    ];
    assert_one(world, 2, "sms", &numbers, &json!({"phone": number}));
    let push = [
        json!({"provider": "Firefox", "subscription_id": "token"}),
        json!({"push_data": {"provider": "Firefox", "subscription_id": "token"}}),
        json!({"provider": "Firefox", "push_data": {"subscription_id": " token "}}),
    ];
    assert_one(world, 3, "push", &push, &json!({"provider": "Firefox", "subscription_id": "token"}));
    let ids = [json!({"cc_data": {"id": 1}}), json!({"cc_data": {"id": "1"}})];
    assert_one(world, 4, "telegram_bot", &ids, &json!({"cc_data": {"id": 1}}));
    assert_one(
        world,
        5,
        "telegram_bot",
        &[json!({"cc_data": {"id": "@name"}})],
        &json!({"cc_data": {"id": "@name"}}),
    );
    for (id, channel) in (6..).zip(["whatsapp", "viber", "notify"]) {
        let numbers =
            [json!({"cc_data": {"phone": "+7 900 000 00 01"}}), json!({"cc_data": {"phone": number}})];
        assert_one(world, id, channel, &numbers, &json!({"cc_data": {"phone": number}}));
    }
}

fn contacts_of_one_channel_are_told_apart(world: &World) {
    let subscriptions = [
        subscription("email", &json!({"email": "a@example.com"})),
        subscription("email", &json!({"email": "b@example.com"})),
        subscription("sms", &json!({"phone": "+79000000001"})),
        subscription("whatsapp", &json!({"cc_data": {"phone": "+79000000001"}})),
        subscription("viber", &json!({"cc_data": {"phone": "+79000000001"}})),
        subscription("push", &json!({"provider": "Firefox", "subscription_id": "x"})),
        subscription("push", &json!({"provider": "Chrome", "subscription_id": "x"})),
        subscription("push", &json!({"provider": "Firefox", "subscription_id": "X"})),
        subscription("telegram_bot", &json!({"cc_data": {"id": 1}})),
        subscription("telegram_bot", &json!({"cc_data": {"id": "01"}})),
        json!({"channel": "email", "resource_id": 29, "email": "a@example.com"}),
        json!({"channel": "sms", "resource_id": "29", "phone": "+79000000001"}),
    ];
    let record = json!({"Custom_ID": 1, "subscriptions": subscriptions});
    made(world, std::slice::from_ref(&record));
    let read = by_id(world, 1);
    assert_eq!(read["subscriptions"].as_array().map(Vec::len), Some(subscriptions.len()), "{read}");
    for again in [record, read] {
        assert_eq!(world.import_all(custom_id(), &[again])[0]["action"], "unchanged");
    }
    // One twice in a record is one.
    let twice = json!({"Custom_ID": 2, "subscriptions": [subscriptions[0], subscriptions[0]]});
    made(world, &[twice]);
    assert_eq!(by_id(world, 2)["subscriptions"].as_array().map(Vec::len), Some(1));
}

mod custom {
    use super::*;

    in_both_formats!(with regional: a_custom_channel_takes_whatever_members_it_has);

    fn a_custom_channel_takes_whatever_members_it_has(world: &World) {
        let both =
            [json!({"cc_data": {"line": 7, "desk": "A"}}), json!({"cc_data": {"desk": " A ", "line": "7"}})];
        assert_one(world, 1, "pager", &both, &json!({"cc_data": {"line": "7", "desk": "A"}}));
        assert_one(
            world,
            2,
            "carrier_pigeon",
            &[json!({"cc_data": {"ring": "R-1"}})],
            &json!({"cc_data": {"ring": "R-1"}}),
        );
        // The whole object is the identity.
        let lines = ["7", "8"].map(|line| subscription("pager", &json!({"cc_data": {"line": line}})));
        let more = subscription("pager", &json!({"cc_data": {"line": "7", "desk": "A"}}));
        made(world, &[json!({"Custom_ID": 3, "subscriptions": [lines[0], lines[1], more]})]);
        assert_eq!(by_id(world, 3)["subscriptions"].as_array().map(Vec::len), Some(3));
        for (data, below) in [
            (json!({}), ""),
            (json!("7"), ""),
            (json!({"line": ""}), ".line"),
            (json!({"line": ["7", "8"]}), ".line"),
        ] {
            let record =
                json!({"Custom_ID": 4, "subscriptions": [subscription("pager", &json!({"cc_data": data}))]});
            let path = format!("subscriptions[0].cc_data{below}");
            let result = &world.import_all(custom_id(), std::slice::from_ref(&record))[0];
            super::super::assert_failed(
                result,
                "invalid_subscription",
                Some(&path),
                &["text", "number"],
                &record,
            );
        }
    }
}
