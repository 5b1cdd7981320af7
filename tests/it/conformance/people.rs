//! Section 4: one person, several, none: what is made, met and refused.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{ADD, UPDATE, assert_failed, by_id, custom_id, made, warnings};

in_both_formats!(
    email_is_the_default_and_values_are_normalised,
    one_person_twice_in_a_batch_is_folded_in_order,
    several_matches_take_the_oldest_and_warn,
    a_record_without_a_match_value_fails_alone,
    add_batch_makes_and_update_batch_meets,
    a_unique_value_of_another_profile_fails_the_record,
);

fn actions(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["action"].as_str().unwrap_or("failed")).collect()
}

fn email_is_the_default_and_values_are_normalised(world: &World) {
    let spellings = [" John@EXAMPLE.com ", "john@example.com", "JOHN@example.COM"];
    let records = spellings.map(|spelling| json!({"email": spelling, "_fname": "John"}));
    let results = world.import_all(json!({}), &records);
    assert_eq!(actions(&results), ["created", "unchanged", "unchanged"]);
    assert_eq!(actions(&world.import_all(json!({"matching": " email "}), &records)), ["unchanged"; 3]);
    let john = &world.profiles(json!({"matching": "email", "email": "JOHN@example.com"}))[0];
    assert_eq!((&john["email"], &john["_fname"]), (&json!("john@example.com"), &json!("John")));
    let domains = ["user@пример.рф", "user@ПРИМЕР.РФ", "user@xn--e1afmkfd.xn--p1ai"];
    let results = world.import_all(json!({}), &domains.map(|address| json!({"email": address})));
    assert_eq!(actions(&results), ["created", "unchanged", "unchanged"]);
    let numbers = ["+7 (999) 123-45-67", "+79991234567", " +7-999-123-45-67 "];
    let results =
        world.import_all(json!({"matching": "phone"}), &numbers.map(|number| json!({"phone": number})));
    assert_eq!(actions(&results), ["created", "unchanged", "unchanged"]);
    let ids = [json!({"Custom_ID": 77}), json!({"Custom_ID": "77"}), json!({"Custom_ID": " 077 "})];
    assert_eq!(actions(&world.import_all(custom_id(), &ids)), ["created", "unchanged", "unchanged"]);
    // An odd number has no spelling to be found by.
    let wrong = json!({"phone": "89991234567"});
    let result = &world.import_all(json!({"matching": "phone"}), std::slice::from_ref(&wrong))[0];
    assert_failed(result, "invalid_phone", Some("phone"), &["+ and country code"], &wrong);
}

fn one_person_twice_in_a_batch_is_folded_in_order(world: &World) {
    let records: Vec<Value> = (0..2500)
        .map(|n| json!({"Custom_ID": n % 3, "loyalty_points": n, "city": format!("{}", n % 2)}))
        .collect();
    let results = world.import_all(custom_id(), &records);
    assert_eq!(actions(&results)[..3], ["created"; 3]);
    assert!(actions(&results)[3..].iter().all(|action| *action == "updated"));
    for (id, points, city) in [(0, 2499, "1"), (1, 2497, "1"), (2, 2498, "0")] {
        let read = by_id(world, id);
        assert_eq!((&read["loyalty_points"], &read["city"]), (&json!(points), &json!(city)), "{id}");
    }
    // By any value that the first gave him, and whatever became of others in between.
    let email = |address: &str| json!({"channel": "email", "resource_id": 28, "email": address});
    let records = [
        json!({"email": "x@example.com", "subscriptions": [email("y@example.com")]}),
        json!({"email": "x@example.com", "_tz": "nowhere"}),
        json!({"email": "y@example.com", "_fname": "Y"}),
        json!({"email": "x@example.com", "_fname": "X"}),
    ];
    let results = world.import_all(json!({}), &records);
    assert_eq!(actions(&results), ["created", "failed", "updated", "created"]);
    assert_eq!(results[2]["profile_id"], results[0]["profile_id"]);
    // The third record took the profile's e-mail, so the fourth is somebody else.
    assert_ne!(results[3]["profile_id"], results[0]["profile_id"]);
}

