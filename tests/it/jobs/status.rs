//! The status of a job: it only moves forward, its counts add up at every moment, and it says when to ask again.

use std::time::{SystemTime, UNIX_EPOCH};

use intake_tests::{DEMO_TOKEN, World, WorldBuilder, in_both_formats, until};
use intake_types::{JobId, JobKey};
use serde_json::{Value, json};

fn one_at_a_time() -> WorldBuilder {
    World::builder().worker_arguments(&["--chunk-records", "1"])
}

in_both_formats!(
    with one_at_a_time:
    a_job_only_moves_forward_and_its_counts_add_up,
    the_time_that_is_left_says_when_to_ask_again,
);

fn number(status: &Value, member: &str) -> u64 {
    status[member].as_u64().unwrap_or_default()
}

const FATES: [&str; 5] = ["created", "updated", "unchanged", "skipped", "failed"];

fn a_job_only_moves_forward_and_its_counts_add_up(world: &World) {
    let records: Vec<Value> = (0..60)
        .map(|number| match number % 4 {
            0 => json!({"email": "none"}),
            1 => json!({"email": "same@example.com"}),
            _ => json!({"email": format!("{number}@example.com"), "city": null}),
        })
        .collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let order = ["queued", "processing", "completed"];
    let place = |status: &Value| order.iter().position(|word| status["status"] == *word).unwrap();
    let mut before = world.status(&job);
    let last = until("the job is completed", || {
        let status = world.status(&job);
        assert!(place(&status) >= place(&before), "{before} then {status}");
        for member in FATES.into_iter().chain(["processed", "warnings", "attempts"]) {
            assert!(number(&status, member) >= number(&before, member), "{before} then {status}");
        }
        let sum: u64 = FATES.iter().map(|fate| number(&status, fate)).sum();
        assert_eq!(sum, number(&status, "processed"), "{status}");
        assert!(status["total"].is_null() || sum <= number(&status, "total"), "{status}");
        before = status;
        (before["status"] == "completed").then(|| before.clone())
    });
    assert_eq!(number(&last, "processed"), 60);
    assert_eq!(FATES.map(|fate| number(&last, fate)), [31, 0, 14, 0, 15]);
    assert_eq!(number(&last, "warnings"), 30);
    assert!(last["rate_per_second"].as_u64().unwrap() > 0 && last["eta_seconds"].is_null());
    assert!(last["expires_at"].as_str() > last["finished_at"].as_str());
}

fn the_time_that_is_left_says_when_to_ask_again(world: &World) {
    let job = world
        .import(&json!({"db_id": 1, "data": [{"email": "a@example.com"}, {"email": "b@example.com"}]}))
        .job_id();
    world.completed(&job);
    let path = format!("/api/v1.1/jobs/{job}");
    assert_eq!(world.fetch(&path).header("retry-after"), None);
    // As if it stood at its first record, which took this long.
    world.database.execute("DELETE FROM job_chunks WHERE first_index > 0");
    for (seconds, again) in [(3600, 60), (20, 20), (0, 1)] {
        world.database.execute(
            "UPDATE jobs SET state = 'processing', finished_at = NULL, expires_at = NULL, tally = NULL",
        );
        world.database.execute(&format!(
            "UPDATE jobs SET started_at = now() - interval '1 day', taken_at = now() - interval '{seconds} seconds'"
        ));
        world.database.execute("UPDATE job_chunks SET applied_at = now()");
        for path in [path.clone(), format!("{path}/results")] {
            let asked: u64 = world.fetch(&path).header("retry-after").unwrap().parse().unwrap();
            assert!((again..=again + 10).contains(&asked) && asked <= 60, "{seconds}: {asked}");
        }
        let eta = number(&world.status(&job), "eta_seconds");
        assert!((seconds..=seconds + 10).contains(&eta), "{seconds}: {eta}");
    }
    // So that the world can end.
    world.database.execute("DELETE FROM jobs");
}

#[test]
fn an_id_is_forgotten_when_its_status_would_be() {
    let world = World::builder().workers(0).gateway_arguments(&["--keep-status", "2"]).start();
    let key = JobKey::new(b"a key for tests only").unwrap();
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let get = |hours: u64, account: &str| {
        let job = JobId::mint(now - hours * 3_600_000_000_000, hours, account, &key);
        let status = world.get(&format!("/api/v1.1/jobs/{job}"), Some(DEMO_TOKEN)).status;
        let results = world.get(&format!("/api/v1.1/jobs/{job}/results"), Some(DEMO_TOKEN)).status;
        assert_eq!(status, results);
        status
    };
    assert_eq!([get(0, "demo"), get(1, "demo"), get(2, "demo"), get(0, "other")], [200, 200, 404, 404]);
}
