//! Section 5: functions in the place of values, on profiles that are there and on new ones.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, by_id, custom_id};

in_both_formats!(
    each_function_does_its_work_on_each_type,
    a_result_that_cannot_be_stored_fails_the_record,
    a_function_that_lacks_something_is_told,
    an_action_that_a_type_does_not_take_is_told,
    one_record_after_the_other,
    what_is_set_is_matched_by_and_nothing_else_is,
);

fn set(value: &Value) -> Value {
    json!({"action": "set", "value": value})
}

fn act(action: &str, value: &Value) -> Value {
    json!({"action": action, "value": value})
}

fn at(action: &str, path: &str, value: &Value) -> Value {
    json!({"action": action, "submatch": path, "value": value})
}

/// A field, what it holds before (null: nothing), the function, what it holds after.
type Row = (&'static str, Value, Value, Value);

fn plain() -> Vec<Row> {
    let unset = || json!({"action": "unset"});
    let mut rows =
        vec![("email", json!("a@example.com"), set(&json!("B@example.com")), json!("b@example.com"))];
    for (field, before, after) in [
        ("phones", json!(["+79000000001"]), json!(["+79000000002"])),
        ("_fname", json!("Ann"), json!("Eve")),
        ("_bdate", json!("2001-12-31"), json!("2002-12-31")),
        ("_sex", json!("male"), json!("female")),
        ("_status", json!("subscribed"), json!("suspended")),
        ("_ip", json!("127.0.0.1"), json!("127.0.0.2")),
        ("_tz", json!("UTC"), json!("Europe/Riga")),
        ("loyalty_points", json!(1), json!(2)),
        ("score", json!(1.5), json!(2.5)),
        ("city", json!("Riga"), json!("Oslo")),
        ("birthday", json!("2001-12-31"), json!("2002-12-31")),
        ("vip", json!(true), json!(false)),
        ("plan", json!("free"), json!("team")),
        ("last_ip", json!("127.0.0.1"), json!("::1")),
        ("interests", json!(["a"]), json!(["b", "c"])),
        ("address", json!({"a": "b"}), json!({"c": "d"})),
        ("orders", json!([{"a": "b"}]), json!([{"c": "d"}])),
        ("crm_code", json!("before"), json!("after")),
    ] {
        rows.push((field, before.clone(), set(&after), after.clone()));
        rows.push((field, Value::Null, set(&after), after));
        rows.push((field, before, unset(), Value::Null));
        rows.push((field, Value::Null, unset(), Value::Null));
    }
    // A unique value can be in one row only.
    for (number, (_, before, function, after)) in
        rows.iter_mut().filter(|row| row.0 == "crm_code").enumerate()
    {
        for value in [before, after, &mut function["value"]] {
            if let Value::String(text) = value {
                text.push_str(&number.to_string());
            }
        }
    }
    rows
}

/// Numbers and sets.
fn counted() -> Vec<Row> {
    let add = |value: Value| act("add", &value);
    let delete = |value: Value| act("delete", &value);
    vec![
        ("loyalty_points", json!(40), act("incr", &json!(2)), json!(42)),
        ("loyalty_points", json!(40), act("incr", &json!("-42")), json!(-2)),
        ("loyalty_points", Value::Null, act(" incr ", &json!(5)), json!(5)),
        ("score", json!(0.5), act("incr", &json!("0.25")), json!(0.75)),
        ("score", Value::Null, act("incr", &json!(-1.5)), json!(-1.5)),
        ("interests", json!(["a", "b"]), add(json!(["b", "c"])), json!(["a", "b", "c"])),
        ("interests", json!(["a"]), add(json!("b, c")), json!(["a", "b", "c"])),
        ("interests", Value::Null, add(json!(["a"])), json!(["a"])),
        ("interests", json!(["a", "b", "c"]), delete(json!(["a", "x", "c"])), json!(["b"])),
        ("interests", json!(["a", "b"]), delete(json!("b")), json!(["a"])),
        ("interests", Value::Null, delete(json!(["a"])), Value::Null),
        (
            "phones",
            json!(["+79000000011"]),
            add(json!("+7 900 0000012")),
            json!(["+79000000011", "+79000000012"]),
        ),
        ("phones", Value::Null, add(json!(["+79000000013"])), json!(["+79000000013"])),
        (
            "phone",
            json!(["+79000000014"]),
            add(json!("+79000000017")),
            json!(["+79000000014", "+79000000017"]),
        ),
        (
            "phones",
            json!(["+79000000015", "+79000000016"]),
            delete(json!(["+7 (900) 000-00-15"])),
            json!(["+79000000016"]),
        ),
        ("phones", Value::Null, delete(json!(["+79000000015"])), Value::Null),
    ]
}

/// Objects, and arrays of them.
fn nested(world: &World) -> Vec<Row> {
    let inside = |value| world.inside_objects(value);
    let add = |value: Value| act("add", &value);
    let delete = |value: Value| act("delete", &value);
    let orders =
        || json!([{"id": "1", "to": {"city": "Riga"}}, {"id": "2"}, {"n": "3", "to": {"city": "Oslo"}}]);
    vec![
        ("orders", json!([{"id": "1"}]), add(json!({"id": "1"})), json!([{"id": "1"}, {"id": "1"}])),
        (
            "orders",
            json!([{"id": "1"}]),
            add(json!([{"id": "2"}, {"id": 3}])),
            inside(json!([{"id": "1"}, {"id": "2"}, {"id": 3}])),
        ),
        ("orders", Value::Null, add(json!([{"id": "1"}])), json!([{"id": "1"}])),
        ("orders", json!([{"id": "1"}, {"id": "2"}]), delete(json!({"id": "1"})), json!([{"id": "2"}])),
        ("orders", Value::Null, delete(json!([{"id": "1"}])), Value::Null),
        ("orders", orders(), at("delete", "id", &json!("2")), json!([orders()[0], orders()[2]])),
        ("orders", orders(), at("delete", "to.city", &json!(["Riga", "Oslo"])), json!([orders()[1]])),
        (
            "orders",
            orders(),
            at("upsert", "to.city", &json!("Bergen")),
            json!([
                {"id": "1", "to": {"city": "Bergen"}}, {"id": "2"}, {"n": "3", "to": {"city": "Bergen"}},
            ]),
        ),
        ("orders", Value::Null, at("upsert", "id", &json!("1")), Value::Null),
        (
            "address",
            json!({"a": "1", "b": {"c": "2"}}),
            at("upsert", "b.d", &json!("3")),
            json!({"a": "1", "b": {"c": "2", "d": "3"}}),
        ),
        (
            "address",
            json!({"a": "1"}),
            at("upsert", "a.b", &json!({"c": ["x", "y"]})),
            json!({"a": {"b": {"c": ["x", "y"]}}}),
        ),
        ("address", Value::Null, at("upsert", "street.name", &json!("X")), json!({"street": {"name": "X"}})),
        // An object that only looks like a function is a value.
        (
            "address",
            Value::Null,
            json!({"action": "set", "value": "x", "more": "y"}),
            json!({"action": "set", "value": "x", "more": "y"}),
        ),
        (
            "address",
            Value::Null,
            json!({"action": "dance", "value": "x"}),
            json!({"action": "dance", "value": "x"}),
        ),
    ]
}

fn each_function_does_its_work_on_each_type(world: &World) {
    let rows = [plain(), counted(), nested(world)].concat();
    let before: Vec<Value> = (0..)
        .zip(&rows)
        .filter(|(_, row)| !row.1.is_null())
        .map(|(id, (field, before, ..))| json!({"Custom_ID": id, *field: before}))
        .collect();
    super::made(world, &before);
    let after: Vec<Value> = (0..)
        .zip(&rows)
        .map(|(id, (field, _, function, _))| json!({"Custom_ID": id, *field: function}))
        .collect();
    let results = world.import_all(custom_id(), &after);
    for (id, (row, result)) in (0..).zip(rows.iter().zip(&results)) {
        let (field, before, _, wanted) = row;
        assert_eq!(result["error"], 0, "{row:?}: {result}");
        assert_eq!(result["action"] == "created", before.is_null(), "{row:?}: {result}");
        let name = if *field == "phone" { "phones" } else { field };
        assert_eq!(by_id(world, id).get(name).unwrap_or(&Value::Null), wanted, "{row:?}");
    }
}

fn a_result_that_cannot_be_stored_fails_the_record(world: &World) {
    let many: Vec<Value> = (0..9_999).map(|n| json!({"n": n})).collect();
    super::made(
        world,
        &[
            json!({"Custom_ID": 1, "loyalty_points": i64::MAX}),
            json!({"Custom_ID": 2, "score": "1e308"}),
            json!({"Custom_ID": 3, "orders": many}),
        ],
    );
    let rows = [
        (json!({"Custom_ID": 1, "loyalty_points": act("incr", &json!(1))}), "loyalty_points", "64 bits"),
        (json!({"Custom_ID": 2, "score": act("incr", &json!("1e308"))}), "score", "64-bit float"),
        (json!({"Custom_ID": 3, "orders": act("add", &json!([{"n": "a"}, {"n": "b"}]))}), "orders", "10000"),
    ];
    for (record, field, told) in rows {
        let mut record = record;
        record["city"] = json!("Riga");
        let result = &world.import_all(custom_id(), std::slice::from_ref(&record))[0];
        assert_failed(result, "out_of_range", Some(field), &[told], &record);
        let id = record["Custom_ID"].as_i64().unwrap();
        assert_eq!(by_id(world, id).get("city"), None, "nothing of {record} is kept");
    }
}

/// A field, what is sent, the code, the path below the field, and what the text tells.
type Refused = (&'static str, Value, &'static str, &'static str, &'static str);

fn assert_refused(world: &World, rows: &[Refused]) {
    let records: Vec<Value> =
        (0..).zip(rows).map(|(id, row)| json!({"Custom_ID": id, row.0: row.1})).collect();
    let results = world.import_all(custom_id(), &records);
    for ((field, sent, code, below, told), result) in rows.iter().zip(&results) {
        assert_failed(result, code, Some(&format!("{field}{below}")), &[told], &(field, sent));
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}

fn a_function_that_lacks_something_is_told(world: &World) {
    let rows = [
        ("email", json!({"action": "unset"}), "invalid_action", ".action", "allowed: set"),
        ("loyalty_points", json!({"action": "incr"}), "invalid_action", ".value", "a number"),
        ("loyalty_points", json!({"action": "set"}), "invalid_action", ".value", "the value to store"),
        ("loyalty_points", act("incr", &json!("many")), "invalid_type", ".value", "whole number"),
        ("loyalty_points", act("incr", &json!(1.5)), "invalid_type", ".value", "whole number"),
        ("score", act("incr", &json!("x")), "invalid_type", ".value", "100.5"),
        ("plan", set(&json!("gold")), "invalid_enum", ".value", "free, pro, team"),
        ("_bdate", set(&json!("x")), "invalid_date", ".value", "YYYY-MM-DD"),
        ("interests", json!({"action": "add"}), "invalid_action", ".value", "array"),
        ("interests", act("add", &json!({"a": "b"})), "invalid_type", ".value", "array of strings"),
        ("interests", act("delete", &json!(["a", {"b": "c"}])), "invalid_type", ".value[1]", "string"),
        ("phones", act("add", &json!(["12345"])), "invalid_phone", ".value[0]", "country code"),
        ("orders", act("add", &json!("x")), "invalid_type", ".value", "array of objects"),
        ("orders", json!({"action": "delete"}), "invalid_action", ".value", "array"),
        ("orders", json!({"action": "delete", "submatch": "id"}), "invalid_action", ".value", "compare"),
        ("orders", act("upsert", &json!("x")), "invalid_action", ".submatch", "keys"),
        ("address", act("upsert", &json!("x")), "invalid_action", ".submatch", "keys"),
        (
            "address",
            json!({"action": "upsert", "submatch": "a"}),
            "invalid_action",
            ".value",
            "the value to set",
        ),
        ("address", at("upsert", "a..b", &json!("x")), "invalid_action", ".submatch", "dots"),
        ("city", json!({"action": "unset", "value": "x"}), "invalid_action", ".value", "allowed: action"),
        (
            "interests",
            at("delete", "a", &json!("x")),
            "invalid_action",
            ".submatch",
            "allowed: action, value",
        ),
        (
            "loyalty_points",
            json!({"action": "incr", "value": "1", "by": "2"}),
            "invalid_action",
            ".by",
            "allowed: action, value",
        ),
        (
            "address",
            at("upsert", &vec!["a"; 32].join("."), &json!("x")),
            "invalid_action",
            ".submatch",
            "32 levels",
        ),
    ];
    assert_refused(world, &rows);
    // A function beside the other spelling of the same list could be done in either order.
    let both =
        json!({"Custom_ID": 1000, "phone": act("add", &json!("+79000000001")), "phones": ["+79000000002"]});
    let result = &world.import_all(custom_id(), std::slice::from_ref(&both))[0];
    assert_failed(result, "invalid_action", Some("phone"), &["`phones`"], &both);
}

fn an_action_that_a_type_does_not_take_is_told(world: &World) {
    let action = |action: &str| json!({"action": action, "value": "1", "submatch": "a"});
    let mut rows: Vec<Refused> = Vec::new();
    let numbers = "allowed: set, unset, incr";
    let others = "allowed: set, unset";
    for (field, allowed, refused) in [
        ("loyalty_points", numbers, vec!["add", "delete", "upsert", "decr", ""]),
        ("score", numbers, vec!["add", "delete", "upsert"]),
        ("interests", "allowed: set, unset, add, delete", vec!["incr", "upsert"]),
        ("phones", "allowed: set, unset, add, delete", vec!["incr", "upsert"]),
        ("orders", "allowed: set, unset, add, delete, upsert", vec!["incr", "dance"]),
        ("address", "allowed: set, unset, upsert", vec!["incr", "add", "delete"]),
        ("email", "allowed: set", vec!["incr", "add", "delete", "upsert", "unset"]),
        ("city", others, vec!["incr", "add", "delete", "upsert", "SET"]),
        ("birthday", others, vec!["incr"]),
        ("vip", others, vec!["incr"]),
        ("plan", others, vec!["incr"]),
        ("last_ip", others, vec!["add"]),
        ("_sex", others, vec!["incr"]),
        ("_status", others, vec!["incr"]),
        ("_tz", others, vec!["upsert"]),
        ("_fname", others, vec!["delete"]),
        ("crm_code", others, vec!["add"]),
    ] {
        rows.extend(
            refused.into_iter().map(|word| (field, action(word), "invalid_action", ".action", allowed)),
        );
    }
    assert_refused(world, &rows);
}

fn one_record_after_the_other(world: &World) {
    let incr = json!({"Custom_ID": 1, "loyalty_points": act("incr", &json!(1)), "interests": act("add", &json!(["a"]))});
    let mut records = vec![incr; 1200];
    records.push(json!({"Custom_ID": 1, "loyalty_points": act("incr", &json!("x"))}));
    let results = world.import_all(custom_id(), &records);
    assert_failed(
        &results[1200],
        "invalid_type",
        Some("loyalty_points.value"),
        &["whole number"],
        &records[1200],
    );
    let read = by_id(world, 1);
    assert_eq!((&read["loyalty_points"], &read["interests"]), (&json!(1200), &json!(["a"])));
}

fn what_is_set_is_matched_by_and_nothing_else_is(world: &World) {
    let stored =
        json!({"Custom_ID": 1, "email": "a@example.com", "phones": ["+79000000001"], "interests": ["a"]});
    let ids = super::made(world, &[stored]);
    let custom = |field: &str| json!({"matching": "custom", "field_name": field});
    for (parameters, field, value, other) in [
        (json!({}), "email", json!(" A@example.com"), None),
        (json!({"matching": "phone"}), "phones", json!(["+7 900 000 00 01"]), Some("add")),
        (custom("Custom_ID"), "Custom_ID", json!("1"), Some("incr")),
        (custom("interests"), "interests", json!("a"), Some("add")),
    ] {
        let record = json!({ field: set(&value), "city": "Riga" });
        super::assert_means(world, &parameters, &[(record, Some(&ids[0]))]);
        for function in other.map(|other| act(other, &value)).into_iter().chain([json!({"action": "unset"})])
        {
            if (field, &function["action"]) == ("email", &json!("unset")) {
                continue;
            }
            let record = json!({ field: function });
            let result = &world.import_all(parameters.clone(), std::slice::from_ref(&record))[0];
            let told = ["no value to match by", "only `set` (or a plain value) gives one"];
            assert_failed(result, "missing_match_value", Some(field), &told, &record);
        }
    }
}
