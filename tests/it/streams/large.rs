//! Memory under a large stream, of real processes: that of a part, not that of the stream.

use intake_tests::{DEMO_TOKEN, GatewayProcess, WorkerProcess, World};
use serde_json::json;

use super::{IMPORT, NDJSON};

/// Records in the stream; its text is much more than what is new in memory at any time.
const RECORDS: u32 = 100_000;

#[test]
fn a_large_stream_costs_no_more_memory_than_a_part_of_it() {
    let world = World::builder().workers(0).start();
    let gateway = GatewayProcess::start(&world, &[]);
    let worker = WorkerProcess::start(&world, &["--jobs", "1"]);
    let filler = "x".repeat(1000);
    let mut pack = zstd::Encoder::new(Vec::new(), 1).unwrap();
    for number in 0..RECORDS {
        let line =
            format!("{{\"email\":\"{}@example.com\",\"crm_codes\":\"{number}{filler}\"}}\n", number % 1000);
        std::io::Write::write_all(&mut pack, line.as_bytes()).unwrap();
    }
    let body = pack.finish().unwrap();
    let before = (gateway.peak_memory(), worker.peak_memory());
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", NDJSON), ("content-encoding", "zstd"), ("authorization", token.as_str())];
    let path = format!("{IMPORT}?db_id=1&unknown_fields=ignore&skip_triggers=1");
    let job = world.post_to(gateway.address, &path, &headers, &body).job_id();
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["unchanged"]), (&json!(1000), &json!(RECORDS - 1000)));
    // The parts in hand, in every shape that they pass through, and the allocator's slack.
    let peaks = (gateway.peak_memory(), worker.peak_memory());
    assert!(peaks.0 <= 150 && peaks.1 <= 150, "gateway and worker peaked at {peaks:?} MiB, from {before:?}");
}
