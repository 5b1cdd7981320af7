//! The broker is short of memory: it takes nothing from anybody, and gives out what it has.

use intake_tests::{WorkerProcess, World, until};
use serde_json::{Value, json};

/// Several times what a worker has in hand of a lane at a time.
const JOBS: usize = 40;

fn body(name: &str) -> Value {
    let add = json!({"action": "incr", "value": 5});
    json!({"db_id": 1, "data": [{"email": format!("{name}@example.com"), "loyalty_points": add}]})
}

#[test]
fn what_waits_is_applied_and_acknowledged_and_nothing_is_published_until_it_is_over() {
    // What is under way is waited for, however long the story takes.
    let patience = ["--publish-confirm-timeout", "90000", "--broker-heartbeat", "90"];
    let world = World::builder()
        .workers(0)
        .with_broker_relay()
        .gateway_arguments(&patience)
        .worker_arguments(&patience)
        .buries(1)
        .start();
    let jobs: Vec<String> =
        (0..JOBS).map(|number| world.import(&body(&number.to_string())).job_id()).collect();
    world.publish_bytes([("from elsewhere".to_owned(), "no message".to_owned())]);
    world.raise_alarm();
    std::thread::scope(|scope| {
        let under_way = scope.spawn(|| world.import(&body("under-way")));
        until("the gateway is told", || (world.get("/health/ready", None).status == 503).then_some(()));
        let refused = world.import(&body("refused"));
        assert_eq!(refused.status, 503, "{}", refused.text);

        let _worker = WorkerProcess::start(&world, &[]);
        for job in &jobs {
            let status = world.completed(job);
            assert_eq!((&status["created"], &status["attempts"]), (&json!(1), &json!(1)), "{status}");
        }
        assert!(world.database.scalar("SELECT count(*) FROM outbox") > 0, "no event is sent");
        assert_eq!((world.queued().work(), world.queued().dead), (0, 0), "what is to be buried is held");
        world.restore_broker();
        assert_eq!(world.completed(&under_way.join().unwrap().job_id())["created"], 1);
        until("the events are sent", || {
            (world.database.scalar("SELECT count(*) FROM outbox") == 0).then_some(())
        });
        world.until_dead(1);
        assert_eq!(world.completed(&world.import(&body("after")).job_id())["created"], 1);
    });
    let once = "SELECT count(*) FROM profiles WHERE fields ->> 'loyalty_points' = '5'";
    for people in [once, "SELECT count(*) FROM profiles"] {
        assert_eq!(world.database.scalar(people), i64::try_from(JOBS).unwrap() + 2);
    }
}
