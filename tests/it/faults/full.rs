//! The queue is full: what is not accepted is refused as a whole, and taken again as soon as there is room.

use intake_tests::{Answer, DEMO_TOKEN, OTHER_TOKEN, World, until};
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

/// The two accounts of the demo have lanes of their own.
#[test]
fn a_full_lane_refuses_its_own_accounts_alone() {
    let world = World::builder().workers(0).queue_max_bytes(2_000).start();
    let import = |token, person: usize| {
        let body = json!({"db_id": 2, "data": [{"email": format!("{person}@example.com")}]});
        world.post_body_as(token, "/api/v1.1/profiles/import_batch", &body)
    };
    let accepted = (0..10_000).take_while(|person| import(DEMO_TOKEN, *person).status == 202).count();
    assert_eq!(import(DEMO_TOKEN, accepted + 1).status, 503);
    let other = import(OTHER_TOKEN, accepted + 2);
    assert_eq!(other.status, 202, "{}", other.text);
    assert_eq!(import(DEMO_TOKEN, accepted + 3).status, 503, "the other one's is full still");
}
