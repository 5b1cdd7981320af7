//! What is stored of a record, and how a wrong value is told.

use intake_tests::{DEMO_TOKEN, Format, World, in_both_formats};
use serde_json::json;

in_both_formats!(
    every_type_is_stored_and_read_back,
    a_wrong_value_fails_its_record_alone_and_names_the_field,
    records_that_are_no_objects_or_too_deep_fail_alone,
    nulls_and_unknown_fields_follow_their_policies,
    a_reference_is_echoed_and_not_stored,
    phone_stands_before_phones_however_they_are_sent,
);

fn every_type_is_stored_and_read_back(world: &World) {
    let record = json!({
        "email": "all@example.com", "phones": ["+79000000000", "+7 900 000-00-01"], "_fname": "Ünïcode ☃", "_bdate": "2001-12-31",
        "_sex": 1, "_status": "subscribed", "_tz": "Europe/Moscow", "_ip": "2001:DB8::1", "_postal_code": 190_000,
        "Custom_ID": "77", "city": "Riga", "loyalty_points": -5, "score": 100.5, "vip": "true", "plan": 2, "birthday": "2024-05-27T12:00:00Z",
        "last_ip": "127.0.0.1", "interests": "tag-1, tag-2", "address": {"street": {"name": "X"}, "n": 1}, "orders": [{"id": 1}],
    });
    let results = world.import_all(json!({}), std::slice::from_ref(&record));
    assert_eq!(results[0]["action"], "created", "{}", results[0]);
    let read = &world.profiles(json!({"matching": "email", "email": "all@example.com"}))[0];
    let wanted = json!({
        "email": "all@example.com", "phones": ["+79000000000", "+79000000001"], "_fname": "Ünïcode ☃", "_bdate": "2001-12-31",
        "_sex": "male", "_status": "subscribed", "_tz": "Europe/Moscow", "_ip": "2001:db8::1", "_postal_code": "190000",
        "Custom_ID": 77, "city": "Riga", "loyalty_points": -5, "score": 100.5, "vip": true, "plan": "pro", "birthday": "2024-05-27T12:00:00Z",
        "last_ip": "127.0.0.1", "interests": ["tag-1", "tag-2"],
        "address": world.inside_objects(json!({"street": {"name": "X"}, "n": 1})), "orders": world.inside_objects(json!([{"id": 1}])),
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&read[name], value, "{name}");
    }
    // What is read can be posted again, and changes nothing.
    assert_eq!(world.import_all(json!({}), std::slice::from_ref(read))[0]["action"], "unchanged");
    assert_eq!(world.import_all(json!({}), &[record])[0]["action"], "unchanged");
}

fn a_wrong_value_fails_its_record_alone_and_names_the_field(world: &World) {
    let mut wrong = vec![
        (json!({"email": "not an address"}), "invalid_email", "email"),
        (json!({"phones": ["+79000000000", "phone"]}), "invalid_phone", "phones[1]"),
        (json!({"Custom_ID": "seven"}), "invalid_type", "Custom_ID"),
        (json!({"_bdate": "2001-02-30"}), "invalid_date", "_bdate"),
        (json!({"last_ip": "300.1.1.1"}), "invalid_ip", "last_ip"),
        (json!({"plan": "gold"}), "invalid_enum", "plan"),
        (json!({"Custom_ID": "99999999999999999999"}), "out_of_range", "Custom_ID"),
        (json!({"nickname": "x"}), "unknown_field", "nickname"),
        (json!({"city": {"action": "incr", "value": 1}}), "invalid_action", "city.action"),
    ];
    if world.format() == Format::Json {
        // A character that XML cannot say.
        wrong.push((json!({"_fname": "a\u{0}b"}), "invalid_type", "_fname"));
    }
    let mut records = vec![json!({"email": "good0@example.com"})];
    for (index, (record, ..)) in wrong.iter().enumerate() {
        let mut record = record.clone();
        if record.get("email").is_none() {
            record["email"] = json!(format!("w{index}@example.com"));
        }
        records.push(record);
        records.push(json!({"email": format!("good{}@example.com", index + 1)}));
    }
    let results = world.import_all(json!({}), &records);
    for (result, (record, code, field)) in results.iter().skip(1).step_by(2).zip(&wrong) {
        assert_eq!((&result["code"], &result["field"]), (&json!(code), &json!(field)), "{record}: {result}");
        assert!(!result["error_text"].as_str().unwrap().is_empty());
    }
    assert!(results.iter().step_by(2).all(|result| result["action"] == "created"));
}

