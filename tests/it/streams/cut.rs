//! Streams that do not come to their end: nothing of them is applied, and their job says so.

use intake_tests::{Answer, OTHER_TOKEN, World};
use serde_json::json;

use super::{
    NDJSON, Upload, in_small_parts, lines, nothing_is_left, parts_are_kept, post, post_packed, the_job,
};

#[test]
fn a_client_that_breaks_off_has_imported_nothing() {
    let world = in_small_parts();
    let mut upload = Upload::begin(&world, "");
    upload.send(lines(0..10).as_bytes());
    parts_are_kept(&world, 9);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0, "parts alone are no job");
    upload.break_off();
    let status = the_job(&world);
    assert_eq!(
        (&status["status"], &status["error"], &status["processed"]),
        (&json!("failed"), &json!(400), &json!(0))
    );
    let text = "the stream was cut: the body ended before its end; nothing of it is applied";
    assert_eq!(status["error_text"], text);
    nothing_is_left(&world);
}

#[test]
fn a_client_that_falls_silent_is_answered_and_has_imported_nothing() {
    let arguments = ["--stream-part-records", "3", "--body-timeout", "1"];
    let world = World::builder().gateway_arguments(&arguments).start();
    let mut upload = Upload::begin(&world, "");
    upload.send(lines(0..10).as_bytes());
    let (status, body) = upload.answer();
    assert_eq!((status, &body["error_text"]), (408, &json!("the body did not arrive in time")));
    assert_eq!(the_job(&world)["error"], 408);
    nothing_is_left(&world);
}

#[test]
fn a_stream_has_a_time_as_a_whole() {
    let arguments = ["--stream-part-records", "3", "--stream-timeout", "1"];
    let world = World::builder().gateway_arguments(&arguments).start();
    let mut upload = Upload::begin(&world, "");
    upload.send(lines(0..10).as_bytes());
    assert_eq!(upload.answer().0, 408);
    assert_eq!(the_job(&world)["status"], "failed");
    nothing_is_left(&world);
}

#[test]
fn a_packed_body_that_is_broken_in_the_middle_is_cut() {
    let world = in_small_parts();
    let mut body = zstd::encode_all(lines(0..10).as_bytes(), 1).unwrap();
    body.extend(b"no further frame");
    let answer = post_packed(&world, "", NDJSON, "zstd", &body);
    assert_eq!(
        (answer.status, answer.json()["error_text"].as_str()),
        (400, Some("the body is not readable zstd"))
    );
    assert_eq!(the_job(&world)["error"], 400);
    nothing_is_left(&world);
}

#[test]
fn a_broker_that_goes_away_cuts_the_stream() {
    let world =
        World::builder().with_broker_relay().gateway_arguments(&["--stream-part-records", "3"]).start();
    let mut upload = Upload::begin(&world, "");
    upload.send(lines(0..4).as_bytes());
    parts_are_kept(&world, 3);
    world.cut_broker();
    upload.send(lines(4..10).as_bytes());
    let (status, body) = upload.answer();
    assert_eq!(status, 503, "{body}");
    world.restore_broker();
    let status = the_job(&world);
    assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(503)));
    nothing_is_left(&world);
}

#[test]
fn there_are_only_so_many_streams_at_a_time() {
    let arguments = ["--max-streams", "1", "--stream-part-records", "1"];
    let world = World::builder().gateway_arguments(&arguments).start();
    let upload = begun(&world);
    let refused = post_as_other(&world);
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(world.import(&json!({"db_id": 1, "data": [{"email": "x@example.com"}]})).status, 202);
    ends_well(upload);
    assert_eq!(post_as_other(&world).status, 202, "there is room again");
}

#[test]
fn one_account_leaves_half_of_them_to_others() {
    let arguments = ["--max-streams", "2", "--stream-part-records", "1"];
    let world = World::builder().gateway_arguments(&arguments).start();
    let upload = begun(&world);
    let refused = post(&world, "", NDJSON, lines(1..2).as_bytes());
    assert_eq!((refused.status, refused.json()["error"].as_u64()), (429, Some(429)), "{}", refused.text);
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(post_as_other(&world).status, 202);
    ends_well(upload);
    assert_eq!(post(&world, "", NDJSON, lines(1..2).as_bytes()).status, 202, "there is room again");
}

/// A stream of account "demo" that is under way.
fn begun(world: &World) -> Upload {
    let mut upload = Upload::begin(world, "");
    upload.send(lines(0..2).as_bytes());
    parts_are_kept(world, 1);
    upload
}

fn ends_well(upload: Upload) {
    let (status, body) = upload.end();
    assert_eq!(status, 202, "{body}");
}

fn post_as_other(world: &World) -> Answer {
    let token = format!("Bearer {OTHER_TOKEN}");
    let headers = [("content-type", NDJSON), ("authorization", token.as_str())];
    world.post("/api/v1.1/profiles/import_batch?db_id=2", &headers, lines(1..2).as_bytes())
}
