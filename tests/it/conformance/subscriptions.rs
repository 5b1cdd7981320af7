//! Section 6: subscriptions are updated one by one: what is sent changes, the rest stays.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{by_id, custom_id, made};

in_both_formats!(
    they_upsert_one_by_one_and_others_stay,
    a_status_is_a_word_or_a_number,
    a_priority_stays_unless_it_is_sent,
    categories_are_switched_on_and_others_stay,
    what_is_read_can_be_posted_again,
);

fn email(address: &str, more: &Value) -> Value {
    let mut subscription = json!({"channel": "email", "resource_id": 28, "email": address});
    subscription.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    subscription
}

/// Sends a subscription of one address; its action, and how it reads.
fn send(world: &World, id: i64, more: &Value) -> (String, Value) {
    let record = json!({"Custom_ID": id, "subscriptions": [email("s@example.com", more)]});
    let result = world.import_all(custom_id(), std::slice::from_ref(&record)).remove(0);
    assert_eq!(result["error"], 0, "{record}: {result}");
    let read = by_id(world, id);
    assert_eq!(read["subscriptions"].as_array().map(Vec::len), Some(1), "{record}: {read}");
    (result["action"].as_str().unwrap().to_owned(), read["subscriptions"][0].clone())
}

fn they_upsert_one_by_one_and_others_stay(world: &World) {
    let sms = |resource: i32| json!({"channel": "sms", "resource_id": resource, "phone": "+79000000001"});
    let all = json!({"status": "unconfirmed", "priority": 3, "cats": ["category_1"], "custom_fields": {"source": "web", "custom_field": "x"}});
    let steps = [
        (json!([email("a@example.com", &all), sms(28)]), "created", 2),
        // The same contact is updated: what is not sent stays.
        (
            json!([email("A@example.com", &json!({"status": 1, "custom_fields": {"source": "shop"}}))]),
            "updated",
            2,
        ),
        // Another contact and another resource are others.
        (json!([email("b@example.com", &json!({})), sms(29)]), "updated", 4),
        (json!([]), "unchanged", 4),
        (json!([sms(29), sms(28), email("b@example.com", &json!({}))]), "unchanged", 4),
    ];
    for (subscriptions, action, count) in steps {
        let record = json!({"Custom_ID": 1, "subscriptions": subscriptions});
        let result = &world.import_all(custom_id(), std::slice::from_ref(&record))[0];
        assert_eq!(result["action"], action, "{record}: {result}");
        assert_eq!(by_id(world, 1)["subscriptions"].as_array().map(Vec::len), Some(count), "{record}");
    }
    let read = by_id(world, 1);
    let of = |address: &str| {
        read["subscriptions"].as_array().unwrap().iter().find(|one| one["email"] == address).unwrap()
    };
    let wanted = email(
        "a@example.com",
        &json!({
            "status": "unsubscribed", "priority": 3, "cats": ["category_1"],
            "custom_fields": {"source": "shop", "custom_field": "x"},
        }),
    );
    assert_eq!(of("a@example.com"), &wanted);
    let wanted = email("b@example.com", &json!({"status": "subscribed", "cats": [], "custom_fields": {}}));
    assert_eq!(of("b@example.com"), &wanted);
    // Two people may have one contact.
    made(world, &[json!({"Custom_ID": 2, "subscriptions": [email("a@example.com", &json!({}))]})]);
    assert_eq!(by_id(world, 2)["subscriptions"][0]["status"], "subscribed");
    assert_eq!(by_id(world, 1)["subscriptions"].as_array().map(Vec::len), Some(4));
}

fn a_status_is_a_word_or_a_number(world: &World) {
    let words =
        ["subscribed", "unsubscribed", "complained", "hardbounced", "unconfirmed", "suspended", "invalid"];
    let mut id = 0;
    for (number, word) in words.iter().enumerate() {
        for sent in [json!(word), json!(number), json!(number.to_string()), json!(format!(" {word} "))] {
            id += 1;
            assert_eq!(send(world, id, &json!({"status": sent})).1["status"], *word, "{sent} on a new one");
            // Neither -1 nor nothing changes it.
            for kept in [json!({"status": -1}), json!({"status": "-1"}), json!({})] {
                let (action, read) = send(world, id, &kept);
                assert_eq!((action.as_str(), &read["status"]), ("unchanged", &json!(word)), "{kept}");
            }
        }
    }
    let (_, read) = send(world, 1000, &json!({"status": -1}));
    assert_eq!(read["status"], "subscribed", "-1 on a new one");
    // 0 is a status like the others.
    assert_eq!(send(world, 1000, &json!({"status": 1})).1["status"], "unsubscribed");
    let (action, read) = send(world, 1000, &json!({"status": 0}));
    assert_eq!((action.as_str(), &read["status"]), ("updated", &json!("subscribed")));
}