fn several_matches_take_the_oldest_and_warn(world: &World) {
    let twins =
        [1, 2, 3].map(|id| json!({"Custom_ID": id, "email": "t@example.com", "phone": "+79000000001"}));
    let ids = made(world, &twins);
    for (parameters, record) in [
        (json!({}), json!({"email": "t@example.com", "city": "Oslo"})),
        (json!({"matching": "phone"}), json!({"phone": "+79000000001", "city": "Bergen"})),
        (
            json!({"matching": "email_phone"}),
            json!({"email": "t@example.com", "phone": "+79000000001", "city": "Riga"}),
        ),
    ] {
        let result = &world.import_all(parameters.clone(), std::slice::from_ref(&record))[0];
        assert_eq!(
            (&result["action"], &result["profile_id"]),
            (&json!("updated"), &json!(ids[0])),
            "{parameters}"
        );
        assert_eq!(warnings(result), [("ambiguous_match", "")], "{parameters}");
        let text = result["warnings"][0]["text"].as_str().unwrap();
        assert!(ids.iter().all(|id| text.contains(id)), "{parameters}: {text}");
        assert_eq!(by_id(world, 1)["city"], record["city"]);
    }
    assert_eq!(by_id(world, 2)["city"], Value::Null);
}

fn a_record_without_a_match_value_fails_alone(world: &World) {
    let records = [json!({"_fname": "Nobody"}), json!({"email": "a@example.com"}), json!({})];
    let results = world.import_all(json!({}), &records);
    assert_failed(&results[0], "missing_match_value", Some("email"), &["`email`"], &records[0]);
    assert_eq!(results[1]["action"], "created");
    assert_failed(&results[2], "missing_match_value", Some("email"), &["`email`"], &records[2]);
}

fn add_batch_makes_and_update_batch_meets(world: &World) {
    let record = |city: &str| json!({"email": "a@example.com", "city": city});
    let results = world.batch_all(UPDATE, json!({}), &[record("Riga"), record("Riga")]);
    for result in &results {
        assert_failed(result, "profile_not_found", None, &["email", "update_batch"], &"nobody");
    }
    let results = world.batch_all(ADD, json!({}), &[record("Riga"), record("Oslo")]);
    let id = results[0]["profile_id"].as_str().unwrap();
    assert_eq!(results[0]["action"], "created");
    assert_failed(&results[1], "profile_exists", None, &[id, "add_batch"], &"again");
    let results = world.batch_all(UPDATE, json!({}), &[record("Riga"), record("Oslo")]);
    assert_eq!(actions(&results), ["unchanged", "updated"]);
    assert_eq!(world.profiles(json!({"email": "a@example.com"}))[0]["city"], "Oslo");
}

fn a_unique_value_of_another_profile_fails_the_record(world: &World) {
    let owner = &made(world, &[json!({"Custom_ID": 1, "crm_code": "X"})])[0];
    let thief = json!({"email": "b@example.com", "Custom_ID": 2, "crm_code": "X"});
    for parameters in [json!({}), custom_id()] {
        let result = &world.import_all(parameters.clone(), std::slice::from_ref(&thief))[0];
        assert_failed(result, "not_unique", Some("crm_code"), &[owner, "unique"], &parameters);
    }
    // Nothing of the refused record is kept: the e-mail is still free.
    assert!(world.profiles(json!({"email": "b@example.com"})).is_empty());
    // Its owner may send it again; in one batch the first to claim a value has it, and a shared e-mail is no trouble.
    let records = [
        json!({"Custom_ID": 1, "crm_code": "X"}),
        json!({"Custom_ID": 3, "crm_code": "Y", "email": "same@example.com"}),
        json!({"Custom_ID": 4, "crm_code": "Y", "email": "same@example.com"}),
        json!({"Custom_ID": 5, "crm_code": "Z", "email": "same@example.com"}),
    ];
    let results = world.import_all(custom_id(), &records);
    assert_eq!(actions(&results), ["unchanged", "created", "failed", "created"]);
    let first = results[1]["profile_id"].as_str().unwrap();
    assert_failed(&results[2], "not_unique", Some("crm_code"), &[first], &records[2]);
    assert_eq!(world.profiles(json!({"email": "same@example.com"})).len(), 2);
}
