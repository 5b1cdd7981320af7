//! Sent again because the gateway was killed: before its answer, and again and again while many threads send.
//!
//! The second story is told in short unless the environment says otherwise: `INTAKE_STORY_THREADS` send (16),
//! the gateway is killed `INTAKE_STORY_KILLS` times (3), spread over at least `INTAKE_STORY_SECONDS` (0). What was counted
//! is printed (`--no-capture`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use intake_tests::{Answer, DEMO_TOKEN, GatewayProcess, World, in_both_formats, until};
use serde_json::{Value, json};

use super::{points, points_of, send, try_send_as};

/// People in the request that is sent again and again.
const PEOPLE: i64 = 50;
/// Answers before each kill.
const ANSWERS: u32 = 60;

/// How long a story is told.
struct Length {
    threads: u32,
    kills: u32,
    seconds: u32,
}

impl Length {
    fn wished() -> Self {
        Self {
            threads: wish("INTAKE_STORY_THREADS", 16),
            kills: wish("INTAKE_STORY_KILLS", 3),
            seconds: wish("INTAKE_STORY_SECONDS", 0),
        }
    }

    /// When this one of the kills (from 1 on) is due at the earliest; the one after the last is the end.
    fn due(&self, kill: u32) -> Duration {
        Duration::from_secs(self.seconds.into()) * kill / (self.kills + 1)
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no main that could read it")]
fn wish(name: &str, short: u32) -> u32 {
    let told = std::env::var(name).ok();
    told.map_or(short, |told| told.parse().unwrap())
}

/// What many threads were answered.
#[derive(Default)]
struct Tally {
    jobs: Mutex<BTreeSet<String>>,
    accepted: AtomicU32,
    /// By status; 0: no answer.
    others: Mutex<BTreeMap<u16, u32>>,
}

impl Tally {
    fn count(&self, answer: Option<&Answer>) {
        if let Some(answer) = answer.filter(|answer| answer.status == 202) {
            self.jobs.lock().unwrap().insert(answer.job_id());
            self.accepted.fetch_add(1, Ordering::Relaxed);
        } else {
            *self.others.lock().unwrap().entry(answer.map_or(0, |answer| answer.status)).or_default() += 1;
        }
    }

    /// Waits until so many more requests are accepted, and at least until it is time.
    fn wait(&self, start: Instant, due: Duration) {
        let before = self.accepted.load(Ordering::Relaxed);
        until("requests are accepted", || {
            let enough = self.accepted.load(Ordering::Relaxed) > before + ANSWERS;
            (enough && start.elapsed() >= due).then_some(())
        });
    }
}

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
        until("the broker has the message", || (world.queued().work() == 1).then_some(()));
        gateway.kill();
        sending.join().unwrap()
    });
    assert!(unanswered.is_none(), "it was killed too late: {unanswered:?}");
    world.restore_broker();
    let again = send(world, world.address(), "k", &points("a"), &[]);
    assert!(!again.is_replayed(), "nobody can tell whether the broker has it: it is published again");
    let job = again.job_id();
    assert_eq!(world.queued().work(), 2, "both are in the queue");
    world.start_worker();
    let status = world.completed(&job);
    assert_eq!(status["job_id"], job.as_str());
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    assert_eq!(points_of(world, "a"), 5);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}

fn again_and_again_while_many_threads_send_one_request(world: &World) {
    let length = Length::wished();
    let records: Vec<Value> =
        (0..PEOPLE).map(|person| points(&person.to_string())["data"][0].take()).collect();
    let body = json!({"db_id": 1, "data": records});
    let mut gateway = GatewayProcess::start(world, &[]);
    let address = gateway.address;
    let (tally, done) = (Tally::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..length.threads {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // While it is gone they do not hammer the port: it has to come back.
                    until("the gateway answers", || {
                        let answer = try_send_as(world, DEMO_TOKEN, address, "k", &body, &[]);
                        tally.count(answer.as_ref());
                        answer
                    });
                }
            });
        }
        let start = Instant::now();
        for kill in 0..=length.kills {
            // Until then no gateway that was just started can know whether the broker has the request.
            if kill == length.kills / 2 {
                world.start_worker();
            }
            tally.wait(start, length.due(kill + 1));
            if kill < length.kills {
                gateway.kill();
                gateway.start_again(world, &[]);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    is_one_job(world, &length, tally);
}

#[expect(
    clippy::print_stdout,
    reason = "what was counted is worth seeing, for whoever has the story told at length"
)]
fn is_one_job(world: &World, length: &Length, tally: Tally) {
    let (jobs, others) = (tally.jobs.into_inner().unwrap(), tally.others.into_inner().unwrap());
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    let statuses: Vec<Value> = jobs.iter().map(|job| world.completed(job)).collect();
    let [profiles, in_ledger, applied] =
        ["count(*) FROM profiles", "count(*) FROM jobs", "coalesce(sum(records), 0) FROM job_chunks"]
            .map(|what| world.database.scalar(&format!("SELECT {what}")));
    println!(
        "{:?}: {} threads, {} kills, {} s: {} times 202, others {others:?} (0: no answer); {} job ids, \
         {in_ledger} jobs, {applied} records applied, {profiles} profiles",
        world.format(),
        length.threads,
        length.kills,
        length.seconds,
        tally.accepted.into_inner(),
        jobs.len(),
    );
    assert_eq!((jobs.len(), in_ledger, applied, profiles), (1, 1, PEOPLE, PEOPLE));
    assert_eq!(statuses[0]["created"], PEOPLE);
    for person in 0..PEOPLE {
        assert_eq!(points_of(world, &person.to_string()), 5);
    }
    // It is just starting, or it was killed.
    assert!(others.keys().all(|status| [0, 503].contains(status)), "{others:?}");
}
