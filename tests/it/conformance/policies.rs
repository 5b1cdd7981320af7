//! Section 2: what becomes of unknown fields, of nulls, and of invalid subscriptions.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, by_id, custom_id, made, warnings};

in_both_formats!(
    unknown_fields_are_rejected_or_dropped_and_never_silently,
    nulls_are_ignored_cleared_or_rejected,
    nulls_in_subscriptions_are_told_too,
    flags_are_off_by_default_and_have_their_spellings,
);

fn with(mut parameters: Value, name: &str, value: &Value) -> Value {
    parameters[name] = value.clone();
    parameters
}

fn unknown_fields_are_rejected_or_dropped_and_never_silently(world: &World) {
    let push = json!({"channel": "push", "resource_id": 28, "provider": "Firefox", "subscription_id": "x"});
    let odd = with(push.clone(), "colour", &json!("red"));
    let nested =
        json!({"channel": "sms", "resource_id": 28, "phone_data": {"phone": "+79000000001", "kind": "old"}});
    let custom = with(push.clone(), "custom_fields", &json!({"nope": "x"}));
    let rows = [
        (json!({"nickname": "x"}), "unknown_field", "nickname"),
        (json!({"_unknown": {"a": "b"}}), "unknown_field", "_unknown"),
        (json!({"provider": "x"}), "unknown_field", "provider"),
        (json!({"subscriptions": [odd]}), "invalid_subscription", "subscriptions[0].colour"),
        (
            json!({"subscriptions": [push, nested]}),
            "invalid_subscription",
            "subscriptions[1].phone_data.kind",
        ),
        (json!({"subscriptions": [custom]}), "invalid_subscription", "subscriptions[0].custom_fields.nope"),
    ];
    for (id, (record, code, field)) in (0..).zip(rows) {
        let record = with(with(record, "Custom_ID", &json!(id)), "city", &json!("Riga"));
        let records = std::slice::from_ref(&record);
        for parameters in [custom_id(), with(custom_id(), "unknown_fields", &json!("reject"))] {
            let result = &world.import_all(parameters, records)[0];
            assert_failed(result, code, Some(field), &["no such"], &record);
        }
        let result = &world.import_all(with(custom_id(), "unknown_fields", &json!(" ignore ")), records)[0];
        assert_eq!(result["action"], "created", "{record}: {result}");
        assert_eq!(warnings(result), [("field_ignored", field)], "{record}");
        let read = by_id(world, id);
        assert_eq!(read["city"], "Riga", "{record}");
        let sent = record["subscriptions"].as_array().map_or(0, Vec::len);
        assert_eq!(read["subscriptions"].as_array().map_or(0, Vec::len), sent, "{record}");
    }
}

fn nulls_are_ignored_cleared_or_rejected(world: &World) {
    let stored = json!({
        "email": "n@example.com", "phones": ["+79000000001"], "_fname": "Ann", "_bdate": "2001-12-31", "_sex": "male",
        "_status": "subscribed", "_ip": "127.0.0.1", "_tz": "UTC", "city": "Riga", "loyalty_points": 1, "score": 1.5,
        "vip": true, "plan": "pro", "birthday": "2001-12-31", "last_ip": "127.0.0.1", "interests": ["a"],
        "address": {"a": "b"}, "orders": [{"a": "b"}], "crm_code": "X",
    });
    let fields = stored.as_object().unwrap();
    let mut records: Vec<Value> = vec![with(stored.clone(), "Custom_ID", &json!(1))];
    made(world, &records);
    records.clear();
    records.extend(fields.keys().map(|name| json!({"Custom_ID": 1, name: null})));
    for parameters in [custom_id(), with(custom_id(), "nulls", &json!("ignore"))] {
        for (result, name) in world.import_all(parameters, &records).iter().zip(fields.keys()) {
            assert_eq!(result["action"], "unchanged", "{name}: {result}");
            assert_eq!(warnings(result), [("null_ignored", name.as_str())]);
        }
    }
    let rejecting = with(custom_id(), "nulls", &json!("reject"));
    for ((result, record), name) in
        world.import_all(rejecting, &records).iter().zip(&records).zip(fields.keys())
    {
        assert_failed(result, "null_not_allowed", Some(name), &["null"], record);
    }
    let read = by_id(world, 1);
    assert!(fields.iter().all(|(name, value)| read[name] == *value), "{read}");
    let clearing = with(custom_id(), "nulls", &json!("clear"));
    for (result, name) in world.import_all(clearing.clone(), &records).iter().zip(fields.keys()) {
        assert_eq!(
            (&result["action"], warnings(result)),
            (&json!("updated"), Vec::new()),
            "{name}: {result}"
        );
    }
    let read = by_id(world, 1);
    assert!(fields.keys().all(|name| read.get(name).is_none()), "{read}");
    // Where there was nothing, nothing changes; and the value to match by cannot be null.
    let result =
        &world.import_all(clearing.clone(), &[json!({"Custom_ID": 1, "phone": null, "city": null})])[0];
    assert_eq!(result["action"], "unchanged");
    let nobody = json!({"Custom_ID": null});
    let result = &world.import_all(clearing, std::slice::from_ref(&nobody))[0];
    assert_failed(result, "missing_match_value", Some("Custom_ID"), &["`Custom_ID`"], &nobody);
}

