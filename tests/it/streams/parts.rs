//! Parts that come late, twice, in another order or never, and workers that are killed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::SystemTime;

use intake_tests::{DEMO_TOKEN, WorkerProcess, World, until};
use intake_types::{
    Batch, DatabaseId, Fingerprint, Header, JobId, JobKey, Message, Operation, PartV1, SealV1, wire,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{NDJSON, Upload, lines, post};

/// When the stream of a story was accepted, in nanoseconds of Unix time.
static ACCEPTED: LazyLock<u64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
});

/// The header of a stream of account "demo", as a gateway of the world would make it.
pub(super) fn header(total: u32) -> Header {
    let body = br#"{"db_id":1,"data":[{}]}"#;
    let envelope = wire::read(wire::Format::Json, body, &wire::Limits::default()).unwrap();
    let declaration = include_str!("../../../deploy/demo/catalog.yaml");
    let declaration = serde_saphyr::from_str(declaration).unwrap();
    let catalog = intake_types::catalog::Catalog::default().declare(&declaration).unwrap().0;
    let batch = Batch::check(
        envelope,
        Operation::Import,
        &catalog,
        &catalog.accounts["demo"],
        &catalog.databases[&DatabaseId(1)],
    )
    .unwrap();
    let key = JobKey::new(b"a key for tests only").unwrap();
    let job = JobId::mint(*ACCEPTED, 1, "demo", &key);
    let (header, _) = batch.into_message(job, "demo").into_parts();
    Header { total, streamed: true, ..header }
}

pub(super) fn part(first_index: u32, records: &[Value]) -> Message<'static> {
    let raw = |record: &Value| Cow::Owned(RawValue::from_string(record.to_string()).unwrap());
    let total = first_index + u32::try_from(records.len()).unwrap();
    Message::PartV1(PartV1 {
        header: header(total),
        first_index,
        // Its gateway is gone.
        open_until: 0,
        records: records.iter().map(raw).collect(),
        unreadable: BTreeMap::new(),
    })
}

pub(super) fn seal(total: u32) -> Message<'static> {
    Message::SealV1(SealV1 { header: header(total) })
}

pub(super) fn cut(total: u32) -> Message<'static> {
    Message::CutV1(intake_types::CutV1 { header: header(total), error: 400, text: "cut".to_owned() })
}

pub(super) fn city(city: &str) -> Value {
    json!({"email": "a@example.com", "city": city})
}

#[test]
fn parts_in_any_order_are_applied_in_theirs() {
    let world = World::builder().workers(0).start();
    // The seal is first in the queue, and one part comes twice.
    for message in [
        seal(5),
        part(3, &[city("d"), city("e")]),
        part(0, &[city("a"), city("b")]),
        part(2, &[city("c")]),
        part(0, &[city("a"), city("b")]),
    ] {
        world.publish(&message);
    }
    world.start_worker();
    let job = header(5).job_id.to_string();
    let status = world.completed(&job);
    assert_eq!((&status["total"], &status["created"], &status["updated"]), (&json!(5), &json!(1), &json!(4)));
    assert_eq!(world.profiles(json!({"email": "a@example.com"}))[0]["city"], "e");
    // A part that comes when all is over is dropped.
    world.publish(&part(2, &[city("c")]));
    until("nothing waits", || (world.queued().work() == 0).then_some(()));
    world.publish(&part(3, &[city("d"), city("e")]));
    let next = world.import_all(json!({}), &[json!({"email": "b@example.com"})]);
    assert_eq!(next[0]["action"], "created");
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

#[test]
fn a_job_whose_part_never_comes_ends_as_failed_and_is_kept() {
    let world = World::builder().delivery_limit(1).buries(1).start();
    world.publish(&part(0, &[city("a"), city("b")]));
    world.publish(&seal(5));
    let job = header(5).job_id.to_string();
    world.failed(&job);
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0, "nothing of it is applied");
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_parts"), 2, "what came is kept");
}

#[test]
fn a_part_that_no_worker_can_read_ends_no_job() {
    let world = World::builder().buries(1).start();
    let mut broken = part(0, &[city("a")]);
    broken.header_mut().total = 5;
    world.publish(&broken);
    until("it is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0, "its stream may still be cut");
}

#[test]
fn a_seal_decides_over_a_cut_that_comes_after_it() {
    let world = World::start();
    world.publish(&part(0, &[city("a"), city("b")]));
    world.publish(&seal(2));
    let job = header(2).job_id.to_string();
    until("the job is known", || (world.database.scalar("SELECT count(*) FROM jobs") == 1).then_some(()));
    world.publish(&cut(2));
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["updated"]), (&json!(1), &json!(1)));
    until("nothing waits", || (world.queued().work() == 0).then_some(()));
    assert_eq!(world.status(&job)["status"], "completed");
}

#[test]
fn killed_in_the_middle_of_a_stream() {
    let world = World::builder().workers(0).gateway_arguments(&["--stream-part-records", "1500"]).start();
    let answer = post(&world, "", NDJSON, lines(0..9000).as_bytes());
    let job = answer.job_id();
    let mut seen = 0;
    for kill in 1..=2 {
        let worker = WorkerProcess::start(&world, &["--chunk-records", "500"]);
        until("the job is under way", || {
            (world.database.scalar("SELECT count(*) FROM job_chunks") > seen + 1).then_some(())
        });
        worker.kill();
        seen = world.database.scalar("SELECT count(*) FROM job_chunks");
        assert!(seen < 18, "kill {kill} came too late to prove anything");
    }
    let _worker = WorkerProcess::start(&world, &[]);
    let status = world.completed(&job);
    assert_eq!(
        (&status["total"], &status["processed"], &status["created"]),
        (&json!(9000), &json!(9000), &json!(9000))
    );
    let results = world.results(&job);
    assert!(results.iter().enumerate().all(|(index, result)| result["index"] == index));
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 9000);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_chunks"), 9000);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

