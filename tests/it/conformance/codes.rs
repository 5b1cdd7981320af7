//! Section 9: each code that a record can end with, at least once, with its number, its path and its text; and records
//! that are none.

use intake_tests::{Format, World, in_both_formats};
use serde_json::{Value, json};

use super::{ADD, UPDATE, assert_failed, made};

in_both_formats!(
    each_code_is_told_with_its_number_path_and_text,
    what_is_no_record_fails_alone,
    thirty_two_levels_are_taken_and_no_more,
    a_reference_is_echoed_and_not_stored,
);

/// Parameters, a record, its code, its path, and what its text tells.
type Row<'a> = (Value, Value, &'static str, Option<&'static str>, &'a str);

fn rows(ids: &[String]) -> Vec<Row<'_>> {
    let subscription = json!({"channel": "email", "resource_id": 28, "email": "x"});
    let both = json!({"email": "a@example.com", "phone": "+79000000001"});
    let email = |name: &str, value: Value| json!({"email": "new@example.com", name: value});
    vec![
        (json!({}), json!({"city": "Riga"}), "missing_match_value", Some("email"), "`email`"),
        (json!({}), json!({"email": "a"}), "invalid_email", Some("email"), "\"a\" will not do"),
        (json!({}), email("phones", json!(["1"])), "invalid_phone", Some("phones[0]"), "\"1\" will not do"),
        (json!({}), email("Custom_ID", json!("x")), "invalid_type", Some("Custom_ID"), "\"x\" will not do"),
        (json!({}), email("birthday", json!("x")), "invalid_date", Some("birthday"), "\"x\" will not do"),
        (json!({}), email("last_ip", json!("x")), "invalid_ip", Some("last_ip"), "\"x\" will not do"),
        (json!({}), email("plan", json!("x")), "invalid_enum", Some("plan"), "\"x\" will not do"),
        (
            json!({}),
            email("Custom_ID", json!("1".repeat(30))),
            "out_of_range",
            Some("Custom_ID"),
            "whole number from",
        ),
        (
            json!({}),
            email("nickname", json!("x")),
            "unknown_field",
            Some("nickname"),
            "unknown_fields: ignore",
        ),
        (
            json!({"nulls": "reject"}),
            email("city", Value::Null),
            "null_not_allowed",
            Some("city"),
            "nulls: reject",
        ),
        (
            json!({}),
            email("city", json!({"action": "incr"})),
            "invalid_action",
            Some("city.action"),
            "set, unset",
        ),
        (
            json!({}),
            email("subscriptions", json!([subscription])),
            "invalid_subscription",
            Some("subscriptions[0].email"),
            "\"x\" will not do",
        ),
        (
            json!({"matching": "profile_id"}),
            json!({"profile_id": "x"}),
            "profile_not_found",
            Some("profile_id"),
            "\"x\"",
        ),
        (json!({"matching": "email_phone"}), both, "conflicting_match", None, &ids[1]),
        (json!({}), email("crm_code", json!("X")), "not_unique", Some("crm_code"), &ids[0]),
    ]
}

fn each_code_is_told_with_its_number_path_and_text(world: &World) {
    let first = json!({"Custom_ID": 1, "email": "a@example.com", "crm_code": "X", "loyalty_points": "9223372036854775807"});
    let ids = made(world, &[first, json!({"Custom_ID": 2, "phone": "+79000000001"})]);
    for (parameters, record, code, field, told) in rows(&ids) {
        let result = &world.import_all(parameters.clone(), std::slice::from_ref(&record))[0];
        assert_failed(result, code, field, &[told], &(parameters, record));
    }
    let known = json!({"email": "a@example.com"});
    let result = &world.batch_all(ADD, json!({}), std::slice::from_ref(&known))[0];
    assert_failed(result, "profile_exists", None, &[&ids[0]], &known);
    let unknown = json!({"email": "new@example.com"});
    let result = &world.batch_all(UPDATE, json!({}), std::slice::from_ref(&unknown))[0];
    assert_failed(result, "profile_not_found", None, &["`email`"], &unknown);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 2);
}

fn what_is_no_record_fails_alone(world: &World) {
    let mut records = vec![json!("text"), json!(null), json!({"email": "a@example.com"}), json!({})];
    if world.format() == Format::Json {
        // XML has neither numbers, nor flags, nor arrays in arrays.
        records.extend([json!(17), json!(true), json!([{"email": "a@example.com"}]), json!([])]);
    }
    let results = world.import_all(json!({}), &records);
    assert_eq!(results.len(), records.len());
    assert_eq!(results[2]["action"], "created");
    assert_failed(&results[3], "missing_match_value", Some("email"), &[], &records[3]);
    for (result, record) in results.iter().zip(&records).filter(|(_, record)| !record.is_object()) {
        assert_failed(result, "not_an_object", None, &["a record is an object"], record);
    }
}

fn thirty_two_levels_are_taken_and_no_more(world: &World) {
    let nested = |levels: usize| {
        let inner = (2..levels).fold(json!("x"), |inner, _| json!({ "a": inner }));
        json!({"_ref": format!("row {levels}"), "email": format!("{levels}@example.com"), "address": inner})
    };
    let records =
        [nested(31), nested(32), nested(33), nested(34), nested(40), json!({"email": "after@example.com"})];
    let results = world.import_all(json!({}), &records);
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_str()).collect();
    let deep = Some("too_deep");
    assert_eq!(codes, [None, None, None, deep, deep, None], "{results:?}");
    for (result, levels) in results[3..5].iter().zip([34, 40]) {
        assert_failed(result, "too_deep", None, &["32 levels"], &levels);
        assert_eq!(result["_ref"], format!("row {levels}"), "{result}");
    }
}

fn a_reference_is_echoed_and_not_stored(world: &World) {
    let longest = "я".repeat(200);
    let records = [
        json!({"_ref": "row 1", "email": "r@example.com"}),
        json!({"_ref": "row 2"}),
        json!({"_ref": longest, "email": "l@example.com"}),
        json!({"email": "none@example.com"}),
        json!({"_ref": format!("{longest}x"), "email": "x@example.com"}),
        json!({"_ref": {"a": "b"}, "email": "y@example.com"}),
    ];
    let results = world.import_all(json!({}), &records);
    let echoed: Vec<_> = results.iter().map(|result| result.get("_ref").and_then(Value::as_str)).collect();
    assert_eq!(echoed, [Some("row 1"), Some("row 2"), Some(longest.as_str()), None, None, None]);
    assert_failed(&results[1], "missing_match_value", Some("email"), &[], &records[1]);
    for (result, record) in results[4..].iter().zip(&records[4..]) {
        assert_failed(result, "invalid_type", Some("_ref"), &["200 characters"], record);
    }
    assert!(world.profiles(json!({"email": "r@example.com"}))[0].get("_ref").is_none());
}
