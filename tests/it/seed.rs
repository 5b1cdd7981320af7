//! The vendor's own examples, byte for byte.

use intake_tests::World;
use serde_json::json;

const SEED_JSON: &[u8] = include_bytes!("../../deploy/demo/seed.json");
const SEED_XML: &[u8] = include_bytes!("../../deploy/demo/seed.xml");
const IMPORT: &str = "/api/v1.1/profiles/import_batch";

#[test]
fn the_json_example_is_accepted_and_applied() {
    let world = World::start();
    let answer = world.post(IMPORT, &[("content-type", "application/json")], SEED_JSON);
    let job = answer.job_id();
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.json()["error"], 0);
    assert_eq!(answer.json()["status"], "queued");
    assert_eq!(answer.json()["status_url"], format!("/api/v1.1/jobs/{job}"));

    let status = world.completed(&job);
    assert_eq!(status["total"], 2);
    assert_eq!(status["created"], 2);
    assert_eq!(status["matching"], "custom");
    let results = world.results(&job);
    assert_eq!(results.len(), 2);
    assert_eq!((&results[0]["index"], &results[1]["index"]), (&json!(0), &json!(1)));
    assert!(results.iter().all(|result| result["error"] == 0 && result["profile_id"].is_string()));

    let lala =
        &world.profiles(json!({"matching": "custom", "field_name": "Custom_ID", "field_value": 77}))[0];
    assert_eq!(lala["profile_id"], results[0]["profile_id"]);
    assert_eq!(lala["_fname"], "Lala");
    assert_eq!(lala["subscriptions"][0]["email"], "example@example.com");
    assert_eq!(lala["subscriptions"][0]["cats"], json!(["category_1", "category_2"]));
    assert_eq!(lala["subscriptions"][0]["custom_fields"], json!({"custom_field": "test value"}));
}

#[test]
fn the_xml_example_is_accepted_and_applied() {
    let world = World::start();
    let answer = world.post(IMPORT, &[("content-type", "application/xml")], SEED_XML);
    assert!(answer.text.starts_with("<?xml") || answer.text.starts_with("<xml>"), "{}", answer.text);
    assert!(answer.text.contains("<error>0</error>"), "{}", answer.text);
    let job = answer.job_id();
    assert_eq!(world.completed(&job)["created"], 2);

    let path = format!("/api/v1.1/jobs/{job}/results?format=xml");
    let results = world.get(&path, Some(intake_tests::DEMO_TOKEN)).text;
    assert_eq!(results.matches("<result>").count(), 2, "{results}");
    let alex =
        &world.profiles(json!({"matching": "custom", "field_name": "Custom_ID", "field_value": "345"}))[0];
    assert_eq!(alex["_fname"], "Alex");
    assert_eq!(alex["Custom_ID"], 345);
}

#[test]
fn both_examples_end_in_one_database() {
    let world = World::start();
    for (content_type, body) in [("application/json", SEED_JSON), ("application/xml", SEED_XML)] {
        world.completed(&world.post(IMPORT, &[("content-type", content_type)], body).job_id());
    }
    // Custom_ID 77 is in both, 88 and 345 in one each.
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 3);
}
