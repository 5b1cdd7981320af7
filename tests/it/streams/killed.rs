//! The gateway killed in a stream: in its middle, when all but its seal is safe, and before its answer. Sent again with its
//! key it is applied once. Each line adds 5 points: it would tell if it were applied twice.

use intake_tests::{Answer, DEMO_TOKEN, GatewayProcess, WorkerProcess, World, until};
use serde_json::{Value, json};

use super::{IMPORT, NDJSON, Upload, nothing_waits, parts_are_kept, the_job};

const KEY: &str = "Idempotency-Key: k\r\n";
/// What a gateway says beside the message that makes a stream a job: a header, as AMQP has it.
const SEAL: &[u8] = b"x-intake-kindS\0\0\0\x04seal";
/// Records of the stream: three parts.
const RECORDS: i64 = 7;

fn world() -> World {
    World::builder().workers(0).with_broker_relay().gateway_arguments(&["--stream-part-records", "3"]).start()
}

/// A worker that ends what nothing comes of for a second.
fn watchdog(world: &World) -> WorkerProcess {
    WorkerProcess::start(world, &["--stalled-timeout", "1", "--sweep-interval", "1"])
}

fn lines() -> String {
    let add = json!({"action": "incr", "value": 5});
    let line = |row| {
        json!({"email": format!("{row}@example.com"), "loyalty_points": add, "city": "Nowhere"}).to_string()
            + "\n"
    };
    (0..RECORDS).map(line).collect()
}

/// Sends the stream with its key; `None`: no answer.
fn try_send(world: &World, gateway: std::net::SocketAddr) -> Option<Answer> {
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", NDJSON), ("authorization", token.as_str()), ("idempotency-key", "k")];
    world.try_post_to(gateway, &format!("{IMPORT}?db_id=1"), &headers, lines().as_bytes())
}

/// The job that the key stands for.
fn job_of_key(world: &World) -> String {
    world.database.texts("SELECT job_id FROM request_keys").pop().unwrap()
}

/// Sends the stream again, to the world's own gateway; the job.
fn send_again(world: &World, replayed: bool) -> String {
    until("the gateway is ready", || (world.get("/health/ready", None).status == 200).then_some(()));
    let again = try_send(world, world.address()).unwrap();
    assert_eq!(again.is_replayed(), replayed, "{}", again.text);
    again.job_id()
}

/// Waits until this job is completed, and all that was sent is applied once.
fn is_applied_once(world: &World, job: &str) {
    let status = world.completed(job);
    assert_eq!((&status["job_id"], &status["created"]), (&json!(job), &json!(RECORDS)), "{status}");
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    let points = "SELECT count(*) FROM profiles WHERE fields ->> 'loyalty_points' = '5'";
    assert_eq!(world.database.scalar(points), RECORDS);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), RECORDS);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_chunks"), RECORDS);
}

/// Once so many records are kept: the time passes in which their gateway, had it lived, might have gone on with the stream.
fn its_time_passes(world: &World, records: i64) {
    parts_are_kept(world, records);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts WHERE open_until <= now()"), 0);
    world.database.execute("UPDATE job_parts SET open_until = now()");
}

/// The status of the stream's job once the watchdog has ended it: nothing came of it for as long as the watchdog waits.
fn given_up(world: &World) -> Value {
    let status = the_job(world);
    assert_eq!((&status["status"], &status["error"]), (&json!("failed"), &json!(500)), "{status}");
    assert_eq!((&status["processed"], &status["created"]), (&json!(0), &json!(0)), "{status}");
    let quiet = "SELECT extract(epoch FROM max(j.finished_at) - max(p.stored_at)) >= 1 \
        FROM jobs j JOIN job_parts p ON p.job_id = j.id";
    assert_eq!(world.database.texts(quiet), ["true"]);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0, "nothing of it is applied");
    status
}

/// The watchdog ends the stream of so many records as failed, and keeps them; its key is free for another try.
fn is_free_once_it_is_given_up(world: &World, records: i64) {
    let worker = watchdog(world);
    its_time_passes(world, records);
    let failed = given_up(world);
    worker.kill();
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_parts"), records, "they are kept");
    let job = send_again(world, false);
    assert_ne!(failed["job_id"], job.as_str());
    world.start_worker();
    is_applied_once(world, &job);
    assert_eq!(world.status(failed["job_id"].as_str().unwrap()), failed);
}

