//! The forms that have no envelope, and who asks for them how.

use intake_tests::World;
use serde_json::{Value, json};

use super::{get_as, imported, mixed};

const NDJSON: &str = "application/x-ndjson";
const CSV: &str = "text/csv";

#[test]
fn every_form_tells_the_same() {
    let world = World::start();
    let path = imported(&world, &mixed());
    let entries = get_as(&world, "application/json", &path).json()["result"].take();
    let entries = entries.as_array().unwrap();
    let lines = get_as(&world, NDJSON, &path);
    assert_eq!(lines.header("content-type"), Some(NDJSON));
    let lines: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, entries);

    let table = get_as(&world, CSV, &path);
    assert!(table.header("content-type").unwrap().starts_with(CSV));
    let rows: Vec<&str> = table.text.split_terminator("\r\n").collect();
    assert_eq!(rows[0], "index,error,code,field,error_text,profile_id,action,_ref,warnings");
    assert_eq!(rows.len(), entries.len() + 1);
    let profile_id = entries[0]["profile_id"].as_str().unwrap();
    assert_eq!(rows[1], format!("0,0,,,Successful operation,{profile_id},created,first,"));
    assert!(rows[5].starts_with("4,400,invalid_phone,phones[0],"), "{}", rows[5]);
    assert!(rows[5].ends_with(",,,\"fifth, \"\"last\"\"\","), "{}", rows[5]);
    assert!(rows[6].contains("null_ignored"), "{}", rows[6]);
}

#[test]
fn a_form_is_asked_for_by_the_query_or_the_header() {
    let world = World::start();
    let path = imported(&world, &mixed());
    for (accept, query, expected) in [
        ("*/*", "", "application/json"),
        ("application/json", "?format=ndjson", NDJSON),
        ("application/xml", "?format=csv", "text/csv; charset=utf-8; header=present"),
        ("text/csv", "?format=xml", "application/xml; charset=utf-8"),
        ("text/csv, application/x-ndjson", "", "application/json"),
        ("application/x-ndjson, text/csv;q=0", "", NDJSON),
    ] {
        let answer = get_as(&world, accept, &format!("{path}{query}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(expected)), "{accept} {query}");
    }
    let token = format!("Bearer {}", intake_tests::DEMO_TOKEN);
    let head = world.send("HEAD", &path, &[("accept", CSV), ("authorization", &token)], b"");
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[test]
fn what_is_refused_is_told_in_an_envelope() {
    let world = World::start();
    let path = imported(&world, &mixed());
    for (accept, query) in
        [(NDJSON, "?limit=0"), ("application/xml", "?format=csv&limit=0"), (CSV, "?only=best")]
    {
        let answer = get_as(&world, accept, &format!("{path}{query}"));
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")));
        assert_eq!(answer.json()["error"], 400);
    }
    let elsewhere = get_as(&world, "application/json", &path.replace("/results", "?format=csv"));
    assert_eq!(elsewhere.json()["error_text"], json!("format: not a format; allowed: json, xml"));
}

#[test]
fn a_job_that_no_worker_has_taken_has_no_results_yet() {
    let world = World::builder().workers(0).start();
    let job = world.import(&json!({"db_id": 1, "data": mixed()})).job_id();
    let path = format!("/api/v1.1/jobs/{job}/results");
    assert_eq!(get_as(&world, NDJSON, &path).text, "");
    let table = get_as(&world, CSV, &path).text;
    assert_eq!(table, "index,error,code,field,error_text,profile_id,action,_ref,warnings\r\n");
    let whole = get_as(&world, "application/json", &path);
    assert_eq!((whole.header("retry-after"), &whole.json()["next_cursor"]), (Some("1"), &json!(null)));
    // Whoever goes through pages goes on from there.
    let page = get_as(&world, NDJSON, &format!("{path}?limit=4"));
    let next = page.header("link").unwrap().trim_start_matches('<').split_once('>').unwrap().0.to_owned();
    world.start_worker();
    world.completed(&job);
    assert_eq!(get_as(&world, NDJSON, &next).text.lines().count(), 4);
}
