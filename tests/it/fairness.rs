//! Whoever imports little does not wait for whoever imports much.

use std::time::{Duration, Instant};

use intake_tests::{DEMO_TOKEN, OTHER_TOKEN, World, until};
use serde_json::{Value, json};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";
/// Records in a chunk, in a batch of the flood, and how many batches beside its stream, which has two batches' records.
const CHUNK: usize = 200;
const BATCH: usize = 8_000;
const BATCHES: usize = 3;
/// Chunks of the flood that may be begun between a small job's acceptance and its end. In the two slots for bulk one each is
/// under way when it is accepted; each of the few steps that it takes (gateway, broker, worker, its own chunk) may last
/// as long as a chunk where the machine is busy. One that waited for a slot of the flood's would see half of a batch and more:
/// 20 chunks in each slot.
const MOST: i64 = 20;

/// Posts a flood as account "demo".
fn flood(world: &World) -> Vec<String> {
    let record = |n: usize| json!({"email": format!("flood{n}@example.com"), "city": "Riga"});
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/x-ndjson"), ("authorization", token.as_str())];
    let lines: String = (0..2 * BATCH).map(|n| record(n).to_string() + "\n").collect();
    let stream = world.post(&format!("{IMPORT}?db_id=1"), &headers, lines.as_bytes()).job_id();
    let batch = |number: usize| {
        let records: Vec<Value> = (0..BATCH).map(|n| record((number + 2) * BATCH + n)).collect();
        world.import(&json!({"db_id": 1, "data": records})).job_id()
    };
    [stream].into_iter().chain((0..BATCHES).map(batch)).collect()
}

/// Posts small batches, each when the one before has ended, as long as the flood is not over; their jobs, and how long they
/// took.
fn trickle(world: &World, token: &str, database: u32, flood: &[String]) -> Vec<(String, Duration)> {
    let mut jobs = Vec::new();
    while !is_over(world, flood) {
        let email = |n: usize| json!({"email": format!("small{}-{n}@example.com", jobs.len())});
        let records: Vec<Value> = (0..10).map(email).collect();
        let start = Instant::now();
        let job = world.post_body_as(token, IMPORT, &json!({"db_id": database, "data": records})).job_id();
        let ended = format!("SELECT count(*) FROM jobs WHERE id = '{job}' AND state = 'completed'");
        until("a small job ends", || (world.database.scalar(&ended) == 1).then_some(()));
        jobs.push((job, start.elapsed()));
    }
    jobs
}

fn is_over(world: &World, flood: &[String]) -> bool {
    let jobs = flood.join("','");
    let ended = format!("SELECT count(*) FROM jobs WHERE id IN ('{jobs}') AND state = 'completed'");
    usize::try_from(world.database.scalar(&ended)) == Ok(flood.len())
}

/// How many chunks of the flood were begun between each small job's acceptance, which its id tells, and its end.
fn chunks_meanwhile(world: &World, flood: &[String], small: &[(String, Duration)]) -> Vec<i64> {
    let flood = flood.join("','");
    let chunks = |(job, _): &(String, Duration)| {
        world.database.scalar(&format!(
            "SELECT count(*) FROM job_chunks c, jobs j WHERE j.id = '{job}' AND c.job_id IN ('{flood}') \
             AND c.applied_at BETWEEN to_timestamp(('x' || left(replace(j.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0) \
                AND j.finished_at"
        ))
    };
    small.iter().map(chunks).collect()
}

#[expect(
    clippy::print_stdout,
    reason = "shown with --success-output, to whoever wants to know how much it is"
)]
fn tell(who: &str, small: &[(String, Duration)], whole: Duration) {
    let mut times: Vec<Duration> = small.iter().map(|(_, time)| *time).collect();
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{who}: {} batches of 10, {median:?} each, {longest:?} at the most; the flood took {whole:?}, {:.0} times as long",
        times.len(),
        whole.as_secs_f64() / longest.as_secs_f64()
    );
}

