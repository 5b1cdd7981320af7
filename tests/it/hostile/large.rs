//! Large things that are allowed: stored whole, and nobody beside them is harmed.

use intake_tests::World;
use serde_json::{Value, json};

use super::{JSON, XML, post};

fn profile(world: &World, email: &str) -> Value {
    world.profiles(json!({"matching": "email", "email": email}))[0].clone()
}

#[test]
fn a_record_of_almost_a_whole_body_is_stored() {
    let world = World::start();
    let text = "я".repeat(9_900_000 / 2);
    let json = format!(r#"{{"db_id":1,"data":[{{"email":"j@example.com","_fname":"{text}"}}]}}"#);
    let xml = format!(
        "<xml><db_id>1</db_id><data><email>x@example.com</email><_fname>{text}</_fname></data></xml>"
    );
    for (content_type, body) in [(JSON, json), (XML, xml)] {
        let status = world.completed(&post(&world, content_type, "identity", body.as_bytes()).job_id());
        assert_eq!(status["created"], 1, "{status}");
    }
    for email in ["j@example.com", "x@example.com"] {
        assert_eq!(profile(&world, email)["_fname"].as_str().map(str::len), Some(text.len()));
    }
}

#[test]
fn tiny_records_go_on_beside_a_large_one() {
    let world = World::start();
    let text = "x".repeat(5_000_000);
    let records: Vec<Value> = (0..10_000)
        .map(|number| match number {
            7_777 => json!({"email": "large@example.com", "crm_code": text}),
            _ => json!({"email": format!("{number}@example.com")}),
        })
        .collect();
    let body = json!({"db_id": 1, "data": records}).to_string();
    let status = world.completed(&post(&world, JSON, "identity", body.as_bytes()).job_id());
    assert_eq!((&status["created"], &status["failed"]), (&json!(10_000), &json!(0)), "{status}");
    assert_eq!(profile(&world, "large@example.com")["crm_code"].as_str().map(str::len), Some(text.len()));
    // A value too long for an index finds its profile all the same, and is unique.
    let again = json!([
        {"email": "other@example.com", "crm_code": text},
        {"email": "third@example.com"},
    ]);
    let results = world.import_all(json!({}), again.as_array().unwrap());
    assert_eq!((&results[0]["code"], &results[1]["action"]), (&json!("not_unique"), &json!("created")));
}

#[test]
fn numbers_keep_their_digits_whatever_their_size() {
    let world = World::start();
    let digits = "1234567890".repeat(10);
    let record = format!(
        r#"{{"email":"n@example.com","score":{digits},"address":{{"a":[{digits},-0.{digits},1e30]}},"city":{digits}}}"#
    );
    let body = format!(r#"{{"db_id":1,"data":[{record}]}}"#);
    let status = world.completed(&post(&world, JSON, "identity", body.as_bytes()).job_id());
    assert_eq!(status["created"], 1, "{status}");
    let read = profile(&world, "n@example.com");
    assert_eq!((read["score"].to_string(), &read["city"]), (digits.clone(), &json!(digits)));
    let plain = format!("1{}", "0".repeat(30));
    assert_eq!(read["address"]["a"].to_string(), format!("[{digits},-0.{digits},{plain}]"));
}

#[test]
fn text_in_a_hundred_thousand_pieces_is_one_text() {
    let world = World::start();
    let pieces = "<![CDATA[x]]>&lt;<!-- -->".repeat(100_000);
    let namespaces: Vec<String> = (0..100_000).map(|number| format!(" xmlns:n{number}=''")).collect();
    let body = format!(
        "<xml><db_id>1</db_id><data><email>c@example.com</email><_fname>{pieces}</_fname><city{}>y</city></data></xml>",
        namespaces.concat()
    );
    let status = world.completed(&post(&world, XML, "identity", body.as_bytes()).job_id());
    assert_eq!(status["created"], 1, "{status}");
    let read = profile(&world, "c@example.com");
    assert_eq!((&read["_fname"], &read["city"]), (&json!("x<".repeat(100_000)), &json!("y")));
}
