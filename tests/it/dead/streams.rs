//! What came as a stream: the seal is dead, and the parts are in the database.

use intake_tests::{DEMO_TOKEN, World, until};
use serde_json::{Value, json};

use super::{counted, give_up_slow, points, world};

/// Posts a stream for database 1; its job.
fn post(world: &World, records: &[Value]) -> String {
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("authorization", token.as_str()), ("content-type", "application/x-ndjson")];
    world.post("/api/v1.1/profiles/import_batch?db_id=1", &headers, lines.join("\n").as_bytes()).job_id()
}

#[test]
fn the_rest_of_it_is_applied_days_later() {
    let world = world();
    let records = ["a", "b", "c", "d", "e", "f", "g"]
        .map(|name| counted(name, if name == "e" { "Slow" } else { "Riga" }));
    let job = post(&world, &records);
    give_up_slow(&world, 1);
    assert_eq!(world.failed(&job)["created"], 4);
    let entry = world.dead_messages().remove(0);
    assert_eq!(
        (&entry["kind"], &entry["records"], &entry["applied"]),
        (&json!("seal"), &json!(7), &json!(4))
    );
    assert_eq!(entry["kept"], 7);
    let left = world.dead(&["show", &job, "--records=left"]).output;
    let left: Vec<Value> = left.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(left, records[4..]);

    // The results are gone by then, the parts and the count of what was applied are not.
    for (table, columns) in [("jobs", &["finished_at", "expires_at"][..]), ("job_parts", &["stored_at"])] {
        for column in columns {
            world.database.execute(&format!("UPDATE {table} SET {column} = {column} - interval '8 days'"));
        }
    }
    until("the results are gone", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") == 0).then_some(())
    });
    world.import_all(json!({}), &[json!({"email": "g@example.com", "city": "Oslo"})]);
    world.open_gate();
    let new = world.redrive(&job);
    let status = world.completed(&new);
    assert_eq!((&status["total"], &status["created"], &status["updated"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(points(&world), ["a 5", "b 5", "c 5", "d 5", "e 5", "f 5", "g 5"]);
    assert_eq!(world.profiles(json!({"email": "g@example.com"}))[0]["city"], "Oslo");
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

#[test]
fn dropped_with_its_parts() {
    let world = world();
    let job = post(&world, &[counted("a", "Riga"), counted("b", "Slow")]);
    give_up_slow(&world, 1);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 1);
    world.database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
    );
    world
        .database
        .execute("CREATE TRIGGER refuse BEFORE DELETE ON job_parts FOR EACH ROW EXECUTE FUNCTION refuse()");
    assert_eq!(world.dead(&["drop", &job]).code, 1);
    world.until_dead(1);
    world.database.execute("DROP TRIGGER refuse ON job_parts");
    assert_eq!(world.dead(&["drop", &job]).code, 0, "as its message is there still");
    world.until_dead(0);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
    assert_eq!(world.failed(&job)["processed"], 1);
    world.open_gate();
}
