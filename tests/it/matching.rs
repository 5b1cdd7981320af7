//! Who a record means, in the modes that there are.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

in_both_formats!(
    email_is_the_default_and_is_normalised,
    email_also_finds_subscriptions_and_email_profile_does_not,
    resource_id_narrows_the_subscription_half,
    custom_takes_a_number_as_number_or_text,
    one_person_twice_in_a_batch_is_folded_in_order,
    several_matches_take_the_oldest_and_warn,
    a_changed_email_frees_the_old_one,
    a_record_without_a_match_value_fails_alone,
    a_match_value_of_the_request_serves_its_only_record,
    a_unique_value_of_another_profile_fails_the_record,
    a_narrowed_search_finds_what_it_made,
);

fn email(text: &str) -> Value {
    json!({"matching": "email", "email": text})
}

fn email_is_the_default_and_is_normalised(world: &World) {
    let made = world.import_all(json!({}), &[json!({"email": " John@EXAMPLE.com ", "_fname": "John"})]);
    assert_eq!(made[0]["action"], "created");
    let met = world
        .import_all(json!({"matching": "email"}), &[json!({"email": "john@example.com", "_lname": "Doe"})]);
    assert_eq!(met[0]["action"], "updated");
    assert_eq!(met[0]["profile_id"], made[0]["profile_id"]);
    let john = &world.profiles(email("JOHN@example.com"))[0];
    assert_eq!(
        (&john["email"], &john["_fname"], &john["_lname"]),
        (&json!("john@example.com"), &json!("John"), &json!("Doe"))
    );
    let again = world.import_all(json!({}), &[json!({"email": "john@example.com", "_lname": "Doe"})]);
    assert_eq!(again[0]["action"], "unchanged");
}

fn email_also_finds_subscriptions_and_email_profile_does_not(world: &World) {
    let subscribed =
        json!({"subscriptions": [{"channel": "email", "resource_id": 28, "email": "s@example.com"}]});
    let made = world.import_all(json!({}), &[subscribed]);
    assert_eq!(made[0]["action"], "created");
    let met = world.import_all(json!({}), &[json!({"email": "s@example.com"})]);
    assert_eq!(met[0]["profile_id"], made[0]["profile_id"]);

    let other = json!({"email": "o@example.com", "subscriptions": [{"channel": "email", "resource_id": 28, "email": "t@example.com"}]});
    let holder = world.import_all(json!({}), &[other]);
    let new = world.import_all(json!({"matching": "email_profile"}), &[json!({"email": "t@example.com"})]);
    assert_eq!(new[0]["action"], "created");
    assert_ne!(new[0]["profile_id"], holder[0]["profile_id"]);
}

fn resource_id_narrows_the_subscription_half(world: &World) {
    let on_29 = json!({"_fname": "A", "subscriptions": [{"channel": "email", "resource_id": 29, "email": "n@example.com"}]});
    let made = world.import_all(json!({}), &[on_29]);
    let record = json!({"email": "n@example.com"});
    let elsewhere = world.import_all(json!({"resource_id": 28}), std::slice::from_ref(&record));
    assert_eq!(elsewhere[0]["action"], "created");
    assert_ne!(elsewhere[0]["profile_id"], made[0]["profile_id"]);
}

fn custom_takes_a_number_as_number_or_text(world: &World) {
    let by_id = json!({"matching": "custom", "field_name": "Custom_ID"});
    let results = world
        .import_all(by_id.clone(), &[json!({"Custom_ID": 77}), json!({"Custom_ID": "77", "city": "Riga"})]);
    assert_eq!((&results[0]["action"], &results[1]["action"]), (&json!("created"), &json!("updated")));
    assert_eq!(results[0]["profile_id"], results[1]["profile_id"]);
}

fn one_person_twice_in_a_batch_is_folded_in_order(world: &World) {
    let records: Vec<Value> =
        (0..2500).map(|n| json!({"email": format!("p{}@example.com", n % 3), "loyalty_points": n})).collect();
    let results = world.import_all(json!({}), &records);
    assert_eq!(results.iter().filter(|result| result["action"] == "created").count(), 3);
    assert_eq!(results.iter().filter(|result| result["action"] == "updated").count(), 2497);
    assert_eq!(world.profiles(email("p0@example.com"))[0]["loyalty_points"], 2499);
    assert_eq!(world.profiles(email("p1@example.com"))[0]["loyalty_points"], 2497);
}

