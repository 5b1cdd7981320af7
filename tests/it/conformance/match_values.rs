//! Section 2: match values beside `data`, for a record that carries none.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, assert_refused, by_id, made, warnings};

in_both_formats!(
    they_serve_the_only_record,
    they_change_nothing_of_whom_they_find,
    a_wrong_one_is_told_by_its_own_name,
    they_are_refused_beside_two_records,
    one_that_the_mode_has_no_use_for_is_told,
);

fn they_serve_the_only_record(world: &World) {
    let push =
        json!({"channel": "push", "resource_id": 28, "provider": "Firefox", "subscription_id": "token"});
    let chat = json!({"channel": "telegram_bot", "resource_id": 28, "cc_data": {"id": 5}});
    let stored = json!({
        "Custom_ID": 1, "email": "one@example.com", "phone": "+79000000001", "crm_code": "X", "interests": ["a", "b"],
        "subscriptions": [push, chat],
    });
    let id = &made(world, &[stored])[0];
    let rows = [
        json!({"email": " ONE@example.com"}),
        json!({"matching": "email_profile", "email": "one@example.com"}),
        json!({"matching": "phone", "phone": "+7 900 000-00-01"}),
        json!({"matching": "profile_id", "profile_id": id}),
        json!({"matching": "push_sub", "provider": "Firefox", "subscription_id": "token"}),
        json!({"matching": "custom", "field_name": "Custom_ID", "field_value": 1}),
        json!({"matching": "custom", "field_name": "Custom_ID", "field_value": "1"}),
        json!({"matching": "custom", "field_name": "crm_code", "field_value": "X"}),
        json!({"matching": "custom", "field_name": "interests", "field_value": "a, b"}),
        json!({"matching": "custom", "field_name": "interests", "field_value": ["b", "a"]}),
        json!({"matching": "custom_sub", "field_name": "id", "field_value": 5}),
        json!({"matching": "email_phone", "email": "one@example.com", "phone": "+79000000001"}),
        json!({"matching": "email_phone", "phone": "+79000000001"}),
    ];
    for (at, row) in rows.iter().enumerate() {
        let city = format!("city {at}");
        let result = &world.import_all(row.clone(), &[json!({"city": city})])[0];
        let met = (&result["action"], &result["profile_id"]);
        assert_eq!(met, (&json!("updated"), &json!(id)), "{row}: {result}");
        assert_eq!(by_id(world, 1)["city"], city, "{row}");
    }
    // A record's own value comes first.
    let own = json!({"email": "own@example.com", "city": "Riga"});
    let result = &world.import_all(json!({"email": "one@example.com"}), &[own])[0];
    assert_eq!(result["action"], "created");
    // Of a new profile the value becomes a field, where it is the value of one.
    let new = [
        (json!({"email": "new@example.com"}), json!({"email": "new@example.com"})),
        (json!({"matching": "phone", "phone": "+79000000009"}), json!({"phones": ["+79000000009"]})),
        (
            json!({"matching": "custom", "field_name": "Custom_ID", "field_value": "9"}),
            json!({"Custom_ID": 9}),
        ),
    ];
    for (parameters, field) in new {
        let result = &world.import_all(parameters.clone(), &[json!({"_fname": "New"})])[0];
        assert_eq!(result["action"], "created", "{parameters}: {result}");
        let read = &world.profiles(parameters.clone())[0];
        let (name, value) = field.as_object().unwrap().iter().next().unwrap();
        assert_eq!((&read[name], &read["_fname"]), (value, &json!("New")), "{parameters}");
    }
}

