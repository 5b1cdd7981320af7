//! Reading profiles back.

use intake_tests::{DEMO_TOKEN, World, in_both_formats};
use serde_json::json;

in_both_formats!(
    nobody_is_an_empty_list_and_twins_come_oldest_first,
    the_value_is_needed,
    parameters_of_no_use_are_warned_of,
);

fn nobody_is_an_empty_list_and_twins_come_oldest_first(world: &World) {
    assert!(world.profiles(json!({"matching": "email", "email": "nobody@example.com"})).is_empty());
    let by_id = json!({"matching": "custom", "field_name": "Custom_ID"});
    let twins = [
        json!({"Custom_ID": 1, "email": "t@example.com"}),
        json!({"Custom_ID": 2, "email": "t@example.com"}),
    ];
    let made = world.import_all(by_id, &twins);
    let read = world.profiles(json!({"email": "T@example.com"}));
    let ids: Vec<_> = read.iter().map(|profile| &profile["profile_id"]).collect();
    assert_eq!(ids, [&made[0]["profile_id"], &made[1]["profile_id"]]);
    assert!(read[0]["created_at"].is_string() && read[0]["updated_at"].is_string());
}

#[test]
fn xml_asks_and_answers_too() {
    let world = World::start();
    world.import_all(json!({}), &[json!({"email": "x@example.com", "interests": ["a"]})]);
    let body = format!("<xml><token>{DEMO_TOKEN}</token><db_id>1</db_id><email>x@example.com</email></xml>");
    let answer =
        world.post("/api/v1.1/profiles/get", &[("content-type", "application/xml")], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.text.contains("<email>x@example.com</email>"), "{}", answer.text);
}

fn the_value_is_needed(world: &World) {
    for (matching, text) in [
        ("email", "email: required by matching `email`: the value to look for (email)"),
        ("email_phone", "email: required by matching `email_phone`: the value to look for (email or phone)"),
        (
            "push_sub",
            "provider: required by matching `push_sub`: the value to look for (provider and subscription_id)",
        ),
    ] {
        let answer = world.post_body("/api/v1.1/profiles/get", &json!({"db_id": 1, "matching": matching}));
        assert_eq!((answer.status, &answer.value()["error_text"]), (400, &json!(text)));
    }
}

fn parameters_of_no_use_are_warned_of(world: &World) {
    let asked = json!({"db_id": 1, "email": "x@example.com", "phone": "+79000000000", "limit": 5});
    let answer = world.post_body("/api/v1.1/profiles/get", &asked);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let warning =
        |field: &str, text: &str| json!({"code": "unknown_parameter", "field": field, "text": text});
    let warnings = [
        warning("limit", "unknown parameter `limit` was ignored"),
        warning("phone", "`phone` was ignored: matching `email` does not use it"),
    ];
    assert_eq!(answer.value()["warnings"], json!(warnings));
}
