//! Sent again because the gateway was killed: before its answer, and again and again while many threads send.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use intake_tests::{DEMO_TOKEN, GatewayProcess, World, in_both_formats, until};
use serde_json::{Value, json};

use super::{is_replayed, points, points_of, send, try_send_as};

const THREADS: usize = 16;
const KILLS: u32 = 3;
/// Answers before each kill.
const ANSWERS: u32 = 60;

fn held_world() -> intake_tests::WorldBuilder {
    World::builder().workers(0).with_broker_relay()
}

in_both_formats!(with held_world:
    between_the_broker_and_the_answer,
    again_and_again_while_many_threads_send_one_request,
);

fn between_the_broker_and_the_answer(world: &World) {
    let mut gateway = GatewayProcess::start(world, &[]);
    let address = gateway.address;
    world.hold_broker_answers();
    let unanswered = std::thread::scope(|scope| {
        let sending = scope.spawn(|| try_send_as(world, DEMO_TOKEN, address, "k", &points("a"), &[]));
        until("the broker has the message", || (world.queued().work == 1).then_some(()));
        gateway.kill();
        sending.join().unwrap()
    });
    assert!(unanswered.is_none(), "it was killed too late: {unanswered:?}");
    world.restore_broker();
    let again = send(world, world.address(), "k", &points("a"), &[]);
    assert!(!is_replayed(&again), "nobody can tell whether the broker has it: it is published again");
    let job = again.job_id();
    assert_eq!(world.queued().work, 2, "both are in the queue");
    world.start_worker();
    let status = world.completed(&job);
    assert_eq!(status["job_id"], job.as_str());
    until("all messages are taken", || (world.queued().work == 0).then_some(()));
    assert_eq!(points_of(world, "a"), 5);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}

fn again_and_again_while_many_threads_send_one_request(world: &World) {
    world.start_worker();
    let records: Vec<Value> = (0..50).map(|person| points(&person.to_string())["data"][0].take()).collect();
    let body = json!({"db_id": 1, "data": records});
    let gateway = Mutex::new(GatewayProcess::start(world, &[]));
    let address = gateway.lock().unwrap().address;
    let (jobs, answers, done) = (Mutex::new(BTreeSet::new()), AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let Some(answer) = try_send_as(world, DEMO_TOKEN, address, "k", &body, &[]) else {
                        continue;
                    };
                    if answer.status == 202 {
                        jobs.lock().unwrap().insert(answer.job_id());
                        answers.fetch_add(1, Ordering::Relaxed);
                    } else {
                        // It is just starting.
                        assert_eq!(answer.status, 503, "{}", answer.text);
                    }
                }
            });
        }
        for kill in 1..=KILLS {
            until("requests are answered", || {
                (answers.load(Ordering::Relaxed) > kill * ANSWERS).then_some(())
            });
            let mut gateway = gateway.lock().unwrap();
            gateway.kill();
            gateway.start_again(world, &[]);
        }
        let so_far = answers.load(Ordering::Relaxed);
        until("requests are answered", || (answers.load(Ordering::Relaxed) > so_far + ANSWERS).then_some(()));
        done.store(true, Ordering::Relaxed);
    });
    let jobs = jobs.into_inner().unwrap();
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    let status = world.completed(jobs.first().unwrap());
    assert_eq!(status["created"], 50);
    until("all messages are taken", || (world.queued().work == 0).then_some(()));
    for person in [0, 25, 49] {
        assert_eq!(points_of(world, &person.to_string()), 5);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}
