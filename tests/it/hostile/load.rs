//! About ten times as many large bodies at once as the gateway takes at a time, while the workers stand still and while they
//! work: what is not taken is refused, and memory stays within its bound. What was measured is printed (`--no-capture`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Barrier, Mutex};

use intake_tests::{DEMO_TOKEN, GatewayProcess, OTHER_TOKEN, WorkerProcess, World, until};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::{IMPORT, JSON};

/// MiB of one body, of all that are in hand, and what a request costs beside it.
const BODY: u64 = 2;
const INFLIGHT: u64 = 32;
const REQUEST: u64 = 8;
/// A body counts so often while it is read: that many times fewer are read at once.
const COUNTED: u64 = 3;
/// Clients that send at once.
const CLIENTS: u32 = 48;
/// MiB that a worker may grow by: messages and what it makes of them, for each job that it has in hand.
const WORKER: u64 = 80;

/// Text that does not pack well.
fn noise(seed: u32) -> String {
    let mut draw = StdRng::seed_from_u64(seed.into());
    let words: Vec<_> = (0..3000).map(|_| format!("{:016x}", draw.random::<u64>())).collect();
    words.concat()
}

/// What each client sends.
fn bodies() -> Vec<String> {
    let body = |client| {
        let text = noise(client);
        let record = |row| json!({"email": format!("{client}.{row}@example.com"), "_fname": text});
        let records: Vec<Value> = (0..40).map(record).collect();
        json!({"db_id": 2, "data": records}).to_string()
    };
    let bodies: Vec<_> = (0..CLIENTS).map(body).collect();
    assert!(bodies.iter().all(|body| body.len() < usize::try_from(BODY << 20).unwrap()));
    bodies
}

/// What was answered to all of them at once, and the jobs of those that were accepted.
fn fire(world: &World, gateway: SocketAddr, bodies: &[String]) -> (BTreeMap<u16, u32>, Vec<String>) {
    let (statuses, jobs) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let all_are_here = Barrier::new(bodies.len());
    std::thread::scope(|scope| {
        for (body, token) in bodies.iter().zip([DEMO_TOKEN, OTHER_TOKEN].into_iter().cycle()) {
            let (statuses, jobs, all_are_here) = (&statuses, &jobs, &all_are_here);
            scope.spawn(move || {
                let token = format!("Bearer {token}");
                let headers = [("content-type", JSON), ("authorization", token.as_str())];
                all_are_here.wait();
                let answer = world.post_to(gateway, IMPORT, &headers, body.as_bytes());
                *statuses.lock().unwrap().entry(answer.status).or_default() += 1;
                if answer.status == 202 {
                    jobs.lock().unwrap().push(answer.job_id());
                } else {
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                }
            });
        }
    });
    (statuses.into_inner().unwrap(), jobs.into_inner().unwrap())
}

#[test]
fn ten_times_what_can_be_taken_is_refused_and_not_kept() {
    let world = World::builder().workers(0).start();
    let gateway = GatewayProcess::start(
        &world,
        &[
            "--max-inflight-bytes",
            &(INFLIGHT << 20).to_string(),
            "--max-body-bytes",
            &(BODY << 20).to_string(),
        ],
    );
    let bodies = bodies();
    let gateway_before = gateway.peak_memory();
    let (still, mut accepted) = fire(&world, gateway.address, &bodies);
    let worker = WorkerProcess::start(&world, &[]);
    until("the worker is ready", || worker.is_ready().then_some(()));
    let worker_before = worker.peak_memory();
    let (working, more) = fire(&world, gateway.address, &bodies);
    accepted.extend(more);
    until("all that was accepted is applied", || {
        let done = world.database.scalar("SELECT count(*) FROM jobs WHERE state = 'completed'");
        (usize::try_from(done).unwrap() == accepted.len()).then_some(())
    });
    let gateway_grown = gateway.peak_memory() - gateway_before;
    let worker_grown = worker.peak_memory() - worker_before;
    println!(
        "workers still: {still:?}; working: {working:?}; the gateway grew by {gateway_grown} MiB from {gateway_before}, \
         the worker by {worker_grown} MiB from {worker_before}"
    );
    for answered in [&still, &working] {
        assert!(answered.keys().all(|status| [202, 429, 503].contains(status)), "{answered:?}");
        assert!(answered.contains_key(&202), "{answered:?}");
    }
    let most = INFLIGHT + REQUEST * (INFLIGHT / (BODY * COUNTED));
    assert!(gateway_grown <= most, "grew by {gateway_grown} MiB, {most} are allowed");
    assert!(worker_grown <= WORKER, "grew by {worker_grown} MiB");
}
