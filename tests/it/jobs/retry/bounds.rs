//! What a retry may cost: a stream's slot, and memory for what it has in hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use intake_tests::{DEMO_TOKEN, World, until};
use serde_json::json;

use super::{assert_refused, retry};

#[test]
fn it_counts_as_a_stream() {
    let world = World::builder().gateway_arguments(&["--max-streams=1", "--stream-part-records=1"]).start();
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "nonsense"}]})).job_id();
    world.completed(&job);
    let mut upload = TcpStream::connect(world.address()).unwrap();
    let head = format!(
        "POST /api/v1.1/profiles/import_batch?db_id=1 HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/x-ndjson\r\nAuthorization: Bearer {DEMO_TOKEN}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n6\r\n{{}}\n{{}}\n\r\n"
    );
    upload.write_all(head.as_bytes()).unwrap();
    until("it is taken", || (world.database.scalar("SELECT count(*) FROM job_parts") == 1).then_some(()));
    let refused = retry(&world, &job);
    assert_refused(&refused, 429, "1 are allowed at a time");
    assert_eq!(refused.header("retry-after"), Some("5"));
    upload.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let second = retry(&world, &job).job_id();
    assert_eq!(world.completed(&second)["failed"], 1);
}

#[test]
fn a_record_as_long_as_any_is_sent_in_the_least_memory_that_can_be_set() {
    let arguments = ["--max-body-bytes=4194304", "--max-inflight-bytes=1024"];
    let world = World::builder().gateway_arguments(&arguments).start();
    let long = "x".repeat(4_000_000);
    let job = world.import(&json!({"db_id": 1, "data": [{"email": "nonsense", "city": long}]})).job_id();
    assert_eq!(world.completed(&job)["failed"], 1);
    let second = retry(&world, &job).job_id();
    assert_eq!(world.completed(&second)["failed"], 1);
}

#[test]
fn what_was_accepted_under_other_limits_is_sent_again() {
    let world = World::start();
    let records: Vec<_> = (0..20).map(|n| json!({"email": format!("{n} is none")})).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    world.completed(&job);
    let limits = ["--max-stream-records=10", "--max-stream-bytes=1024", "--max-body-bytes=1024"];
    let strict = intake_tests::GatewayProcess::start(&world, &limits);
    let second = super::retry_at(&world, strict.address, &job, &[]).job_id();
    assert_eq!(world.completed(&second)["failed"], 20);
}