fn several_matches_take_the_oldest_and_warn(world: &World) {
    let by_id = json!({"matching": "custom", "field_name": "Custom_ID"});
    let twins = [
        json!({"Custom_ID": 1, "email": "t@example.com"}),
        json!({"Custom_ID": 2, "email": "t@example.com"}),
    ];
    let made = world.import_all(by_id, &twins);
    let met = &world.import_all(json!({}), &[json!({"email": "t@example.com", "city": "Oslo"})])[0];
    assert_eq!(met["profile_id"], made[0]["profile_id"]);
    assert_eq!(met["warnings"][0]["code"], "ambiguous_match");
    assert!(met["warnings"][0]["text"].as_str().unwrap().contains(made[1]["profile_id"].as_str().unwrap()));
}

fn a_changed_email_frees_the_old_one(world: &World) {
    let by_id = json!({"matching": "custom", "field_name": "Custom_ID"});
    let made = world.import_all(by_id.clone(), &[json!({"Custom_ID": 1, "email": "old@example.com"})]);
    world.import_all(by_id, &[json!({"Custom_ID": 1, "email": "new@example.com"})]);
    let results = world
        .import_all(json!({}), &[json!({"email": "old@example.com"}), json!({"email": "new@example.com"})]);
    assert_eq!(results[0]["action"], "created");
    assert_eq!(results[1]["profile_id"], made[0]["profile_id"]);
}

fn a_record_without_a_match_value_fails_alone(world: &World) {
    let results =
        world.import_all(json!({}), &[json!({"_fname": "Nobody"}), json!({"email": "a@example.com"})]);
    assert_eq!((&results[0]["error"], &results[0]["code"]), (&json!(400), &json!("missing_match_value")));
    assert!(results[0].get("profile_id").is_none());
    assert_eq!(results[1]["action"], "created");
}

fn a_match_value_of_the_request_serves_its_only_record(world: &World) {
    let results = world.import_all(json!({"email": "one@example.com"}), &[json!({"_fname": "One"})]);
    assert_eq!(results[0]["action"], "created");
    assert_eq!(world.profiles(email("one@example.com"))[0]["_fname"], "One");
    let two = json!({"db_id": 1, "email": "one@example.com", "data": [{"_fname": "A"}, {"_fname": "B"}]});
    let refused = world.import(&two);
    assert_eq!(refused.status, 400);
    assert!(refused.value()["error_text"].as_str().unwrap().contains("email"));
}

fn a_unique_value_of_another_profile_fails_the_record(world: &World) {
    let owner = world.import_all(json!({}), &[json!({"email": "a@example.com", "crm_code": "X"})]);
    let results = world.import_all(json!({}), &[json!({"email": "b@example.com", "crm_code": "X"})]);
    assert_eq!((&results[0]["error"], &results[0]["code"]), (&json!(409), &json!("not_unique")));
    assert!(results[0]["error_text"].as_str().unwrap().contains(owner[0]["profile_id"].as_str().unwrap()));
    // Nothing of the refused record is kept: the e-mail is still free.
    assert!(world.profiles(email("b@example.com")).is_empty());
    assert_eq!(world.database.scalar("SELECT count(*) FROM identities WHERE value = 'b@example.com'"), 0);
}

fn a_narrowed_search_finds_what_it_made(world: &World) {
    let subscription =
        |resource: i32| json!({"channel": "email", "resource_id": resource, "email": "s@example.com"});
    let on_28 = [json!({"subscriptions": [subscription(28)]})];
    let narrowed = json!({"resource_id": 28});
    assert_eq!(world.import_all(narrowed.clone(), &on_28)[0]["action"], "created");
    assert_eq!(world.import_all(narrowed.clone(), &on_28)[0]["action"], "unchanged");
    // An address on another resource would never be found again, so it is no match value.
    let elsewhere = [json!({"subscriptions": [subscription(29)]})];
    assert_eq!(world.import_all(narrowed, &elsewhere)[0]["code"], "missing_match_value");
}