fn they_change_nothing_of_whom_they_find(world: &World) {
    let subscription = json!({"channel": "email", "resource_id": 28, "email": "sub@example.com"});
    let stored = json!({
        "Custom_ID": 1, "email": "own@example.com", "phones": ["+79000000001", "+79000000002"],
        "interests": ["red", "green", "blue"], "subscriptions": [subscription],
    });
    made(world, &[stored]);
    let rows = [
        json!({"matching": "phone", "phone": "+79000000002"}),
        json!({"matching": "custom", "field_name": "interests", "field_value": "red, green"}),
        json!({"matching": "email_sub", "email": "sub@example.com"}),
    ];
    for row in &rows {
        assert_eq!(
            world.import_all(row.clone(), &[json!({"_fname": row.to_string()})])[0]["action"],
            "updated"
        );
    }
    let read = by_id(world, 1);
    assert_eq!(read["email"], "own@example.com");
    assert_eq!(read["phones"], json!(["+79000000001", "+79000000002"]));
    assert_eq!(read["interests"], json!(["red", "green", "blue"]));
    // So a function of the record does what it says to the field that it was found by.
    let functions = [
        (&rows[0], json!({"phones": {"action": "add", "value": "+79000000003"}})),
        (&rows[1], json!({"interests": {"action": "delete", "value": "red"}})),
    ];
    for (row, record) in functions {
        assert_eq!(world.import_all(row.clone(), &[record])[0]["action"], "updated", "{row}");
    }
    let read = by_id(world, 1);
    assert_eq!(read["phones"], json!(["+79000000001", "+79000000002", "+79000000003"]));
    assert_eq!(read["interests"], json!(["green", "blue"]));
    // And one that the record makes needless is told of.
    let own = json!({"email": "own@example.com", "_fname": "Own"});
    let result = &world.import_all(json!({"email": "other@example.com"}), &[own])[0];
    assert_eq!(result["action"], "updated");
    assert_eq!(result["warnings"][0]["code"], "unknown_parameter", "{result}");
    assert_eq!(result["warnings"][0]["field"], "email");
}

fn a_wrong_one_is_told_by_its_own_name(world: &World) {
    for (parameters, code, field) in [
        (json!({"email": "nonsense"}), "invalid_email", "email"),
        (json!({"matching": "phone", "phone": "12345"}), "invalid_phone", "phone"),
        (
            json!({"matching": "custom", "field_name": "Custom_ID", "field_value": "x"}),
            "invalid_type",
            "field_value",
        ),
        (json!({"matching": "profile_id", "profile_id": "x"}), "profile_not_found", "profile_id"),
    ] {
        let result = &world.import_all(parameters.clone(), &[json!({"_fname": "X"})])[0];
        assert_failed(result, code, Some(field), &[], &parameters);
    }
}

fn they_are_refused_beside_two_records(world: &World) {
    let data = json!([{"email": "a@example.com"}, {"email": "b@example.com"}]);
    let values = [
        ("email", "x@example.com"),
        ("phone", "+79000000001"),
        ("profile_id", "x"),
        ("provider", "x"),
        ("subscription_id", "x"),
        ("field_value", "x"),
    ];
    for (name, value) in values {
        for matching in ["email", "phone", "custom"] {
            let mut body = json!({"db_id": 1, "matching": matching, "field_name": "Custom_ID", "data": data});
            body[name] = json!(value);
            let told = [name, "exactly one record", "2"];
            assert_refused(&world.import(&body), 400, &told, &(name, matching));
        }
    }
    for (name, value) in [("email", json!(["x"])), ("field_value", json!({"a": "b"}))] {
        let mut body = json!({"db_id": 1, "data": [{"email": "a@example.com"}]});
        body[name] = value;
        assert_refused(&world.import(&body), 400, &[name, "must be text"], &body);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}

fn one_that_the_mode_has_no_use_for_is_told(world: &World) {
    let rows = [
        (json!({"phone": "+79000000001"}), vec!["phone"]),
        (
            json!({"matching": "phone", "email": "x@example.com", "field_value": "x"}),
            vec!["field_value", "email"],
        ),
        (
            json!({"provider": "x", "subscription_id": "y", "profile_id": "z"}),
            vec!["profile_id", "provider", "subscription_id"],
        ),
        (json!({"field_name": "Custom_ID"}), vec!["field_name"]),
    ];
    for (parameters, names) in rows {
        let mut body = json!({"db_id": 1, "data": [{"email": "a@example.com", "phones": ["+79000000002"]}]});
        body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let status = world.completed(&world.import(&body).job_id());
        assert_eq!((&status["failed"], &status["warnings"]), (&json!(0), &json!(names.len())), "{status}");
        let told = json!({"warnings": status["job_warnings"]});
        let wanted: Vec<(&str, &str)> = names.iter().map(|name| ("unknown_parameter", *name)).collect();
        assert_eq!(warnings(&told), wanted, "{parameters}");
        let text = |warning: &Value| warning["text"].as_str().unwrap_or_default().contains("does not use it");
        assert!(status["job_warnings"].as_array().unwrap().iter().all(text), "{status}");
    }
}
