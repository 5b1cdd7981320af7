//! The records that failed, as they were sent: to be looked at, mended, and sent again; for a day.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{get_as, imported, indices, mixed, sent};

const NDJSON: &str = "application/x-ndjson";

in_both_formats!(
    failures_come_with_their_records,
    a_mended_record_is_sent_again_with_its_failure_in_it,
    records_are_shown_with_only_failed_alone,
    what_is_no_longer_kept_is_gone,
);

fn failures_come_with_their_records(world: &World) {
    let path = imported(world, &mixed());
    let answer = world.fetch(&format!("{path}?only=failed&payload=true"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.value();
    assert_eq!(indices(&answer), [1, 4]);
    for (entry, record) in [(0, 1), (1, 4)] {
        assert_eq!(answer["result"][entry]["record"], sent(world, mixed()[record].clone()));
    }
    assert_eq!(answer["result"][1]["code"], "invalid_phone");
    let without = world.fetch(&format!("{path}?only=failed&payload=false")).value();
    assert!(without["result"][0].get("record").is_none(), "{without}");
}

fn a_mended_record_is_sent_again_with_its_failure_in_it(world: &World) {
    let mut again = imported(world, &mixed());
    for round in 0..2 {
        let lines = get_as(world, NDJSON, &format!("{again}?only=failed&payload=true")).text;
        let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let error = &records[records.len() - 1]["_error"];
        assert_eq!((&error["code"], &error["field"]), (&json!("invalid_phone"), &json!("phones[0]")));
        assert!(error["error_text"].as_str().unwrap().contains("12345"), "{error}");
        assert!(lines.lines().all(|line| line.starts_with("{\"_error\":{\"index\":")), "{lines}");
        assert_eq!(records.len(), 2 - round);
        if round == 0 {
            // One is mended, the other one fails as before.
            let mut mended = records;
            mended[0]["email"] = json!("mended@example.com");
            again = imported(world, &mended);
            let results = world.fetch(&again).value();
            assert_eq!(results["result"][0]["action"], "created", "{results}");
        }
    }
    let profile = world.profiles(json!({"email": "mended@example.com"})).swap_remove(0);
    assert!(profile.get("_error").is_none(), "{profile}");
}

fn records_are_shown_with_only_failed_alone(world: &World) {
    let path = imported(world, &mixed());
    for query in ["payload=true", "payload=true&only=failed,created", "payload=true&only=created"] {
        let answer = world.fetch(&format!("{path}?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let told = answer.value()["error_text"].as_str().unwrap().to_owned();
        assert!(told.starts_with("payload: "), "{told}");
    }
}

fn what_is_no_longer_kept_is_gone(world: &World) {
    let path = imported(world, &mixed());
    let job = path.split('/').nth(4).unwrap();
    let gone = |path: &str, text: &str| {
        let answer = world.fetch(path);
        let told = answer.value()["error_text"].as_str().unwrap().to_owned();
        assert!(answer.status == 410 && told.starts_with(text), "{} {told}", answer.status);
    };
    let records = format!("{path}?only=failed&payload=true");
    // Whether they have been removed or not.
    world.database.execute("UPDATE jobs SET finished_at = finished_at - interval '24 hours'");
    gone(&records, "the failed records of this job were kept until 20");
    world.database.execute("UPDATE jobs SET finished_at = finished_at + interval '23 hours'");
    assert_eq!(world.fetch(&records).status, 200);
    world.database.execute("DELETE FROM job_failures");
    gone(&records, "the failed records of this job were kept; ");
    assert_eq!(indices(&world.fetch(&format!("{path}?only=failed")).value()), [1, 4]);

    world.database.execute("UPDATE jobs SET expires_at = now() - interval '1 second'");
    gone(&path, "the results of this job were kept until 20");
    gone(&format!("{path}?limit=1"), "the results of this job were kept until 20");
    let status = world.status(job);
    assert_eq!(
        (&status["status"], &status["created"], &status["failed"]),
        (&json!("completed"), &json!(2), &json!(2))
    );
}

#[test]
fn a_record_that_is_no_object_is_told_beside_its_failure() {
    let world = World::start();
    let path = imported(&world, &[json!(["no", "object"]), json!({"email": 5})]);
    let lines = get_as(&world, NDJSON, &format!("{path}?only=failed&payload=true")).text;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["_error"]["record"], json!(["no", "object"]));
    assert_eq!((&lines[1]["_error"]["index"], &lines[1]["email"]), (&json!(1), &json!(5)));
    let table = get_as(&world, "text/csv", &format!("{path}?only=failed&payload=true")).text;
    assert!(table.contains(r#","[""no"",""object""]""#) && table.contains(r#","{""email"":5}""#), "{table}");
}
