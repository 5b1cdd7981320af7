//! A process is told to stop (SIGTERM) while it works: it ends what it has in hand, takes nothing more, and ends by itself.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;

use intake_tests::{DEMO_TOKEN, GatewayProcess, WorkerProcess, World, until};
use serde_json::{Value, json};

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

#[test]
fn a_worker_gives_back_what_it_has_in_hand_after_the_chunk_that_it_has_begun() {
    let world = World::builder().workers(0).start();
    world.close_turnstile();
    let records: Vec<Value> = (0..5).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let worker = WorkerProcess::start(&world, &["--chunk-records", "1", "--small-jobs", "1"]);
    world.until_at_turnstile(1);
    let next = world.import(&json!({"db_id": 1, "data": [{"email": "next@example.com"}]})).job_id();
    until("the worker has it", || (world.queued().work() == 0).then_some(()));
    worker.terminate();
    until("it takes nothing more", || (!worker.is_ready()).then_some(()));
    world.let_through(1);
    assert_eq!(worker.exit_code(), Some(0));
    assert_eq!(
        world.database.scalar("SELECT count(*) FROM job_chunks"),
        1,
        "the chunk in hand, and no other"
    );
    assert_eq!(world.queued().work(), 2, "the rest of the job, and what was not begun");

    let _next = WorkerProcess::start(&world, &["--chunk-records", "1", "--small-jobs", "1"]);
    world.let_through(5);
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["attempts"]), (&json!(5), &json!(2)), "{status}");
    assert_eq!(world.completed(&next)["attempts"], 1);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_chunks"), 6);
}

fn body(person: &str) -> String {
    let add = json!({"action": "incr", "value": 5});
    let person = json!({"email": format!("{person}@example.com"), "loyalty_points": add});
    json!({"db_id": 1, "data": [person]}).to_string()
}

fn post(world: &World, gateway: SocketAddr, person: &str) -> Option<(u16, String)> {
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
    let answer = world.try_post_to(gateway, IMPORT, &headers, body(person).as_bytes())?;
    Some((answer.status, if answer.status == 202 { answer.job_id() } else { answer.text }))
}

fn refuses(gateway: SocketAddr) -> Option<()> {
    TcpStream::connect(gateway).is_err().then_some(())
}

/// A request of which half is sent.
fn half_sent(gateway: SocketAddr, body: &str) -> TcpStream {
    let mut connection = TcpStream::connect(gateway).unwrap();
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {DEMO_TOKEN}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut told = [0; 12];
    connection.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100", "it is read");
    connection.write_all(&body.as_bytes()[..10]).unwrap();
    connection
}

#[test]
fn a_gateway_answers_what_it_has_in_hand() {
    let world = World::builder().workers(0).with_broker_relay().start();
    let gateway = GatewayProcess::start(&world, &["--publish-confirm-timeout", "60000"]);
    let address = gateway.address;
    // From then on it has a channel to publish on.
    assert_eq!(post(&world, address, "c").unwrap().0, 202);
    let sent = body("b");
    let mut half = half_sent(address, &sent);
    world.hold_broker_answers();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| post(&world, address, "a"));
        until("the broker has the message", || (world.queued().work() == 2).then_some(()));
        gateway.terminate();
        until("it takes no connection any more", || refuses(address));
        world.restore_broker();
        let (status, text) = sending.join().unwrap().unwrap();
        assert_eq!(status, 202, "{text}");
    });
    half.write_all(&sent.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 202"), "{answer}");
    assert_eq!(gateway.exit_code(), Some(0));
    world.start_worker();
    until("all are applied", || {
        (world.database.scalar("SELECT count(*) FROM jobs WHERE state = 'completed'") == 3).then_some(())
    });
}

#[test]
fn a_gateway_under_load_has_taken_what_it_accepted_and_nothing_else() {
    let world = World::start();
    let gateway = GatewayProcess::start(&world, &[]);
    let address = gateway.address;
    let accepted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for person in 0..8 {
            let (world, accepted) = (&world, &accepted);
            scope.spawn(move || {
                while let Some((status, job)) = post(world, address, &person.to_string()) {
                    assert_eq!(status, 202, "{job}");
                    accepted.lock().unwrap().push(job);
                }
            });
        }
        until("requests are accepted", || (accepted.lock().unwrap().len() > 100).then_some(()));
        gateway.terminate();
    });
    assert_eq!(gateway.exit_code(), Some(0));
    refuses(address).unwrap();
    let accepted = accepted.into_inner().unwrap();
    for job in &accepted {
        assert_eq!(world.completed(job)["processed"], 1);
    }
    until("all messages are taken", || (world.queued().work() == 0).then_some(()));
    let accepted = i64::try_from(accepted.len()).unwrap();
    assert_eq!(
        world.database.scalar("SELECT count(*) FROM jobs"),
        accepted,
        "what was not answered was not taken"
    );
    let points = "SELECT sum((fields ->> 'loyalty_points')::bigint)::bigint FROM profiles";
    assert_eq!(world.database.scalar(points), 5 * accepted);
}
