//! The clock of a gateway jumps while it runs: what it accepts later is later still.

use std::time::{Duration, SystemTime};

use intake_tests::{Clock, DEMO_TOKEN, GatewayProcess, World};
use serde_json::json;

/// How far ahead of the system's clock a job's time of acceptance is, in minutes, as its id tells it.
fn minutes_ahead(job: &str) -> u64 {
    let digits: String = job.chars().filter(|digit| *digit != '-').take(12).collect();
    let accepted = Duration::from_millis(u64::from_str_radix(&digits, 16).unwrap());
    accepted.saturating_sub(SystemTime::UNIX_EPOCH.elapsed().unwrap()).as_secs() / 60
}

#[test]
fn of_two_requests_the_later_wins_wherever_the_clock_has_jumped_in_between() {
    let world = World::start();
    let clock = Clock::ahead(1);
    let gateway = GatewayProcess::start_by(&clock, &world);
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
    let import = |city: &str| {
        let add = json!({"action": "incr", "value": 5});
        let record = json!({"email": "a@example.com", "city": city, "loyalty_points": add});
        let body = json!({"db_id": 1, "data": [record]}).to_string();
        world.post_to(gateway.address, "/api/v1.1/profiles/import_batch", &headers, body.as_bytes()).job_id()
    };
    let jobs = [(1, "Riga"), (0, "Oslo"), (2, "Bern"), (-1, "Rome"), (0, "Kyiv")].map(|(hours, city)| {
        clock.jump(hours);
        let job = import(city);
        world.completed(&job);
        let result = world.results(&job).remove(0);
        assert!(result["warnings"].is_null(), "it came late: {result}");
        job
    });
    let ahead = jobs.each_ref().map(|job| minutes_ahead(job));
    assert!(ahead[0] > 50 && ahead[2] > 110, "the gateway goes by its clock: {ahead:?}");
    assert!(jobs.is_sorted(), "{jobs:?}");
    let person = world.profiles(json!({"email": "a@example.com"})).remove(0);
    assert_eq!((&person["city"], &person["loyalty_points"]), (&json!("Kyiv"), &json!(25)));
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
}
