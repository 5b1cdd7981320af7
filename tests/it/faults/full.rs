//! The queue is full: what is not accepted is refused as a whole, and taken again as soon as there is room.

use intake_tests::{Answer, World, until};
use serde_json::json;

#[test]
fn a_full_queue_refuses_and_half_accepts_nothing() {
    let world = World::builder().workers(0).queue_max_bytes(2_000).start();
    let import = |person: usize| {
        let add = json!({"action": "incr", "value": 5});
        let person = json!({"email": format!("{person}@example.com"), "loyalty_points": add});
        world.import(&json!({"db_id": 1, "data": [person]}))
    };
    let (mut accepted, mut refused): (Vec<Answer>, Vec<Answer>) = (Vec::new(), Vec::new());
    // The broker may take a few more than it says, as it looks only now and then.
    for person in 0.. {
        let answer = import(person);
        let list = if answer.status == 202 { &mut accepted } else { &mut refused };
        list.push(answer);
        if refused.len() == 3 {
            break;
        }
    }
    for answer in &refused {
        assert_eq!((answer.status, &answer.value()["error"]), (503, &json!(503)), "{}", answer.text);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    assert_eq!(usize::try_from(world.queued().work()).unwrap(), accepted.len(), "and nothing of the others");

    world.start_worker();
    for answer in &accepted {
        assert_eq!(world.completed(&answer.job_id())["created"], 1);
    }
    let next = until("there is room again", || {
        Some(import(accepted.len() + 100)).filter(|answer| answer.status == 202)
    });
    assert_eq!(world.completed(&next.job_id())["created"], 1);
    let people = i64::try_from(accepted.len()).unwrap() + 1;
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), people);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), people);
}
