//! Requests that are not accepted, whatever their parameters: bodies that are no JSON, paths and methods that there are
//! not. What else is refused: conformance/parameters.rs, conformance/transport.rs, conformance/xml.rs.

use intake_tests::{Answer, DEMO_TOKEN, World};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

fn assert_refused(answer: &Answer, status: u16, about: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.value()["error"], status);
    let text = answer.value()["error_text"].as_str().unwrap().to_owned();
    assert!(text.contains(about), "{text:?} does not name {about:?}");
}

#[test]
fn bodies_that_are_no_json_say_where() {
    let world = World::start();
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let post = |body: &[u8]| world.post(IMPORT, &headers, body);
    assert_refused(&post(b"{\"db_id\": 1,\n \"data\": [}"), 400, "line 2");
    assert_refused(&post(b"{\"db_id\": 1, \"data\": [{\"a\": \"\xff\"}]}"), 400, "line 1");
    assert_refused(&post(b""), 400, "line 1");
}

#[test]
fn other_paths_and_methods_answer_in_the_envelope() {
    let world = World::start();
    assert_refused(&world.get("/nowhere", None), 404, "/nowhere");
    assert_refused(&world.get(IMPORT, Some(DEMO_TOKEN)), 405, "POST");
    let xml = world.get("/nowhere?format=xml", None);
    assert!(xml.text.contains("<error>404</error>"), "{}", xml.text);
}
