//! A stream as a dry run: told as the same records in one batch would be, and nothing is written.

use intake_tests::{Events, World, until};
use serde_json::{Value, json};

use super::{CSV, NDJSON, nothing_waits, post};

/// Parts and chunks so small that a person comes again in another one.
fn in_small_parts_and_chunks() -> World {
    World::builder()
        .gateway_arguments(&["--stream-part-records", "3"])
        .worker_arguments(&["--chunk-records", "2"])
        .start()
}

/// Records with every sort of fate; in text alone, as rows have it.
fn records() -> Vec<Value> {
    vec![
        json!({"email": "known@example.com", "city": "Riga"}),
        json!({"email": "new@example.com", "_ref": "first"}),
        json!({"email": "not an address", "_ref": "bad"}),
        json!({"email": "known@example.com", "city": "Riga"}),
        json!({"email": "other@example.com", "crm_code": "A-1"}),
        json!({"email": "new@example.com", "city": "Riga"}),
        json!({"city": "Riga"}),
        json!({"email": "third@example.com", "Custom_ID": "seven"}),
        json!({"email": "new@example.com", "city": "Riga", "Custom_ID": "7"}),
        json!({"email": "new@example.com", "city": "Riga", "Custom_ID": "7"}),
        json!({"email": "last@example.com", "_ref": "last"}),
    ]
}

fn as_lines(records: &[Value]) -> String {
    records.iter().map(|record| record.to_string() + "\n").collect()
}

fn as_rows(records: &[Value]) -> String {
    const COLUMNS: [&str; 5] = ["email", "city", "Custom_ID", "crm_code", "_ref"];
    let cell = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let row = |record: &Value| COLUMNS.map(|name| cell(record, name)).join(",") + "\n";
    COLUMNS.join(",") + "\n" + &records.iter().map(row).collect::<String>()
}

/// What a dry run could have written.
fn rows(world: &World) -> [i64; 4] {
    ["profiles", "identities", "subscriptions", "outbox WHERE topic = 'profiles'"]
        .map(|table| world.database.scalar(&format!("SELECT count(*) FROM {table}")))
}

#[test]
fn lines_and_rows_are_told_as_a_batch_is_and_nothing_is_written() {
    let world = in_small_parts_and_chunks();
    world.import_all(json!({}), &[json!({"email": "known@example.com", "crm_code": "A-1"})]);
    let before = until("all is told", || Some(rows(&world)).filter(|rows| rows[3] == 0));
    let mut events = Events::bind(&world, "db.1.*", None);
    let as_batch = world.import_all(json!({"validate_only": true}), &records());
    let told: Vec<&Value> =
        as_batch.iter().map(|result| result.get("code").unwrap_or(&result["action"])).collect();
    let wanted = [
        "would_update",
        "would_create",
        "invalid_email",
        "unchanged",
        "not_unique",
        "would_update",
        "missing_match_value",
        "invalid_type",
        "would_update",
        "unchanged",
        "would_create",
    ];
    assert_eq!(told, wanted, "{as_batch:#?}");
    for (content_type, body) in [(NDJSON, as_lines(&records())), (CSV, as_rows(&records()))] {
        let job = post(&world, "&validate_only=true", content_type, body.as_bytes()).job_id();
        let status = world.completed(&job);
        assert_eq!(
            (&status["validate_only"], &status["total"], &status["processed"]),
            (&json!(true), &json!(11), &json!(11)),
            "{status}"
        );
        assert_eq!(
            (&status["created"], &status["updated"], &status["unchanged"], &status["failed"]),
            (&json!(2), &json!(3), &json!(2), &json!(4)),
            "{content_type}: {status}"
        );
        assert_eq!(world.results(&job), as_batch, "{content_type}");
        nothing_waits(&world);
        assert_eq!(rows(&world), before, "{content_type}");
    }
    // Of each of the three its end alone is told.
    assert!(events.read(3).iter().all(|event| event["type"] == "job.completed"));

    // The same rows in earnest do what was foretold.
    let job = post(&world, "", CSV, as_rows(&records()).as_bytes()).job_id();
    let status = world.completed(&job);
    assert_eq!(
        (&status["created"], &status["updated"], &status["unchanged"], &status["failed"]),
        (&json!(2), &json!(3), &json!(2), &json!(4)),
        "{status}"
    );
    assert_eq!(status.get("validate_only"), None);
}
