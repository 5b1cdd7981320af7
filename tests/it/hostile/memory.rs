//! Peak memory under fire, of real processes: bounded by what is set, not by what is sent.

use intake_tests::{DEMO_TOKEN, GatewayProcess, WorkerProcess, World};
use serde_json::{Value, json};

use super::{IMPORT, JSON, XML, zstd, zstd_bomb};

/// MiB that bodies may hold in the gateway under test: what one of the largest size needs.
const INFLIGHT: u64 = 60;
/// MiB for each request under way: the elements of one record, a decoder's window and step, its thread.
const REQUEST: u64 = 10;
/// How many requests there are at a time.
const REQUESTS: usize = 12;

#[test]
fn a_gateway_under_bombs_stays_within_its_bound() {
    let world = World::builder().workers(0).start();
    let gateway = GatewayProcess::start(&world, &["--max-inflight-bytes", &(INFLIGHT << 20).to_string()]);
    let before = gateway.peak_memory();
    let token = format!("Bearer {DEMO_TOKEN}");
    let bomb = zstd_bomb(1024);
    let deep = "<a>".repeat(3_400_000);
    let wide = "<a/>".repeat(2_500_000);
    let bodies = [
        (JSON, bomb.clone()),
        (XML, bomb),
        (XML, zstd(format!("<xml><p>{deep}").as_bytes(), None)),
        (XML, zstd(format!("<xml><data>{deep}").as_bytes(), None)),
        (XML, zstd(format!("<xml><data>{wide}").as_bytes(), None)),
        (JSON, zstd(format!("{{\"a\":{}", "[".repeat(10 << 20)).as_bytes(), None)),
    ];
    std::thread::scope(|scope| {
        for _ in 0..REQUESTS / bodies.len() {
            for (content_type, body) in &bodies {
                let headers = [
                    ("content-type", *content_type),
                    ("content-encoding", "zstd"),
                    ("authorization", &token),
                ];
                let (world, gateway) = (&world, &gateway);
                scope.spawn(move || {
                    for _ in 0..5 {
                        let status = world.post_to(gateway.address, IMPORT, &headers, body).status;
                        assert!([400, 413, 429, 503].contains(&status), "{status}");
                    }
                });
            }
        }
    });
    let grown = gateway.peak_memory() - before;
    let bound = INFLIGHT + REQUEST * u64::try_from(REQUESTS).unwrap();
    assert!(grown <= bound, "grew by {grown} MiB, from {before}");
}

#[test]
fn a_worker_does_not_unfold_what_no_record_may_hold() {
    let world = World::builder().workers(0).start();
    let worker = WorkerProcess::start(&world, &["--jobs", "1"]);
    let import = |record: String| {
        let token = format!("Bearer {DEMO_TOKEN}");
        let headers = [("content-type", JSON), ("authorization", token.as_str())];
        let body = format!(r#"{{"db_id":1,"data":[{{"email":"a@example.com"}},{record}]}}"#);
        let job = world.post(IMPORT, &headers, body.as_bytes()).job_id();
        world.completed(&job);
        world.results(&job)
    };
    import(r#"{"email":"b@example.com"}"#.to_owned());
    let before = worker.peak_memory();
    // Each would be several hundred MiB as a tree.
    let numbers = vec!["1"; 4_900_000].join(",");
    let lists = vec!["[]"; 3_300_000].join(",");
    let members: Vec<String> = (0..900_000).map(|number| format!("\"{number}\":1")).collect();
    for record in [
        format!(r#"{{"email":"c@example.com","address":{{"a":[{numbers}]}}}}"#),
        format!(r#"{{"email":"c@example.com","orders":[{lists}]}}"#),
        format!(r#"{{"email":"c@example.com",{}}}"#, members.join(",")),
    ] {
        let results = import(record);
        assert_eq!((&results[0]["error"], &results[1]["code"]), (&json!(0), &json!("out_of_range")));
    }
    // The message, packed, unpacked and once more while it is read; a tree of the most values; the allocator's slack.
    let grown = worker.peak_memory() - before;
    assert!(grown <= 120, "grew by {grown} MiB, from {before}");
}

#[test]
fn functions_cannot_grow_a_profile_without_end() {
    let world = World::builder().workers(0).start();
    let worker = WorkerProcess::start(&world, &["--jobs", "1"]);
    world.import_all(json!({}), &[json!({"email": "light@example.com"})]);
    let before = worker.peak_memory();
    // Each as many values as a record may hold, put into one profile after the other, and beside each other.
    let numbers = vec![1; 49_000];
    let add = |number: usize| {
        let order = json!({"action": "add", "value": {"a": numbers}});
        let put = json!({"action": "upsert", "submatch": format!("a{number}"), "value": "x".repeat(40_000)});
        let (field, function) = if number.is_multiple_of(2) { ("orders", order) } else { ("address", put) };
        json!({"email": "grown@example.com", field: function})
    };
    let records: Vec<Value> = (0..60).map(add).collect();
    let results = world.import_all(json!({}), &records);
    let refused = results.iter().filter(|result| result["code"] == "out_of_range").count();
    assert!(results[0]["error"] == 0 && refused > 30, "{refused} of 60 were refused");
    assert!(results.iter().all(|result| result["error"] == 0 || result["code"] == "out_of_range"));
    let grown = worker.peak_memory() - before;
    assert!(grown <= 150, "grew by {grown} MiB, from {before}");
}

#[test]
fn a_worker_takes_heavy_records_few_at_a_time() {
    let world = World::builder().workers(0).start();
    let worker = WorkerProcess::start(&world, &["--jobs", "1"]);
    world.import_all(json!({}), &[json!({"email": "light@example.com"})]);
    let before = worker.peak_memory();
    // Each as many values as a record may hold: all of them at a time would take more than 300 MiB.
    let numbers = vec![1; 49_000];
    let records: Vec<Value> = (0..50)
        .map(|number| json!({"email": format!("{number}@example.com"), "address": {"a": numbers}}))
        .collect();
    let results = world.import_all(json!({}), &records);
    assert!(results.iter().all(|result| result["action"] == "created"));
    let grown = worker.peak_memory() - before;
    assert!(grown <= 220, "grew by {grown} MiB, from {before}");
}