fn records_that_are_no_objects_or_too_deep_fail_alone(world: &World) {
    let deep = (0..40).fold(json!(1), |inner, _| json!({"a": inner}));
    let records = [
        json!(17),
        json!("text"),
        json!(null),
        json!({"email": "d@example.com", "address": deep}),
        json!({"email": "ok@example.com"}),
    ];
    let results = world.import_all(json!({}), &records);
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_str()).collect();
    let not_an_object = Some("not_an_object");
    assert_eq!(codes, [not_an_object, not_an_object, not_an_object, Some("too_deep"), None]);
}

#[test]
fn half_a_character_fails_its_record_alone() {
    let world = World::start();
    let body = r#"{"db_id":1,"data":[{"email":"\ud800@example.com"},{"email":"ok@example.com"}]}"#;
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
    let job = world.post("/api/v1.1/profiles/import_batch", &headers, body.as_bytes()).job_id();
    world.completed(&job);
    let results = world.results(&job);
    assert_eq!((&results[0]["code"], &results[1]["action"]), (&json!("invalid_type"), &json!("created")));
}

fn nulls_and_unknown_fields_follow_their_policies(world: &World) {
    world.import_all(json!({}), &[json!({"email": "n@example.com", "city": "Riga"})]);
    let record = json!({"email": "n@example.com", "city": null, "nickname": "x"});
    let city = || world.profiles(json!({"matching": "email", "email": "n@example.com"}))[0]["city"].clone();

    let kept = &world.import_all(json!({"unknown_fields": "ignore"}), std::slice::from_ref(&record))[0];
    assert_eq!(kept["action"], "unchanged");
    let codes: Vec<_> = kept["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]).collect();
    assert!(codes.contains(&&json!("null_ignored")) && codes.contains(&&json!("field_ignored")), "{kept}");
    assert_eq!(city(), "Riga");

    let refused = &world
        .import_all(json!({"unknown_fields": "ignore", "nulls": "reject"}), std::slice::from_ref(&record))[0];
    assert_eq!((&refused["code"], &refused["field"]), (&json!("null_not_allowed"), &json!("city")));
    let none = [json!({"email": "n@example.com", "subscriptions": null})];
    let refused = &world.import_all(json!({"nulls": "reject"}), &none)[0];
    assert_eq!((&refused["code"], &refused["field"]), (&json!("null_not_allowed"), &json!("subscriptions")));
    let kept = &world.import_all(json!({"nulls": "clear"}), &none)[0];
    assert_eq!(
        (&kept["action"], &kept["warnings"][0]["code"]),
        (&json!("unchanged"), &json!("null_ignored"))
    );
    let cleared = &world.import_all(json!({"unknown_fields": "ignore", "nulls": "clear"}), &[record])[0];
    assert_eq!(cleared["action"], "updated");
    assert!(city().is_null());
}

fn a_reference_is_echoed_and_not_stored(world: &World) {
    let results = world.import_all(
        json!({}),
        &[json!({"_ref": "row 1", "email": "r@example.com"}), json!({"_ref": "row 2"})],
    );
    assert_eq!((&results[0]["_ref"], &results[1]["_ref"]), (&json!("row 1"), &json!("row 2")));
    assert!(world.profiles(json!({"matching": "email", "email": "r@example.com"}))[0].get("_ref").is_none());
}

fn phone_stands_before_phones_however_they_are_sent(world: &World) {
    let records = [
        json!({"email": "a@example.com", "phone": "+79000000001", "phones": ["+79000000002"]}),
        json!({"email": "b@example.com", "phone": "+79000000001", "phones": "+79000000002"}),
        json!({"email": "c@example.com", "phone": "+79000000001"}),
    ];
    world.import_all(json!({}), &records);
    let phones =
        |email: &str| world.profiles(json!({"matching": "email", "email": email}))[0]["phones"].clone();
    assert_eq!(phones("a@example.com"), json!(["+79000000001", "+79000000002"]));
    assert_eq!(phones("b@example.com"), phones("a@example.com"));
    assert_eq!(phones("c@example.com"), json!(["+79000000001"]));
}
