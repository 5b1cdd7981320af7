//! The list of jobs: newest first, in pages, by what is asked for, of one's own account.

use intake_tests::{OTHER_TOKEN, World, in_both_formats};
use serde_json::{Value, json};

in_both_formats!(
    jobs_are_listed_as_their_statuses_newest_first,
    pages_of_jobs_follow_each_other,
    filters_leave_out_the_others,
    a_wrong_question_is_refused,
);

fn list(world: &World, query: &str) -> Value {
    let answer = world.fetch(&format!("/api/v1.1/jobs{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.value()
}

fn ids(list: &Value) -> Vec<&str> {
    list["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap()).collect()
}

/// Imports one record into a database, under a name of the client's.
fn import(world: &World, db_id: i32, external_id: &str) -> String {
    let body = json!({"db_id": db_id, "external_id": external_id, "data": [{"email": "a@example.com"}]});
    let job = world.import(&body).job_id();
    world.completed(&job);
    job
}

fn jobs_are_listed_as_their_statuses_newest_first(world: &World) {
    let empty = list(world, "");
    assert_eq!((&empty["jobs"], &empty["next_cursor"]), (&json!([]), &Value::Null));
    let first = import(world, 1, "first");
    let one = list(world, "");
    assert_eq!(one["jobs"], json!([world.status(&first)]));
    let second = import(world, 2, "second");
    let two = list(world, "/");
    assert_eq!(two["jobs"], json!([world.status(&second), world.status(&first)]));
    assert_eq!((&two["error"], &two["next_cursor"]), (&json!(0), &Value::Null));
    let others = world.get("/api/v1.1/jobs", Some(OTHER_TOKEN)).json();
    assert_eq!(others["jobs"], json!([]));
}

fn pages_of_jobs_follow_each_other(world: &World) {
    let mut jobs: Vec<String> = (0..5).map(|number| import(world, 1, &number.to_string())).collect();
    jobs.reverse();
    let first = list(world, "?limit=2");
    // What comes meanwhile is before the first page.
    let newest = import(world, 1, "newest");
    let next = |page: &Value| format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let second = list(world, &next(&first));
    let third = list(world, &next(&second));
    assert_eq!([ids(&first), ids(&second), ids(&third)].concat(), jobs);
    assert_eq!(third["next_cursor"], Value::Null);
    assert_eq!(ids(&list(world, "?limit=1")), [newest]);
}

fn filters_leave_out_the_others(world: &World) {
    let night = import(world, 1, "night & day");
    let elsewhere = import(world, 2, "night & day");
    let failed = import(world, 1, "other");
    world.database.execute(
        "UPDATE jobs SET state = 'failed', error = 500, error_text = 'no' WHERE external_id = 'other'",
    );
    assert_eq!(ids(&list(world, "?external_id=night%20%26%20day")), [elsewhere.as_str(), &night]);
    assert_eq!(ids(&list(world, "?db_id=1")), [failed.as_str(), &night]);
    assert_eq!(ids(&list(world, "?status=failed")), [failed.as_str()]);
    assert_eq!(ids(&list(world, "?status=failed,completed&limit=2")), [failed.as_str(), &elsewhere]);
    assert_eq!(
        ids(&list(world, "?status=completed&db_id=1&external_id=night%20%26%20day")),
        [night.as_str()]
    );
    for none in ["?db_id=77", "?external_id=Other", "?status=cancelled", "?status=processing"] {
        assert!(ids(&list(world, none)).is_empty(), "{none}");
    }
}

fn a_wrong_question_is_refused(world: &World) {
    import(world, 1, "one");
    import(world, 1, "two");
    let cursor = list(world, "?limit=1")["next_cursor"].as_str().unwrap().to_owned();
    let other = format!("?token={OTHER_TOKEN}&cursor={cursor}");
    let foreign = world.send("GET", &format!("/api/v1.1/jobs{other}"), &[], b"");
    assert_eq!(foreign.status, 400, "a cursor is one account's: {}", foreign.text);
    for (query, told) in [
        ("?cursor=", "cursor: not one that was given here"),
        ("?cursor=00000000000070008000000000000000", "cursor: not one that was given here"),
        ("?limit=0", "limit: must be a number from 1 to 1000, got `0`"),
        ("?limit=1001", "limit: must be a number from 1 to 1000, got `1001`"),
        (
            "?status=queued",
            "status: `queued` is not allowed; allowed: processing, completed, cancelled, failed",
        ),
        ("?db_id=one", "db_id: must be the id of a database, an int"),
        ("?external_id=%00", "external_id: holds a NUL character"),
        ("?only=failed", "only: not available here"),
        ("?format=csv", "format: not a format; allowed: json, xml"),
    ] {
        let answer = world.fetch(&format!("/api/v1.1/jobs{query}"));
        let text = answer.value()["error_text"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && text.starts_with(told), "{query}: {text}");
    }
}
