//! A dry run says what an import would do, and does nothing.

use intake_tests::{Events, WorkerProcess, World, WorldBuilder, in_both_formats, until};
use serde_json::{Value, json};

in_both_formats!(with in_small_chunks: an_import_does_what_its_dry_run_foretold, each_path_is_tried);

const IMPORT: &str = "/api/v1.1/profiles/import_batch";

/// So small that a person comes again in another chunk.
fn in_small_chunks() -> WorldBuilder {
    World::builder().worker_arguments(&["--chunk-records", "3"])
}

/// The same once what was imported before is told of.
fn rows_at_rest(world: &World) -> [i64; 4] {
    until("all is told", || Some(rows(world)).filter(|rows| rows[3] == 0))
}

/// How many rows each table of the product's data has, and what is on its way to be told.
fn rows(world: &World) -> [i64; 4] {
    ["profiles", "identities", "subscriptions", "outbox WHERE topic = 'profiles'"]
        .map(|table| world.database.scalar(&format!("SELECT count(*) FROM {table}")))
}

/// As the dry run tells it: what would be, and no id of a profile that is not there.
fn foretold(mut result: Value, known: &[Value]) -> Value {
    if let Some(action) = result["action"].as_str().map(ToOwned::to_owned) {
        let word = match action.as_str() {
            "created" => "would_create",
            "updated" => "would_update",
            other => other,
        };
        result["action"] = json!(word);
    }
    if !known.contains(&result["profile_id"]) {
        result.as_object_mut().unwrap().remove("profile_id");
    }
    result
}

fn an_import_does_what_its_dry_run_foretold(world: &World) {
    let known = world.import_all(json!({}), &[json!({"email": "known@example.com", "crm_code": "A-1"})]);
    let known = [known[0]["profile_id"].clone()];
    let subscribed =
        |cat: &str| json!([{"channel": "email", "resource_id": 28, "email": "s@example.com", "cats": [cat]}]);
    let records = [
        json!({"email": "known@example.com", "city": "Riga"}),
        json!({"email": "new@example.com", "_ref": "first"}),
        json!({"email": "not an address"}),
        json!({"email": "known@example.com", "city": "Riga"}),
        json!({"email": "new@example.com", "city": "Riga", "subscriptions": subscribed("category_1")}),
        json!({"email": "other@example.com", "crm_code": "A-1"}),
        json!({"email": "new@example.com", "city": "Riga", "subscriptions": subscribed("category_1"), "_ref": "last"}),
        // Means whom the subscription belongs to, and gives that person another address: the next record makes one anew.
        json!({"email": "s@example.com", "city": null}),
        json!({"email": "new@example.com", "nickname": "N", "crm_code": "A-2"}),
        json!({"email": "new@example.com", "loyalty_points": {"action": "incr", "value": 2}}),
    ];
    let parameters = json!({"unknown_fields": "ignore"});
    let mut dry = json!({"db_id": 1, "data": records, "validate_only": true, "external_id": "night"});
    dry.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    let before = rows_at_rest(world);
    let job = world.post_body(IMPORT, &dry).job_id();
    let status = world.completed(&job);
    let told = world.results(&job);
    assert_eq!(rows(world), before);
    assert_eq!(world.profiles(json!({"matching": "email", "email": "new@example.com"})), [json!(null); 0]);
    let is_dry = |status: &Value| status["validate_only"].to_string().contains("true");
    assert!(is_dry(&status), "{status}");

    let real = json!({"db_id": 1, "data": records, "unknown_fields": "ignore"});
    let job = world.post_body(IMPORT, &real).job_id();
    let done = world.completed(&job);
    for name in ["total", "processed", "created", "updated", "unchanged", "failed", "warnings"] {
        assert_eq!(status[name], done[name], "{name}: {status} {done}");
    }
    assert!(!is_dry(&done), "{done}");
    let results = world.results(&job);
    let foreseen: Vec<Value> = results.into_iter().map(|result| foretold(result, &known)).collect();
    assert_eq!(told, foreseen);
    let actions: Vec<&str> = told.iter().map(|result| result["action"].as_str().unwrap_or("-")).collect();
    let wanted = [
        "would_update",
        "would_create",
        "-",
        "unchanged",
        "would_update",
        "-",
        "unchanged",
        "would_update",
        "would_create",
        "would_update",
    ];
    assert_eq!(actions, wanted, "{told:#?}");
    assert_ne!(rows(world), before);
}