fn a_priority_stays_unless_it_is_sent(world: &World) {
    for (sent, action, priority) in [
        (json!({}), "created", Value::Null),
        (json!({"priority": 3}), "updated", json!(3)),
        (json!({"priority": "3"}), "unchanged", json!(3)),
        (json!({"priority": -1}), "unchanged", json!(3)),
        (json!({"priority": " -1 "}), "unchanged", json!(3)),
        (json!({}), "unchanged", json!(3)),
        (json!({"priority": 0}), "updated", json!(0)),
        (json!({"priority": "2147483647"}), "updated", json!(2_147_483_647)),
    ] {
        let (done, read) = send(world, 1, &sent);
        assert_eq!(
            (done.as_str(), read.get("priority").unwrap_or(&Value::Null)),
            (action, &priority),
            "{sent}"
        );
    }
    assert_eq!(send(world, 2, &json!({"priority": -1})).1.get("priority"), None, "-1 on a new one");
}

fn categories_are_switched_on_and_others_stay(world: &World) {
    for (sent, action, cats) in [
        (json!({"cats": ["category_2"]}), "created", json!(["category_2"])),
        (json!({"cats": ["category_1"]}), "updated", json!(["category_1", "category_2"])),
        (json!({"cats": ["category_2", "category_2"]}), "unchanged", json!(["category_1", "category_2"])),
        (json!({"cats": [" category_2\n"]}), "unchanged", json!(["category_1", "category_2"])),
        (json!({"cats": []}), "unchanged", json!(["category_1", "category_2"])),
        (json!({}), "unchanged", json!(["category_1", "category_2"])),
    ] {
        let (done, read) = send(world, 1, &sent);
        assert_eq!((done.as_str(), &read["cats"]), (action, &cats), "{sent}");
    }
    assert_eq!(
        send(world, 2, &json!({"cats": ["category_1", "category_2"]})).1["cats"],
        json!(["category_1", "category_2"])
    );
}

fn what_is_read_can_be_posted_again(world: &World) {
    let all = json!({"status": "suspended", "priority": 0, "cats": ["category_1"], "custom_fields": {"source": ""}});
    let record = json!({
        "email": "a@example.com", "phones": ["+79000000001", "+79000000002"], "_fname": "Ann", "_sex": 2, "_status": 5,
        "_bdate": "2001-12-31", "_ip": "2001:DB8::1", "_tz": "UTC", "Custom_ID": 1, "city": "", "loyalty_points": 0,
        "score": "1.50", "vip": false, "plan": 3, "birthday": "2001-12-31T00:00:00Z", "last_ip": "127.0.0.1",
        "interests": ["b", "a"], "address": {"a": {"b": ["1", "2"]}}, "orders": [{"id": "1"}], "crm_code": " x ",
        "subscriptions": [
            email("a@example.com", &all), email("b@example.com", &json!({})),
            {"channel": "telegram_bot", "resource_id": 28, "cc_data": {"id": 5}},
            {"channel": "push", "resource_id": 28, "push_data": {"provider": "Firefox", "subscription_id": "x"}, "status": 1},
        ],
    });
    made(world, std::slice::from_ref(&record));
    let read = by_id(world, 1);
    for parameters in
        [custom_id(), json!({}), json!({"matching": "profile_id"}), json!({"matching": "email_phone_sub"})]
    {
        for again in [&record, &read] {
            let mut again = again.clone();
            again["profile_id"] = read["profile_id"].clone();
            let result = &world.import_all(parameters.clone(), &[again])[0];
            assert_eq!(
                (&result["action"], result.get("warnings")),
                (&json!("unchanged"), None),
                "{parameters}: {result}"
            );
        }
    }
    assert_eq!(by_id(world, 1), read);
}
