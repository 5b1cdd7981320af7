//! What is written in a stream: lines, rows, bad ones, packed ones, parameters.

use std::io::Write as _;

use intake_tests::{DEMO_TOKEN, World, until};
use serde_json::{Value, json};

use super::{CSV, IMPORT, NDJSON, Upload, in_small_parts, post, post_packed, the_job};

#[test]
fn lines_are_records_in_their_order_across_parts() {
    let world = in_small_parts();
    let body = "\u{feff}{\"email\":\"a@example.com\",\"loyalty_points\":1,\"city\":\"Riga\",\"_ref\":\"first\"}\r\n\n\
        {\"email\":\"b@example.com\"}\n{\"email\":\"c@example.com\"}\n{\"email\":\"d@example.com\"}\n\
        {\"email\": \"a@example.com\", \"loyalty_points\": {\"action\": \"incr\", \"value\": 5}}\n\
        {no json\n[1]\n\"\u{44f}\"\n{\"email\":\"e@example.com\"}\n\
        {\"email\":\"a@example.com\",\"city\":\"Tartu\"}";
    let answer = post(&world, "&external_id=nightly&skip_trigers=1", NDJSON, body.as_bytes());
    let job = answer.job_id();
    let status = world.completed(&job);
    assert_eq!(
        (&status["total"], &status["processed"], &status["external_id"]),
        (&json!(10), &json!(10), &json!("nightly"))
    );
    assert_eq!(status["job_warnings"][0]["field"], "skip_trigers");
    assert_eq!(
        (&status["created"], &status["updated"], &status["failed"]),
        (&json!(5), &json!(2), &json!(3))
    );

    let results = world.results(&job);
    let told: Vec<&Value> =
        results.iter().map(|result| result.get("code").unwrap_or(&result["action"])).collect();
    let bad = "not_an_object";
    assert_eq!(
        told,
        ["created", "created", "created", "created", "updated", bad, bad, bad, "created", "updated"]
    );
    assert!(results.iter().enumerate().all(|(index, result)| result["index"] == index));
    assert_eq!(results[0]["_ref"], "first");
    assert_eq!(results[5]["error_text"], "line 7 is no JSON: key must be a string at column 2");
    assert_eq!(results[6]["error_text"], "a record is an object, not an array");
    assert_eq!(results[9]["profile_id"], results[0]["profile_id"]);
    let profile = &world.profiles(json!({"email": "a@example.com"}))[0];
    assert_eq!((&profile["loyalty_points"], &profile["city"]), (&json!(6), &json!("Tartu")));

    let kept = world.database.texts("SELECT unnest(records) FROM job_failures ORDER BY first_index");
    assert_eq!(kept, ["\"{no json\"", "[1]", "\"\u{44f}\""]);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

#[test]
fn rows_are_records_of_text_typed_by_the_schema() {
    let world = in_small_parts();
    let body = "\u{feff}email,Custom_ID,vip,interests,phones,orders,subscriptions,city\r\n\
        a@example.com,7,true,\"[\"\"books\"\",\"\"chess\"\"]\",\"[\"\"+79000000000\"\"]\",\"[{\"\"id\"\":1}]\",\
        \"[{\"\"channel\"\":\"\"email\"\",\"\"resource_id\"\":28,\"\"email\"\":\"\"a@example.com\"\"}]\",\"Riga, \"\"LV\"\"\nCentre\"\r\n\
        b@example.com,8,0,books,+79000000001,,,[x]\r\n\
        c@example.com\r\n\
        d@example.com,x,,,,,,\r\n\
        \r\n\
        a@example.com,,,,,,,Tartu\r\n";
    let job = post(&world, "", CSV, body.as_bytes()).job_id();
    world.completed(&job);
    let results = world.results(&job);
    let told: Vec<&Value> =
        results.iter().map(|result| result.get("code").unwrap_or(&result["action"])).collect();
    assert_eq!(told, ["created", "created", "not_an_object", "invalid_type", "updated"]);
    assert_eq!(
        results[2]["error_text"],
        "the row at line 5 does not fit the header row (cells: 1, columns: 8)"
    );
    assert_eq!(results[3]["field"], "Custom_ID");
    let profile = &world.profiles(json!({"email": "a@example.com"}))[0];
    assert_eq!(
        (&profile["Custom_ID"], &profile["vip"], &profile["city"]),
        (&json!(7), &json!(true), &json!("Tartu"))
    );
    assert_eq!(
        (&profile["interests"], &profile["orders"]),
        (&json!(["books", "chess"]), &json!([{"id": 1}]))
    );
    assert_eq!(profile["subscriptions"][0]["resource_id"], 28);
    let profile = &world.profiles(json!({"email": "b@example.com"}))[0];
    assert_eq!(
        (&profile["vip"], &profile["interests"], &profile["city"]),
        (&json!(false), &json!(["books"]), &json!("[x]"))
    );
    let kept = world.database.texts("SELECT unnest(records) FROM job_failures ORDER BY first_index");
    assert_eq!(kept, ["\"c@example.com\"", r#"{"email":"d@example.com","Custom_ID":"x"}"#]);
}

#[test]
fn a_stream_may_be_packed_and_waited_for() {
    let world = World::start();
    let body = super::lines(0..50);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    for (encoding, body, action) in [
        ("gzip", gzip.finish().unwrap(), "created"),
        ("zstd", zstd::encode_all(body.as_bytes(), 1).unwrap(), "unchanged"),
    ] {
        let token = format!("Bearer {DEMO_TOKEN}");
        let headers = [
            ("content-type", NDJSON),
            ("content-encoding", encoding),
            ("authorization", token.as_str()),
            ("prefer", "wait=60"),
        ];
        let answer = world.post(&format!("{IMPORT}?db_id=1"), &headers, &body);
        assert_eq!(
            (answer.status, answer.header("preference-applied")),
            (200, Some("wait=60")),
            "{}",
            answer.text
        );
        let body = answer.json();
        let results = body["result"].as_array().unwrap();
        assert!(results.len() == 50 && results.iter().all(|result| result["action"] == action), "{body}");
    }
}

#[test]
fn the_other_endpoints_take_streams_too_and_answer_in_xml_when_asked() {
    let world = World::start();
    let body = "{\"email\":\"a@example.com\"}\n{\"email\":\"a@example.com\"}\n";
    for (path, codes) in [("add_batch", ["", "profile_exists"]), ("update_batch", ["", ""])] {
        let path = format!("/api/v1.1/profiles/{path}?db_id=1&token={DEMO_TOKEN}&format=xml");
        let answer = world.post(&path, &[("content-type", NDJSON)], body.as_bytes());
        assert!(answer.text.starts_with("<?xml") || answer.text.starts_with("<xml"), "{}", answer.text);
        let job = answer.job_id();
        world.completed(&job);
        let results = world.results(&job);
        let told: Vec<&str> =
            results.iter().map(|result| result["code"].as_str().unwrap_or_default()).collect();
        assert_eq!(told, codes);
    }
}

#[test]
fn a_stream_that_cannot_be_one_is_refused_and_leaves_nothing() {
    let world = in_small_parts();
    let line = b"{\"email\":\"a@example.com\"}\n";
    for (parameters, content_type, body, text) in [
        ("", NDJSON, b"\n \n".as_slice(), "data: the body holds no record; at least one is needed"),
        ("", CSV, b"email\r\n", "data: the body holds no record; at least one is needed"),
        ("", CSV, b"email,,city\r\na,b,c", "header row: column 2 has no name"),
        ("", CSV, b"email,email\r\na,b", "header row: the column `email` is there more than once"),
        (
            "&email=a@example.com",
            NDJSON,
            line,
            "email: a match value beside the records is not allowed in a stream; put it into the records",
        ),
        ("&matching=name", NDJSON, line, "matching: `name` is unknown; allowed: email"),
        ("&data=1", NDJSON, line, "data: the records are the body"),
        ("&nulls=clear&nulls=ignore", NDJSON, line, "nulls: sent more than once in the query"),
    ] {
        let answer = post(&world, parameters, content_type, body);
        let told = answer.json()["error_text"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && told.starts_with(text), "{} {told}", answer.status);
    }
    let nobody = world.post(&format!("{IMPORT}?db_id=1"), &[("content-type", NDJSON)], line);
    assert_eq!(nobody.status, 401);
    let headers = [("content-type", NDJSON), ("authorization", "Bearer other-demo-token-0123456789")];
    assert_eq!(world.post(&format!("{IMPORT}?db_id=1"), &headers, line).status, 403);
    let broken = post_packed(&world, "", NDJSON, "gzip", line);
    assert_eq!(
        (broken.status, broken.json()["error_text"].as_str()),
        (400, Some("the body is not readable gzip"))
    );
    assert_eq!(world.queued().work(), 0);
    assert_eq!(
        world.database.scalar("SELECT count(*) FROM jobs")
            + world.database.scalar("SELECT count(*) FROM job_parts"),
        0
    );
}

#[test]
fn a_stream_beyond_its_limits_is_refused_whole() {
    for (arguments, text) in [
        (
            ["--max-stream-records", "7"],
            "records: more than 7 sent, 7 allowed per stream; nothing was accepted; send it in several requests",
        ),
        (
            ["--max-stream-bytes", "100000"],
            "bytes: more than 100000 sent, 100000 allowed per stream; nothing was accepted; send it in several requests",
        ),
    ] {
        let world = World::builder()
            .gateway_arguments(&[&["--stream-part-records", "3"], &arguments[..]].concat())
            .start();
        let body = zstd::encode_all(super::lines(0..10_000).as_bytes(), 1).unwrap();
        let answer = post_packed(&world, "", NDJSON, "zstd", &body);
        assert_eq!((answer.status, answer.json()["error_text"].as_str()), (413, Some(text)));
        let status = the_job(&world);
        assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(413)), "{status}");
        super::nothing_is_left(&world);
    }
}

#[test]
fn a_line_that_is_too_long_fails_alone() {
    let world = World::builder().gateway_arguments(&["--max-body-bytes", "2000"]).start();
    let long = format!("{{\"email\":\"long@example.com\",\"city\":\"{}\"}}", "x".repeat(2000));
    let body = format!("{{\"email\":\"a@example.com\"}}\n{long}\n{{\"email\":\"b@example.com\"}}");
    let job = post(&world, "", NDJSON, body.as_bytes()).job_id();
    world.completed(&job);
    let results = world.results(&job);
    assert_eq!(results[1]["error_text"], "line 2 has more than 2000 bytes");
    assert_eq!((&results[0]["action"], &results[2]["action"]), (&json!("created"), &json!("created")));
    let kept = world.database.texts("SELECT unnest(records) FROM job_failures");
    assert_eq!(serde_json::from_str::<String>(&kept[0]).unwrap(), long);
}

#[test]
fn a_stream_with_a_key_is_one_job_however_often_it_is_sent() {
    let world = in_small_parts();
    let token = format!("Bearer {DEMO_TOKEN}");
    let send = |key: &str, body: String| {
        let headers = [("content-type", NDJSON), ("authorization", token.as_str()), ("idempotency-key", key)];
        world.post(&format!("{IMPORT}?db_id=1"), &headers, body.as_bytes())
    };
    let job = send("k", super::lines(0..10)).job_id();
    world.completed(&job);
    let again = send("k", super::lines(0..10));
    assert_eq!((again.is_replayed(), again.job_id()), (true, job.clone()));
    let other = send("k", super::lines(0..11));
    assert_eq!(other.status, 422, "{}", other.text);
    assert_ne!(send("l", super::lines(0..10)).job_id(), job);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 10);
    super::nothing_waits(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_aliases"), 0, "no part of them was published");
}

#[test]
fn streams_with_one_key_side_by_side_are_one_job() {
    let world = in_small_parts();
    let mut uploads = [(); 2].map(|()| Upload::begin(&world, "Idempotency-Key: k\r\n"));
    for upload in &mut uploads {
        upload.send(super::lines(0..4).as_bytes());
    }
    until("parts of both are kept", || {
        (world.database.scalar("SELECT count(DISTINCT job_id) FROM job_parts") == 2).then_some(())
    });
    let [first, second] = uploads.map(Upload::end);
    assert_eq!((first.0, second.0), (202, 202), "{first:?} {second:?}");
    assert_eq!(first.1["job_id"], second.1["job_id"]);
    world.completed(first.1["job_id"].as_str().unwrap());
    super::nothing_waits(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}
