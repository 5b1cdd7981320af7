//! Section 5 and 6: fields of subscriptions: every type, every function, and what is refused.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, by_id, custom_id, regional, warnings};

in_both_formats!(
    with regional:
    each_type_takes_values_and_functions,
    what_a_field_refuses_makes_its_subscription_invalid,
    a_result_that_cannot_be_stored_makes_its_subscription_invalid,
);

fn subscribed(id: usize, name: &str, value: &Value) -> Value {
    json!({"Custom_ID": id, "subscriptions": [subscription(&json!({ name: value }))]})
}

fn subscription(fields: &Value) -> Value {
    json!({"channel": "email", "resource_id": 28, "email": "s@example.com", "custom_fields": fields})
}

fn act(action: &str, value: &Value) -> Value {
    json!({"action": action, "value": value})
}

/// A field, what is sent first (null: nothing) and second, what it holds after each.
type Row = (&'static str, Value, Value, Value, Value);

fn rows(world: &World) -> Vec<Row> {
    let inside = |value| world.inside_objects(value);
    let unset = || json!({"action": "unset"});
    let upsert = |path: &str, value: &str| json!({"action": "upsert", "submatch": path, "value": value});
    vec![
        ("int", json!("7"), act("incr", &json!("-2")), json!(7), json!(5)),
        ("int", json!(7), unset(), json!(7), Value::Null),
        ("int", Value::Null, act("incr", &json!(3)), Value::Null, json!(3)),
        ("float", json!("0.5"), act("incr", &json!(0.25)), json!(0.5), json!(0.75)),
        ("string", json!("a"), act("set", &json!("b")), json!("a"), json!("b")),
        ("date", json!("2001-12-31"), json!("2002-12-31"), json!("2001-12-31"), json!("2002-12-31")),
        ("bool", json!("1"), act("set", &json!(false)), json!(true), json!(false)),
        ("enum", json!(2), act("set", &json!("team")), json!("pro"), json!("team")),
        ("ip", json!("2001:DB8::1"), unset(), json!("2001:db8::1"), Value::Null),
        ("tags", json!("a, b"), act("add", &json!(["c"])), json!(["a", "b"]), json!(["a", "b", "c"])),
        ("tags", json!(["a", "b"]), act("delete", &json!(["a"])), json!(["a", "b"]), json!(["b"])),
        ("tags", Value::Null, act("add", &json!(["a"])), Value::Null, json!(["a"])),
        ("tags", Value::Null, act("delete", &json!(["a"])), Value::Null, Value::Null),
        (
            "object",
            json!({"a": {"b": 1}}),
            upsert("a.c", "2"),
            inside(json!({"a": {"b": 1}})),
            inside(json!({"a": {"b": 1, "c": "2"}})),
        ),
        ("object", Value::Null, upsert("a", "2"), Value::Null, json!({"a": "2"})),
        (
            "arr_object",
            json!([{"id": "1"}]),
            act("add", &json!({"id": "2"})),
            json!([{"id": "1"}]),
            json!([{"id": "1"}, {"id": "2"}]),
        ),
        (
            "arr_object",
            json!([{"id": "1"}, {"n": "1"}]),
            upsert("id", "2"),
            json!([{"id": "1"}, {"n": "1"}]),
            json!([{"id": "2"}, {"n": "1"}]),
        ),
        (
            "arr_object",
            json!([{"id": "1"}, {"id": "2"}]),
            act("delete", &json!([{"id": "2"}])),
            json!([{"id": "1"}, {"id": "2"}]),
            json!([{"id": "1"}]),
        ),
    ]
}

fn each_type_takes_values_and_functions(world: &World) {
    let rows = rows(world);
    let fields = |id: i64| by_id(world, id)["subscriptions"][0]["custom_fields"].clone();
    let before: Vec<Value> = (0..)
        .zip(&rows)
        .filter(|(_, row)| !row.1.is_null())
        .map(|(id, row)| subscribed(id, row.0, &row.1))
        .collect();
    super::made(world, &before);
    for (id, row) in (0..).zip(&rows).filter(|(_, row)| !row.1.is_null()) {
        assert_eq!(fields(id), json!({row.0: row.3}), "{row:?}");
    }
    let after: Vec<Value> = (0..).zip(&rows).map(|(id, row)| subscribed(id, row.0, &row.2)).collect();
    super::made(world, &after);
    for (id, row) in (0..).zip(&rows) {
        assert_eq!(fields(id).get(row.0).unwrap_or(&Value::Null), &row.4, "{row:?}");
    }
    // Fields that are not sent stay.
    let both = json!({"Custom_ID": 100, "subscriptions": [subscription(&json!({"int": 1, "string": "a"}))]});
    super::made(world, &[both, subscribed(100, "int", &json!(2))]);
    assert_eq!(fields(100), json!({"int": 2, "string": "a"}));
}

fn what_a_field_refuses_makes_its_subscription_invalid(world: &World) {
    let rows = [
        ("int", json!("seven"), "", "whole number"),
        ("float", json!("x"), "", "100.5"),
        ("string", json!(["a", "b"]), "", "string"),
        ("date", json!("31.12.2001"), "", "YYYY-MM-DD"),
        ("bool", json!("yes"), "", "true or false"),
        ("enum", json!("gold"), "", "free, pro, team"),
        ("ip", json!("x"), "", "IPv4"),
        ("tags", json!(["a", {"b": "c"}]), "[1]", "string"),
        ("object", json!("x"), "", "object"),
        ("arr_object", json!([{"a": "b"}, "x"]), "[1]", "object"),
        ("nope", json!("x"), "", "no such subscription field"),
        ("int", act("add", &json!("1")), ".action", "allowed: set, unset, incr"),
        ("int", json!({"action": "incr"}), ".value", "number"),
        ("tags", act("incr", &json!("1")), ".action", "allowed: set, unset, add, delete"),
        ("object", act("upsert", &json!("x")), ".submatch", "keys"),
        ("enum", act("set", &json!("gold")), ".value", "free, pro, team"),
    ];
    let records: Vec<Value> = (0..).zip(&rows).map(|(id, row)| subscribed(id, row.0, &row.1)).collect();
    let results = world.import_all(custom_id(), &records);
    for (result, row) in results.iter().zip(&rows) {
        let path = format!("subscriptions[0].custom_fields.{}{}", row.0, row.2);
        assert_failed(result, "invalid_subscription", Some(&path), &[row.3], row);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    let mut skipping = custom_id();
    skipping["skip_invalid_subscriptions"] = json!(true);
    for (result, row) in world.import_all(skipping, &records).iter().zip(&rows) {
        let path = format!("subscriptions[0].custom_fields.{}{}", row.0, row.2);
        assert_eq!(result["action"], "created", "{row:?}: {result}");
        assert_eq!(warnings(result), [("subscription_skipped", path.as_str())], "{row:?}");
        assert!(result["warnings"][0]["text"].as_str().unwrap().contains(row.3), "{row:?}: {result}");
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM subscriptions"), 0);
}

fn a_result_that_cannot_be_stored_makes_its_subscription_invalid(world: &World) {
    super::made(world, &[subscribed(1, "int", &json!(i64::MAX))]);
    let mut more = subscribed(1, "int", &act("incr", &json!(1)));
    more["city"] = json!("Riga");
    let path = "subscriptions[0].custom_fields.int";
    let result = &world.import_all(custom_id(), std::slice::from_ref(&more))[0];
    assert_failed(result, "invalid_subscription", Some(path), &["64 bits"], &more);
    assert_eq!(by_id(world, 1).get("city"), None);
    let mut skipping = custom_id();
    skipping["skip_invalid_subscriptions"] = json!("true");
    let result = &world.import_all(skipping, &[more])[0];
    assert_eq!(result["action"], "updated", "{result}");
    assert_eq!(warnings(result), [("subscription_skipped", path)]);
    let read = by_id(world, 1);
    assert_eq!(
        (&read["city"], &read["subscriptions"][0]["custom_fields"]["int"]),
        (&json!("Riga"), &json!(i64::MAX))
    );
}
