//! The vendor's own examples, byte for byte.

use intake_tests::{Format, World, in_both_formats};
use serde_json::{Value, json};

in_both_formats!(the_example_is_accepted_and_applied);

const SEED_JSON: &str = include_str!("../../deploy/demo/seed.json");
const SEED_XML: &str = include_str!("../../deploy/demo/seed.xml");
const IMPORT: &str = "/api/v1.1/profiles/import_batch";

fn by_custom_id(world: &World, id: impl Into<Value>) -> Vec<Value> {
    let id: Value = id.into();
    world.profiles(json!({"matching": "custom", "field_name": "Custom_ID", "field_value": id}))
}

fn the_example_is_accepted_and_applied(world: &World) {
    let (body, second) = match world.format() {
        Format::Json => (SEED_JSON, ("Victor", 88)),
        Format::Xml => (SEED_XML, ("Alex", 345)),
    };
    let media_type = world.format().media_type();
    let answer = world.post(IMPORT, &[("content-type", media_type)], body.as_bytes());
    let job = answer.job_id();
    assert!(answer.header("content-type").is_some_and(|answered| answered.starts_with(media_type)));
    assert!(answer.header("retry-after").is_some());
    let accepted = answer.value();
    assert_eq!((&accepted["error"], &accepted["status"]), (&json!(0), &json!("queued")));
    assert_eq!(accepted["error_text"], "Successful operation");
    assert_eq!(accepted["job_id"], job);
    assert_eq!(accepted["status_url"], format!("/api/v1.1/jobs/{job}"));

    let status = world.completed(&job);
    assert_eq!((&status["total"], &status["created"]), (&json!(2), &json!(2)));
    assert_eq!(status["matching"], "custom");
    let results = world.results(&job);
    assert_eq!(results.len(), 2);
    assert_eq!((&results[0]["index"], &results[1]["index"]), (&json!(0), &json!(1)));
    assert!(results.iter().all(|result| result["error"] == 0 && result["profile_id"].is_string()));

    let lala = &by_custom_id(world, 77)[0];
    assert_eq!(lala["profile_id"], results[0]["profile_id"]);
    assert_eq!((&lala["_fname"], &lala["_lname"]), (&json!("Lala"), &json!("Doe")));
    assert_eq!((&lala["Custom_ID"], &lala["email"]), (&json!(77), &json!("example@example.com")));
    let subscription = &lala["subscriptions"][0];
    assert_eq!((&subscription["channel"], &subscription["resource_id"]), (&json!("email"), &json!(28)));
    assert_eq!(subscription["email"], "example@example.com");
    assert_eq!(subscription["cats"], json!(["category_1", "category_2"]));
    assert_eq!(subscription["custom_fields"], json!({"custom_field": "test value"}));
    let (name, id) = second;
    let second = &by_custom_id(world, id.to_string())[0];
    assert_eq!(second["profile_id"], results[1]["profile_id"]);
    assert_eq!((&second["_fname"], &second["Custom_ID"]), (&json!(name), &json!(id)));
}

#[test]
fn both_examples_end_in_one_database() {
    let world = World::start();
    for (media_type, body) in [("application/json", SEED_JSON), ("application/xml", SEED_XML)] {
        world.completed(&world.post(IMPORT, &[("content-type", media_type)], body.as_bytes()).job_id());
    }
    // Custom_ID 77 is in both, 88 and 345 in one each.
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 3);
}

#[test]
fn the_json_example_and_its_twin_in_xml_are_the_same_import() {
    let world = World::speaking(Format::Xml);
    let example: Value = serde_json::from_str(SEED_JSON).unwrap();
    assert_eq!(world.completed(&world.import(&example).job_id())["created"], 2);
    let again = world.post(IMPORT, &[("content-type", "application/json")], SEED_JSON.as_bytes());
    assert_eq!(world.completed(&again.job_id())["unchanged"], 2);
}