fn each_path_is_tried(world: &World) {
    let known = json!({"email": "known@example.com"});
    world.import_all(json!({}), std::slice::from_ref(&known));
    let before = rows_at_rest(world);
    let records = [json!({"email": "new@example.com"}), known.clone(), json!({"email": "new@example.com"})];
    let dry = json!({"validate_only": true});
    let added = world.batch_all("/api/v1.1/profiles/add_batch", dry.clone(), &records);
    assert_eq!((&added[0]["action"], &added[0]["profile_id"]), (&json!("would_create"), &Value::Null));
    assert_eq!((&added[1]["code"], &added[2]["code"]), (&json!("profile_exists"), &json!("profile_exists")));
    // Nobody could look that profile up.
    let text = "matches profile of record 0, and add_batch makes new ones only";
    assert_eq!(added[2]["error_text"], text);
    let updated = world.batch_all("/api/v1.1/profiles/update_batch", dry.clone(), &records);
    assert_eq!(
        (&updated[0]["code"], &updated[1]["action"]),
        (&json!("profile_not_found"), &json!("unchanged"))
    );
    assert!(updated[1]["profile_id"].is_string(), "{updated:?}");

    // In the query it serves a body that is kept as it is.
    for value in ["true", "1"] {
        let job = world
            .post_body(&format!("{IMPORT}?validate_only={value}"), &json!({"db_id": 1, "data": records}))
            .job_id();
        let status = world.completed(&job);
        assert_eq!((&status["created"], &status["warnings"]), (&json!(1), &json!(0)), "{status}");
    }
    assert_eq!(rows(world), before);
    for query in ["validate_only=perhaps", "validate_only=true&validate_only=false"] {
        let answer = world.post_body(&format!("{IMPORT}?{query}"), &json!({"db_id": 1, "data": records}));
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    let twice = world.post_body(
        &format!("{IMPORT}?validate_only=true"),
        &json!({"db_id": 1, "data": records, "validate_only": true}),
    );
    assert_eq!(twice.status, 400, "{}", twice.text);
    assert_eq!(rows(world), before);
}

#[test]
fn only_its_end_is_told() {
    let world = World::start();
    let mut events = Events::bind(&world, "db.1.*", None);
    world.import_all(json!({"validate_only": true}), &[json!({"email": "a@example.com"})]);
    let told = events.read(1)[0].clone();
    assert_eq!((&told["type"], &told["data"]["validate_only"]), (&json!("job.completed"), &json!(true)));
    assert_eq!(told["data"]["created"], 1);
    world.import_all(json!({}), &[json!({"email": "a@example.com"})]);
    events.read(3);
    assert_eq!(events.of("job.completed")[1]["data"].get("validate_only"), None);
}

#[test]
fn killed_in_the_middle_it_foretells_the_rest_as_before() {
    let world = World::builder().workers(0).start();
    // Each person comes twice, 2,000 records apart.
    let record = |n: usize| json!({"email": format!("{}@example.com", n % 2000), "loyalty_points": n / 2000});
    let records: Vec<Value> = (0..4000).map(record).collect();
    let job = world.import(&json!({"db_id": 1, "data": records, "validate_only": true})).job_id();
    let worker = WorkerProcess::start(&world, &["--chunk-records", "100"]);
    until("the job is under way", || {
        (world.database.scalar("SELECT count(*) FROM job_chunks") > 1).then_some(())
    });
    worker.kill();
    let seen = world.database.scalar("SELECT count(*) FROM job_chunks");
    assert!(seen < 20, "the kill came too late to prove anything");
    let _worker = WorkerProcess::start(&world, &[]);
    let status = world.completed(&job);
    assert_eq!((&status["created"], &status["updated"]), (&json!(2000), &json!(2000)), "{status}");
    assert!(status["attempts"].as_i64().unwrap() > 1);
    assert_eq!(rows(&world), [0; 4]);
    let results = world.results(&job);
    let words = [("would_create", 0..2000), ("would_update", 2000..4000)];
    for (word, range) in words {
        assert!(results[range].iter().all(|result| result["action"] == word), "{word}");
    }
}