#[test]
fn a_stream_whose_seal_is_lost_comes_to_an_end_and_is_kept() {
    let world = World::builder().workers(0).buries(1).start();
    world.publish(&part(0, &[city("a"), city("b")]));
    let arguments = ["--stalled-timeout", "1", "--sweep-interval", "1"];
    let _worker = WorkerProcess::start(&world, &arguments);
    let job = header(2).job_id.to_string();
    until("the job is known", || (world.database.scalar("SELECT count(*) FROM jobs") == 1).then_some(()));
    let status = world.status(&job);
    assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(500)), "{status}");
    let text = "the stream's end did not reach a worker in time; nothing of it was applied; \
        its records are kept: send it again with its Idempotency-Key, or cancel it first, or ask the operator";
    assert_eq!(status["error_text"], text);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_parts"), 2, "what came is kept");
    // The seal comes after all.
    world.publish(&seal(2));
    until("it is kept", || (world.queued().dead == 1).then_some(()));
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_parts"), 2);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}

#[test]
fn a_stream_that_is_slower_than_a_standstill_comes_to_its_good_end() {
    let world = World::builder().workers(0).gateway_arguments(&["--stream-part-records", "3"]).start();
    let _worker = WorkerProcess::start(&world, &["--stalled-timeout", "1", "--sweep-interval", "1"]);
    let mut upload = Upload::begin(&world, "");
    upload.send(lines(0..4).as_bytes());
    let kept = |parts| {
        until("the parts are kept", || {
            (world.database.scalar("SELECT count(*) FROM job_parts") == parts).then_some(())
        });
    };
    kept(1);
    // Whoever ends this one has looked at the other, to which nothing came for longer.
    world.publish(&part(0, &[city("a"), city("b")]));
    kept(2);
    let ended = format!("SELECT count(*) FROM jobs WHERE id = '{}' AND error = 500", header(2).job_id);
    until("the lost stream is ended", || (world.database.scalar(&ended) == 1).then_some(()));
    upload.send(lines(4..6).as_bytes());
    let (status, body) = upload.end();
    assert_eq!(status, 202, "{body}");
    assert_eq!(world.completed(body["job_id"].as_str().unwrap())["created"], 6);
}

#[test]
fn a_part_is_kept_however_long_the_jobs_in_hand_take() {
    let world = World::builder().worker_arguments(&["--small-jobs", "1"]).start();
    world.close_gate();
    let busy =
        world.import(&json!({"db_id": 1, "data": [{"email": "busy@example.com", "city": "Slow"}]})).job_id();
    world.until_held();
    let stream = post(&world, "", NDJSON, lines(0..2).as_bytes()).job_id();
    until("the part is kept", || {
        (world.database.scalar("SELECT count(*) FROM job_parts") == 1).then_some(())
    });
    assert_eq!(world.status(&busy)["status"], "processing");
    world.open_gate();
    world.completed(&busy);
    assert_eq!(world.completed(&stream)["created"], 2);
}

#[test]
fn a_retry_whose_gateway_died_before_the_seal_is_sealed_by_the_next_one() {
    let world = World::start();
    world
        .database
        .execute("ALTER TABLE profiles ADD CONSTRAINT poison CHECK (fields ->> 'city' <> 'Nowhere')");
    let points = json!({"action": "incr", "value": 5});
    let record = |name: &str| json!({"email": format!("{name}@example.com"), "city": "Nowhere", "loyalty_points": points});
    let records = ["a", "b", "c"].map(record);
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    assert_eq!(world.completed(&job)["failed"], 3);
    world.database.execute("ALTER TABLE profiles DROP CONSTRAINT poison");
    // All parts were safe, and the key was its own.
    let retry = header(3).job_id.to_string();
    for (first_index, records) in [(0, &records[..2]), (2, &records[2..])] {
        world.publish(&part(first_index, records));
    }
    let failed: JobId = serde_json::from_value(json!(job)).unwrap();
    let fingerprint = Fingerprint::of(&[failed.0.as_bytes()]);
    world.database.execute(&format!(
        "INSERT INTO request_keys (account, scope, key, job_id, fingerprint, stands_at) \
         VALUES ('demo', 'retry', '{job}', '{retry}', '\\x{fingerprint}', '{retry}')"
    ));
    for _time in 0..2 {
        let answer = world.post(
            &format!("/api/v1.1/jobs/{job}/retry_failed"),
            &[("authorization", &format!("Bearer {DEMO_TOKEN}"))],
            b"",
        );
        assert_eq!(answer.job_id(), retry);
    }
    let status = world.completed(&retry);
    assert_eq!((&status["total"], &status["created"]), (&json!(3), &json!(3)), "{status}");
    until("nothing waits", || (world.queued().work() == 0).then_some(()));
    until("no parts lie about", || {
        (world.database.scalar("SELECT count(*) FROM job_parts") == 0).then_some(())
    });
    let twice = "SELECT count(*) FROM profiles WHERE (fields ->> 'loyalty_points')::int <> 5";
    assert_eq!((world.database.scalar(twice), world.database.scalar("SELECT count(*) FROM jobs")), (0, 2));
}