fn nulls_in_subscriptions_are_told_too(world: &World) {
    let email = json!({"channel": "email", "resource_id": 28, "email": "s@example.com"});
    let mut full = email.clone();
    full["status"] = json!("unsubscribed");
    full["priority"] = json!(3);
    full["cats"] = json!(["category_1"]);
    full["custom_fields"] = json!({"source": "web", "custom_field": "x"});
    made(world, &[json!({"Custom_ID": 1, "subscriptions": [full]})]);
    let before = by_id(world, 1)["subscriptions"].clone();
    let rows = [
        (json!({"Custom_ID": 1, "subscriptions": null}), "null_not_allowed", "subscriptions"),
        (
            json!({"Custom_ID": 1, "subscriptions": [with(email.clone(), "status", &Value::Null)]}),
            "invalid_subscription",
            "subscriptions[0].status",
        ),
        (
            json!({"Custom_ID": 1, "subscriptions": [with(email.clone(), "priority", &Value::Null)]}),
            "invalid_subscription",
            "subscriptions[0].priority",
        ),
        (
            json!({"Custom_ID": 1, "subscriptions": [with(email.clone(), "cats", &Value::Null)]}),
            "invalid_subscription",
            "subscriptions[0].cats",
        ),
        (
            json!({"Custom_ID": 1, "subscriptions": [with(email.clone(), "custom_fields", &Value::Null)]}),
            "invalid_subscription",
            "subscriptions[0].custom_fields",
        ),
        (
            json!({"Custom_ID": 1, "subscriptions": [with(email.clone(), "custom_fields", &json!({"source": null}))]}),
            "invalid_subscription",
            "subscriptions[0].custom_fields.source",
        ),
    ];
    for (record, code, field) in &rows {
        let records = std::slice::from_ref(record);
        let result = &world.import_all(custom_id(), records)[0];
        assert_eq!(
            (&result["action"], warnings(result)),
            (&json!("unchanged"), vec![("null_ignored", *field)]),
            "{record}"
        );
        let result = &world.import_all(with(custom_id(), "nulls", &json!("reject")), records)[0];
        assert_failed(result, code, Some(field), &["null"], record);
    }
    assert_eq!(by_id(world, 1)["subscriptions"], before);
    // A field of a subscription can be cleared; the subscription itself, and what it always has, cannot.
    let clearing = with(custom_id(), "nulls", &json!("clear"));
    let (record, ..) = &rows[5];
    assert_eq!(world.import_all(clearing.clone(), std::slice::from_ref(record))[0]["action"], "updated");
    assert_eq!(by_id(world, 1)["subscriptions"][0]["custom_fields"], json!({"custom_field": "x"}));
    let result = &world.import_all(clearing, std::slice::from_ref(&rows[0].0))[0];
    assert_eq!(
        (&result["action"], warnings(result)),
        (&json!("unchanged"), vec![("null_ignored", "subscriptions")])
    );
}

fn flags_are_off_by_default_and_have_their_spellings(world: &World) {
    let off = [json!(false), json!("false"), json!(0), json!("0"), json!(" false "), Value::Null];
    let on = [json!(true), json!("true"), json!(1), json!("1"), json!("\n true ")];
    let bad = json!({"channel": "pigeon", "resource_id": 28});
    let record = json!({"Custom_ID": 1, "_ip": "203.0.113.1", "subscriptions": [bad]});
    let send = |name: &str, value: &Value| {
        world.import_all(with(custom_id(), name, value), std::slice::from_ref(&record)).remove(0)
    };
    let silent = json!({"Custom_ID": 2, "_ip": "203.0.113.1"});
    let locate = |value: &Value| {
        world.import_all(with(custom_id(), "detect_geo", value), std::slice::from_ref(&silent)).remove(0)
    };
    for value in &off {
        assert_failed(
            &send("skip_invalid_subscriptions", value),
            "invalid_subscription",
            Some("subscriptions[0].channel"),
            &[],
            value,
        );
        assert_eq!(warnings(&locate(value)), [], "{value}");
    }
    assert_failed(
        &world.import_all(custom_id(), std::slice::from_ref(&record))[0],
        "invalid_subscription",
        Some("subscriptions[0].channel"),
        &[],
        &"default",
    );
    for value in &on {
        let result = send("skip_invalid_subscriptions", value);
        assert_eq!(
            warnings(&result),
            [("subscription_skipped", "subscriptions[0].channel")],
            "{value}: {result}"
        );
        assert_eq!(warnings(&locate(value)), [("geo_unavailable", "_ip")], "{value}");
    }
    for value in off.iter().chain(&on) {
        for name in ["skip_triggers", "skip_invalid_subscriptions", "detect_geo"] {
            let result = &world.import_all(with(custom_id(), name, value), &[json!({"Custom_ID": 3})])[0];
            assert_eq!(result["error"], 0, "{name}: {value}: {result}");
        }
    }
}