#[test]
fn in_the_middle_of_it_nothing_is_applied_and_its_key_is_free() {
    let world = world();
    let mut gateway = GatewayProcess::start(&world, &[]);
    let worker = WorkerProcess::start(&world, &[]);
    let mut upload = Upload::begin_at(gateway.address, KEY);
    upload.send(lines().as_bytes());
    parts_are_kept(&world, 6);
    gateway.kill();
    upload.was_never_answered();
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0, "parts alone are no job");
    worker.kill();

    is_free_once_it_is_given_up(&world, 6);
}

#[test]
fn when_all_but_its_seal_is_safe_its_key_is_free_once_it_is_given_up() {
    let world = world();
    let mut gateway = GatewayProcess::start(&world, &[]);
    killed_before_its_seal(&world, &mut gateway);
    is_free_once_it_is_given_up(&world, RECORDS);
}

#[test]
fn when_all_but_its_seal_is_safe_it_is_sealed_by_being_sent_again() {
    let world = world();
    let mut gateway = GatewayProcess::start(&world, &[]);
    killed_before_its_seal(&world, &mut gateway);
    let first = job_of_key(&world);
    assert_eq!(send_again(&world, false), first);
    world.start_worker();
    is_applied_once(&world, &first);
    nothing_waits(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}

#[test]
fn what_was_accepted_before_it_was_sealed_again_still_wins() {
    let world = world();
    let mut gateway = GatewayProcess::start(&world, &[]);
    killed_before_its_seal(&world, &mut gateway);
    let one = json!({"db_id": 1, "data": [{"email": "0@example.com", "city": "Riga"}]});
    until("the gateway is ready", || (world.get("/health/ready", None).status == 200).then_some(()));
    let between = world.import(&one).job_id();
    let sealed = send_again(&world, false);
    world.start_worker();
    world.completed(&between);
    world.completed(&sealed);
    let riga = "SELECT count(*) FROM profiles WHERE fields ->> 'city' = 'Riga'";
    assert_eq!(world.database.scalar(riga), 1, "it was accepted later");
}

/// Sends a stream whose key is claimed, whose parts are safe, and whose seal does not reach the broker.
fn killed_before_its_seal(world: &World, gateway: &mut GatewayProcess) {
    let address = gateway.address;
    world.lose_for_broker_from(SEAL);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| try_send(world, address));
        world.until_said();
        gateway.kill();
        let unanswered = sending.join().unwrap();
        assert!(unanswered.is_none(), "it was killed too late: {unanswered:?}");
    });
    assert_eq!(world.queued().work(), 3, "all parts, and no seal");
    assert_eq!(world.database.scalar("SELECT count(*) FROM request_keys"), 1);
}

/// Sends a stream whose seal reaches the broker, and whose client is not told.
fn killed_before_its_answer(world: &World) {
    let mut gateway = GatewayProcess::start(world, &[]);
    let address = gateway.address;
    world.hold_broker_answers_from(SEAL);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| try_send(world, address));
        until("the broker has the seal", || (world.queued().work() == 4).then_some(()));
        gateway.kill();
        let unanswered = sending.join().unwrap();
        assert!(unanswered.is_none(), "it was killed too late: {unanswered:?}");
    });
    world.restore_broker();
}

#[test]
fn before_its_answer_it_is_the_same_job_that_no_worker_has_yet() {
    let world = world();
    killed_before_its_answer(&world);
    let first = job_of_key(&world);
    assert_eq!(send_again(&world, false), first, "nobody can tell whether the broker has its seal");
    // Parts and seal as they came first, the parts that came again, the seal once more, and a word to drop the parts.
    until("all is in the queue", || (world.queued().work() == 4 + 3 + 1 + 1).then_some(()));
    world.start_worker();
    is_applied_once(&world, &first);
    nothing_waits(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}

#[test]
fn before_its_answer_it_is_the_same_job_that_has_ended() {
    let world = world();
    killed_before_its_answer(&world);
    let first = job_of_key(&world);
    world.start_worker();
    is_applied_once(&world, &first);
    assert_eq!(send_again(&world, true), first);
    is_applied_once(&world, &first);
    nothing_waits(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 1);
}
