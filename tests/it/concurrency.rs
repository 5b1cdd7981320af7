//! One match value never makes two profiles, whoever imports at once.

use intake_tests::World;
use serde_json::{Value, json};

fn import_at_once(world: &World, bodies: &[Value]) -> Vec<String> {
    std::thread::scope(|scope| {
        let posts: Vec<_> = bodies.iter().map(|body| scope.spawn(|| world.import(body).job_id())).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    })
}

#[test]
fn twelve_clients_and_two_workers_make_each_person_once() {
    let world = World::builder().workers(2).worker_arguments(&["--small-jobs", "4"]).start();
    for round in 0..5 {
        let mut records: Vec<Value> =
            (0..20).map(|n| json!({"email": format!("r{round}p{n}@example.com"), "city": "A"})).collect();
        let forward = json!({"db_id": 1, "data": records});
        records.reverse();
        let backward = json!({"db_id": 1, "data": records});
        let bodies: Vec<Value> =
            (0..12).map(|n| if n % 2 == 0 { forward.clone() } else { backward.clone() }).collect();
        for job in import_at_once(&world, &bodies) {
            assert_eq!(world.completed(&job)["failed"], 0);
        }
        assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 20 * (round + 1));
    }
}

#[test]
fn modes_that_meet_in_one_value_stay_consistent() {
    let world =
        World::builder().workers(2).worker_arguments(&["--small-jobs", "4", "--chunk-records", "7"]).start();
    let body = |parameters: Value, shift: usize| {
        let data: Vec<Value> = (0..60)
            .map(|n| (n * 7 + shift) % 60)
            .map(|n| json!({"Custom_ID": n, "email": format!("m{n}@example.com"), "crm_code": format!("c{n}")}))
            .collect();
        let mut body = json!({"db_id": 1, "data": data});
        body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        body
    };
    let bodies: Vec<Value> = (0..12)
        .map(|n| match n % 3 {
            0 => body(json!({"matching": "email"}), n),
            1 => body(json!({"matching": "custom", "field_name": "Custom_ID"}), n),
            _ => body(json!({"matching": "custom", "field_name": "crm_code"}), n),
        })
        .collect();
    for job in import_at_once(&world, &bodies) {
        let status = world.completed(&job);
        assert_eq!(status["processed"], 60);
    }
    // crm_code is unique, so every mode ends at the one profile that has it.
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 60);
    let shared = "SELECT count(*) FROM (SELECT value FROM identities GROUP BY db_id, kind, value HAVING count(*) > 1) AS twice";
    assert_eq!(world.database.scalar(shared), 0);
}