#[test]
fn small_jobs_do_not_wait_for_bulk_whoever_sends_it() {
    let world = World::builder().worker_arguments(&["--chunk-records", &CHUNK.to_string()]).start();
    let (start, flood) = (Instant::now(), flood(&world));
    until("both slots are busy", || {
        (world.database.scalar("SELECT count(DISTINCT job_id) FROM job_chunks") > 1).then_some(())
    });
    let [other, own] = std::thread::scope(|scope| {
        let (world, flood) = (&world, &flood);
        let trickle = |token, database| scope.spawn(move || trickle(world, token, database, flood));
        [trickle(OTHER_TOKEN, 2), trickle(DEMO_TOKEN, 1)].map(|thread| thread.join().unwrap())
    });
    let whole = start.elapsed();
    for (who, small) in [("another account", other), ("the same account", own)] {
        tell(who, &small, whole);
        // Each but the last has ended before the flood did.
        assert!(small.len() > 10, "only {} were done meanwhile", small.len());
        let chunks = chunks_meanwhile(&world, &flood, &small);
        assert!(chunks.iter().all(|chunks| *chunks <= MOST), "{who}: {chunks:?}");
    }
}

#[test]
fn a_small_job_does_not_wait_for_bulk_that_came_back_as_often() {
    let world = World::builder().workers(0).start();
    world.close_gate();
    let city = |n: usize| if n == 0 { "Slow" } else { "Riga" };
    let bulk: Vec<Value> =
        (0..1100).map(|n| json!({"email": format!("{n}@example.com"), "city": city(n)})).collect();
    let bulk = world.import(&json!({"db_id": 1, "data": bulk})).job_id();
    let small = |name: &str| {
        world.import(&json!({"db_id": 1, "data": [{"email": format!("{name}@example.com")}]})).job_id()
    };
    // More than a worker fetches of their lane.
    let often: Vec<String> = (0..20).map(|n| small(&format!("small{n}"))).collect();
    world.wear(21, 6, || {
        world.start_worker();
        world.until_held();
    });
    for job in often.into_iter().chain([small("fresh")]) {
        assert_eq!(world.completed(&job)["created"], 1);
    }
    assert_eq!(world.held(), 1, "bulk is still at work");
    world.open_gate();
    assert_eq!(world.completed(&bulk)["created"], 1100);
}

#[test]
fn small_jobs_of_one_account_that_wait_for_a_lock_leave_a_slot_to_others() {
    // They wait for as long as it takes.
    let world = World::builder().worker_arguments(&["--patience-seconds", "600"]).start();
    let person = |city: &str| json!({"email": "a@example.com", "city": city});
    world.import_all(json!({}), &[person("Riga")]);
    let waiting = world.while_locked("PERFORM FROM profiles FOR UPDATE", || {
        let import = |city| world.import(&json!({"db_id": 1, "data": [person(city)]})).job_id();
        let waiting = ["Oslo", "Bonn", "Rome", "Lima"].map(import);
        let begun = "SELECT count(*) FROM jobs WHERE state = 'processing'";
        until("they are at work", || (world.database.scalar(begun) > 1).then_some(()));
        for number in 0..3 {
            let body = json!({"db_id": 2, "data": [{"email": format!("{number}@example.com")}]});
            let other = world.post_body_as(OTHER_TOKEN, IMPORT, &body).job_id();
            let ended = format!("SELECT count(*) FROM jobs WHERE id = '{other}' AND state = 'completed'");
            until("a job of another account ends", || (world.database.scalar(&ended) == 1).then_some(()));
        }
        waiting
    });
    for job in waiting {
        assert_eq!(world.completed(&job)["processed"], 1);
    }
}

#[test]
fn pieces_of_streams_are_taken_few_at_a_time() {
    let world = World::builder().gateway_arguments(&["--stream-part-records", "1"]).start();
    world.close_gate_before("INSERT ON job_parts");
    let streams = [(DEMO_TOKEN, 1), (OTHER_TOKEN, 2)].map(|(token, database)| {
        let token = format!("Bearer {token}");
        let headers = [("content-type", "application/x-ndjson"), ("authorization", token.as_str())];
        let line = |n: usize| json!({"email": format!("{n}@example.com")}).to_string() + "\n";
        let lines: String = (0..4).map(line).collect();
        world.post(&format!("{IMPORT}?db_id={database}"), &headers, lines.as_bytes()).job_id()
    });
    until("one of each is at work", || (world.held() >= 2).then_some(()));
    let small = world.import(&json!({"db_id": 1, "data": [{"email": "small@example.com"}]})).job_id();
    assert_eq!(world.completed(&small)["created"], 1);
    assert_eq!(world.held(), 2, "the others wait");
    world.open_gate();
    let jobs = streams.join("','");
    let ended = format!("SELECT count(*) FROM jobs WHERE id IN ('{jobs}') AND state = 'completed'");
    until("both streams are applied", || (world.database.scalar(&ended) == 2).then_some(()));
}
