//! Sections 2 and 9: records that are none, or too deep, and what is echoed of a record. That each code of section 9 is
//! produced: codes/records.rs.

use intake_tests::{DEMO_TOKEN, Format, World, in_both_formats};
use serde_json::{Value, json};

use super::{IMPORT, assert_failed};

in_both_formats!(
    what_is_no_record_fails_alone,
    thirty_two_levels_are_taken_and_no_more,
    a_reference_is_echoed_and_not_stored,
);

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
        let path = format!("address{}", ".a".repeat(31));
        assert_failed(result, "too_deep", Some(&path), &["32 levels"], &levels);
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
        json!({"_ref": 17, "email": "n@example.com"}),
    ];
    let results = world.import_all(json!({}), &records);
    let echoed: Vec<_> = results.iter().map(|result| result.get("_ref").and_then(Value::as_str)).collect();
    assert_eq!(echoed, [Some("row 1"), Some("row 2"), Some(longest.as_str()), None, None, None, Some("17")]);
    assert_failed(&results[1], "missing_match_value", Some("email"), &[], &records[1]);
    for (result, record) in results[4..6].iter().zip(&records[4..6]) {
        assert_failed(
            result,
            "invalid_type",
            Some("_ref"),
            &["200 characters", "will not do", "or a number"],
            record,
        );
    }
    assert!(world.profiles(json!({"email": "r@example.com"}))[0].get("_ref").is_none());
}

#[test]
fn what_cannot_be_read_is_still_told_by_its_reference() {
    let world = World::start();
    let rows = [
        (format!(r#"{{"a":{}{},"_ref":"deep"}}"#, "[".repeat(40), "]".repeat(40)), "deep", "too_deep"),
        (format!(r#"{{"a":[{}],"_ref":"many"}}"#, vec!["1"; 50_001].join(",")), "many", "out_of_range"),
        (r#"{"a":1,"a":2,"_ref":"twice"}"#.to_owned(), "twice", "invalid_type"),
        (r#"{"city":"\ud800","_ref":"half"}"#.to_owned(), "half", "invalid_type"),
        (r#"{"\udc00":1,"_ref":"name"}"#.to_owned(), "name", "invalid_type"),
    ];
    let records: Vec<&str> = rows.iter().map(|(record, ..)| record.as_str()).collect();
    let body = format!(r#"{{"db_id":1,"data":[{}]}}"#, records.join(","));
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
    let job = world.post(IMPORT, &headers, body.as_bytes()).job_id();
    world.completed(&job);
    let results = world.results(&job);
    for (result, (_, reference, code)) in results.iter().zip(&rows) {
        assert_eq!((&result["_ref"], &result["code"]), (&json!(reference), &json!(code)), "{result}");
    }
    assert_eq!(results.len(), rows.len());
}
