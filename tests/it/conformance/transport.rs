//! Section 2: how a request is sent: content type, packing, limits, token; and the format of its answer.

use std::io::Write as _;

use intake_tests::{Answer, DEMO_TOKEN, Format, OTHER_TOKEN, World, in_both_formats};
use serde_json::{Value, json};

use super::{IMPORT, assert_refused};

in_both_formats!(
    a_body_may_be_packed,
    other_content_types_and_packings_are_refused,
    the_first_token_found_decides,
    the_answer_comes_in_the_format_that_is_asked_for,
);

/// A request of one record in a world's format.
fn request(world: &World, parameters: &Value) -> Vec<u8> {
    let mut body = json!({"db_id": 1, "data": [{"email": "a@example.com"}]});
    body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    world.format().write(&body).into_bytes()
}

fn post(world: &World, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    world.post(IMPORT, &all, body)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn a_body_may_be_packed(world: &World) {
    let body = request(world, &json!({}));
    let content_type = ("content-type", world.format().media_type());
    for (encoding, packed) in [
        ("gzip", gzip(&body)),
        ("GZIP", gzip(&body)),
        ("zstd", zstd::encode_all(body.as_slice(), 3).unwrap()),
        ("identity", body.clone()),
    ] {
        let answer = post(world, &[content_type, ("content-encoding", encoding)], &packed);
        assert_eq!(world.completed(&answer.job_id())["failed"], 0, "{encoding}");
    }
    for encoding in ["gzip", "zstd"] {
        let answer = post(world, &[content_type, ("content-encoding", encoding)], &body);
        assert_refused(&answer, 400, &[encoding], &encoding);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 1);
}

fn other_content_types_and_packings_are_refused(world: &World) {
    let body = request(world, &json!({}));
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense", ""]
    {
        let answer = post(world, &[("content-type", media_type)], &body);
        assert_refused(
            &answer,
            415,
            &["Content-Type", "application/json", "application/xml", "text/xml", "got", media_type],
            &media_type,
        );
    }
    assert_refused(&post(world, &[], &body), 415, &["Content-Type", "got none"], &"no content type");
    let twice = world.post(&format!("{IMPORT}?format=xml&format=json"), &[], &body);
    assert_refused(&twice, 400, &["format", "more than once in the query"], &"?format twice");
    let media_type = world.format().media_type();
    let latin = format!("{media_type}; charset=iso-8859-1");
    assert_refused(&post(world, &[("content-type", &latin)], &body), 415, &["charset", "utf-8"], &latin);
    for encoding in ["br", "deflate", "gzip, gzip"] {
        let answer = post(world, &[("content-type", media_type), ("content-encoding", encoding)], &body);
        assert_refused(&answer, 415, &["Content-Encoding", "gzip", "zstd"], &encoding);
    }
    let also = match world.format() {
        Format::Json => ["application/json; charset=utf-8", "Application/JSON"],
        Format::Xml => ["text/xml", "application/xml; charset=\"UTF-8\""],
    };
    for media_type in also {
        post(world, &[("content-type", media_type)], &body).job_id();
    }
}

fn the_first_token_found_decides(world: &World) {
    let content_type = ("content-type", world.format().media_type());
    let header = |token: &str| format!("Bearer {token}");
    let body =
        |token: Option<&str>| request(world, &token.map_or(json!({}), |token| json!({"token": token})));
    let query =
        |token: Option<&str>| token.map_or(IMPORT.to_owned(), |token| format!("{IMPORT}?token={token}"));
    let (good, bad, other) = (Some(DEMO_TOKEN), Some("nonsense-nonsense"), Some(OTHER_TOKEN));
    // The other account has no access to database 1, so 403 tells whose token was taken.
    for (row, wanted) in [
        ((None, None, None), 401),
        ((good, None, None), 202),
        ((None, good, None), 202),
        ((None, None, good), 202),
        ((bad, good, good), 401),
        ((None, bad, good), 401),
        ((None, None, bad), 401),
        ((good, bad, bad), 202),
        ((other, good, good), 403),
        ((None, other, good), 403),
        ((None, good, other), 202),
    ] {
        let (in_header, in_body, in_query) = row;
        let authorization = in_header.map(header);
        let mut headers = vec![content_type];
        headers.extend(authorization.iter().map(|value| ("authorization", value.as_str())));
        let answer = world.post(&query(in_query), &headers, &body(in_body));
        assert_eq!(answer.status, wanted, "{row:?}: {}", answer.text);
        if wanted == 401 {
            assert_refused(&answer, 401, &["token"], &row);
        }
    }
    let padded = request(world, &json!({"token": format!(" {DEMO_TOKEN} ")}));
    world.post(&format!("{IMPORT}/"), &[content_type], &padded).job_id();
    let no_text = request(world, &json!({"token": ["x", "y"]}));
    assert_refused(&world.post(IMPORT, &[content_type], &no_text), 400, &["token", "text"], &"an array");
}

fn the_answer_comes_in_the_format_that_is_asked_for(world: &World) {
    let (json, xml) = ("application/json", "application/xml");
    let own = world.format().media_type();
    let both = "application/json, application/xml";
    for (row, wanted) in [
        ((None, None, None), own),
        ((None, None, Some("*/*")), own),
        ((None, None, Some(both)), own),
        ((None, None, Some(json)), json),
        ((None, None, Some(xml)), xml),
        ((None, None, Some("text/xml")), xml),
        ((None, Some("json"), Some(xml)), json),
        ((None, Some("xml"), Some(json)), xml),
        ((Some("json"), Some("xml"), Some(xml)), json),
        ((Some("xml"), Some("json"), Some(json)), xml),
    ] {
        let (query, body, accept) = row;
        let path = query.map_or(IMPORT.to_owned(), |format| format!("{IMPORT}?format={format}"));
        // Accepted, and refused: both answer in it.
        for (db_id, status) in [(1, 202), (99, 403)] {
            let mut parameters = json!({"db_id": db_id, "token": DEMO_TOKEN});
            if let Some(format) = body {
                parameters["format"] = json!(format);
            }
            let mut headers = vec![("content-type", own)];
            headers.extend(accept.map(|accept| ("accept", accept)));
            let answer = world.post(&path, &headers, &request(world, &parameters));
            assert_eq!(answer.status, status, "{row:?}: {}", answer.text);
            let spoken = answer.header("content-type").unwrap();
            assert!(spoken.starts_with(wanted), "{row:?}: {spoken}");
            assert_eq!(answer.value()["error"], if status == 202 { 0 } else { status }, "{row:?}");
            assert_eq!(answer.text.starts_with('{'), wanted == json, "{row:?}: {}", answer.text);
        }
    }
    let refused = world.post(&format!("{IMPORT}?format=yaml"), &[("content-type", own)], b"");
    assert_refused(&refused, 400, &["format", "json, xml"], &"?format=yaml");
}

#[test]
fn what_is_too_large_is_refused_with_the_limit_and_what_was_sent() {
    for format in [Format::Json, Format::Xml] {
        let limits = ["--max-records", "10", "--max-body-bytes", "4096"];
        let world = World::builder().format(format).gateway_arguments(&limits).start();
        let of = |count: usize| json!({"data": vec![json!({"email": "a@example.com"}); count]});
        let content_type = ("content-type", format.media_type());
        let records = post(&world, &[content_type], &request(&world, &of(11)));
        assert_refused(&records, 413, &["records", "11 sent", "10 allowed"], &format);
        let long = request(&world, &json!({"data": [{"_fname": "x".repeat(5000)}]}));
        let size = format!("{} bytes", long.len());
        assert_refused(&post(&world, &[content_type], &long), 413, &[&size, "4096 allowed"], &format);
        // What counts is what the body unpacks to.
        for (encoding, packed) in
            [("gzip", gzip(&long)), ("zstd", zstd::encode_all(long.as_slice(), 3).unwrap())]
        {
            assert!(packed.len() < 1000);
            let answer = post(&world, &[content_type, ("content-encoding", encoding)], &packed);
            assert_refused(&answer, 413, &["4096 bytes of decoded body", "4096 allowed"], &encoding);
        }
        let most = post(&world, &[content_type], &request(&world, &of(10)));
        assert_eq!(world.completed(&most.job_id())["total"], 10);
    }
}

#[test]
fn ten_thousand_records_are_the_limit_unless_it_is_set() {
    let world = World::start();
    let of = |count: usize| json!({"data": vec![json!({"email": "a@example.com"}); count]});
    let content_type = ("content-type", "application/json");
    let refused = post(&world, &[content_type], &request(&world, &of(10_001)));
    assert_refused(&refused, 413, &["10001 sent", "10000 allowed"], &"records");
    let large = request(&world, &json!({"data": [{"_fname": "x".repeat(10 << 20)}]}));
    assert_refused(&post(&world, &[content_type], &large), 413, &["10485760 allowed"], &"bytes");
    post(&world, &[content_type], &request(&world, &of(10_000))).job_id();
}
