//! What others are told of each change.

use std::collections::BTreeMap;

use intake_tests::{Events, World, fits, until};
use serde_json::{Value, json};

fn kinds(events: &[Value]) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for event in events {
        *kinds.entry(event["type"].as_str().unwrap()).or_default() += 1;
    }
    kinds
}

#[test]
fn an_import_is_told_of_by_names_alone() {
    let world = World::start();
    let mut events = Events::bind(&world, "db.1.*", None);
    let record = json!({"email": "a@example.com", "_fname": "Ann", "city": "Riga", "subscriptions": [
        {"channel": "email", "resource_id": 28, "email": "a@example.com", "cats": ["category_1"]},
    ]});
    let made = world.import_all(json!({"external_id": "nightly"}), &[record, json!({"email": "not one"})]);
    events.read(3);
    let profile = events.of("profile.created")[0].clone();
    assert_eq!((&profile["specversion"], &profile["source"]), (&json!("1.0"), &json!("/intake/databases/1")));
    assert_eq!(profile["subject"], made[0]["profile_id"]);
    let data = &profile["data"];
    assert_eq!(data["changed"], json!(["_fname", "city", "email"]));
    assert_eq!((&data["db_id"], &data["external_id"]), (&json!(1), &json!("nightly")));
    let subscription = events.of("subscription.created")[0].clone();
    assert_eq!(subscription["subject"], made[0]["profile_id"]);
    let told = json!({
        "db_id": 1, "job_id": data["job_id"], "external_id": "nightly", "resource_id": 28, "channel": "email",
        "contact": {"email": "a@example.com"}, "changed": ["cats", "status"],
    });
    assert_eq!(subscription["data"], told);
    let job = events.of("job.completed")[0].clone();
    assert_eq!((&job["subject"], &job["data"]["status"]), (&data["job_id"], &json!("completed")));
    assert_eq!((&job["data"]["created"], &job["data"]["failed"]), (&json!(1), &json!(1)));

    let change = json!({"email": "a@example.com", "_fname": "Ann", "city": "Oslo", "subscriptions": [
        {"channel": "email", "resource_id": 28, "email": "a@example.com", "custom_fields": {"source": "web"}, "status": 1},
    ]});
    world.import_all(json!({}), std::slice::from_ref(&change));
    events.read(6);
    assert_eq!(events.of("profile.updated")[0]["data"]["changed"], json!(["city"]));
    let names = json!(["custom_fields.source", "status"]);
    assert_eq!(events.of("subscription.updated")[0]["data"]["changed"], names);
    // The same once more changes nothing, so only the job is told of.
    world.import_all(json!({}), &[change]);
    assert_eq!(kinds(events.read(7))["job.completed"], 3);
    let said = events.known.iter().map(ToString::to_string).collect::<String>();
    assert!(!said.contains("Riga") && !said.contains("Ann"), "{said}");
}

/// Whether a value is what a page shows, where `…` in a text stands for any characters.
fn is_shown(page: &Value, real: &Value) -> bool {
    match (page, real) {
        (Value::String(page), Value::String(real)) => fits(page, real),
        (Value::Object(page), Value::Object(real)) => {
            page.len() == real.len()
                && page.iter().all(|(name, value)| real.get(name).is_some_and(|real| is_shown(value, real)))
        }
        _ => page == real,
    }
}

#[test]
fn the_page_shows_them_as_they_are() {
    let page =
        include_str!("../../docs/api.md").split("\n## ").find(|section| section.starts_with("Events\n"));
    let blocks = page.unwrap().split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let shown: Vec<Value> = blocks.map(|block| serde_json::from_str(block).unwrap()).collect();
    let world = World::start();
    let mut events = Events::bind(&world, "#", None);
    let subscription = |status: &str| {
        json!({
            "channel": "email", "resource_id": 28, "email": "john@example.com", "status": status, "cats": ["category_1"],
            "custom_fields": {"source": "web"},
        })
    };
    let first =
        json!({"email": "john@example.com", "city": "Riga", "subscriptions": [subscription("subscribed")]});
    world.import_all(json!({"external_id": "nightly"}), &[first]);
    let second = json!({
        "email": "john@example.com", "_fname": "John", "city": "Oslo", "subscriptions": [subscription("unsubscribed")],
    });
    world.import_all(json!({}), &[second]);
    let real = events.read(6);
    for page in &shown {
        assert!(real.iter().any(|event| is_shown(page, event)), "{page:#} is shown, and there are {real:#?}");
    }
    assert_eq!(kinds(&shown).len(), kinds(real).len());
}

#[test]
fn skip_triggers_tells_of_the_job_alone() {
    let world = World::start();
    let mut events = Events::bind(&world, "#", None);
    world.import_all(json!({"skip_triggers": true}), &[json!({"email": "a@example.com"})]);
    events.read(1);
    assert_eq!(events.of("job.completed").len(), 1);
}

#[test]
fn a_job_that_failed_is_told_of() {
    let world = World::builder().delivery_limit(1).buries(1).start();
    let mut events = Events::bind(&world, "db.1.jobs", None);
    world.database.execute("ALTER TABLE profiles RENAME TO elsewhere");
    let body = json!({"db_id": 1, "skip_triggers": true, "data": [{"email": "a@example.com"}]});
    let job = world.import(&body).job_id();
    events.read(1);
    let data = &events.known[0]["data"];
    assert_eq!((&data["job_id"], &data["status"]), (&json!(job), &json!("failed")));
    assert_eq!((&data["error"], &data["processed"]), (&json!(500), &json!(0)));
    until("its message is kept", || (world.queued().dead == 1).then_some(()));
}

/// Lets the database write down which job wrote each profile, in the order of the writes.
fn watch(world: &World) {
    world.database.execute("CREATE TABLE seen (position bigserial, id uuid, added text)");
    world.database.execute(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN INSERT INTO seen (id, added) SELECT new.id, e ->> 'id' \
         FROM jsonb_array_elements(new.fields -> 'orders') e \
         WHERE NOT coalesce(old.fields -> 'orders', '[]') @> jsonb_build_array(e); RETURN NULL; END$$",
    );
    world
        .database
        .execute("CREATE TRIGGER see AFTER INSERT OR UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION see()");
}

/// What it wrote down; `jobs` by the orders that they add.
fn written(world: &World, jobs: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let query = "SELECT replace(id::text, '-', '') || ' ' || added FROM seen ORDER BY position";
    for line in world.database.texts(query) {
        let (id, added) = line.split_once(' ').unwrap();
        let job = jobs[added.parse::<usize>().unwrap()].clone();
        written.entry(id.to_owned()).or_default().push(job);
    }
    written
}

/// Imports at once of the same people, each of which adds something of its own: a value that is set would be superseded where
/// a later one is applied before.
fn import_often(world: &World, imports: usize, people: usize) -> Vec<String> {
    let body = |id: usize| {
        let data: Vec<Value> = (0..people)
            .map(|n| json!({"email": format!("p{n}@example.com"), "orders": {"action": "add", "value": {"id": id}}}))
            .collect();
        json!({"db_id": 1, "data": data})
    };
    (0..imports).map(|id| world.import(&body(id)).job_id()).collect()
}

#[test]
fn the_events_of_a_profile_come_in_the_order_of_its_changes() {
    let (imports, people) = (30, 25);
    let world =
        World::builder().workers(2).worker_arguments(&["--small-jobs", "3", "--chunk-records", "10"]).start();
    watch(&world);
    let mut events = Events::bind(&world, "#", None);
    let jobs = import_often(&world, imports, people);
    for job in &jobs {
        world.completed(job);
    }
    events.read(imports * people + imports);
    assert_eq!(events.of("profile.created").len(), people);
    assert_eq!(events.jobs_by_profile(), written(&world, &jobs));
}

#[test]
fn events_that_wait_while_the_broker_is_cut_off_come_afterwards_and_in_order() {
    let (imports, people) = (4, 1000);
    let arguments = ["--small-jobs", "4", "--chunk-records", "50"];
    let world = World::builder().workers(2).worker_arguments(&arguments).with_broker_relay().start();
    watch(&world);
    let mut events = Events::bind(&world, "#", None);
    let jobs = import_often(&world, imports, people);
    let all = i64::try_from(imports * people / 50).unwrap();
    let chunks = || world.database.scalar("SELECT count(*) FROM job_chunks");
    for cut in 0..3 {
        let before = chunks();
        if cut > 0 && before == all {
            break;
        }
        until("the jobs are under way", || (chunks() > before).then_some(()));
        world.cut_broker();
        // Jobs in hand go on meanwhile.
        let waiting = || world.database.scalar("SELECT count(*) FROM outbox");
        until("events wait", || (waiting() > 8 || cut > 0 && chunks() == all).then_some(()));
        world.restore_broker();
    }
    for job in &jobs {
        until("the gateway is back", || (world.get("/health/ready", None).status == 200).then_some(()));
        world.completed(job);
    }
    events.read(imports * people + imports);
    assert_eq!(events.jobs_by_profile(), written(&world, &jobs));
}

#[test]
fn a_bound_queue_that_is_full_holds_events_back_and_loses_none() {
    let world = World::start();
    let mut events = Events::bind(&world, "#", Some(2));
    let people: Vec<Value> = (0..200).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    world.import_all(json!({}), &people);
    until("events are refused, and that is told", || {
        let metrics = world.get("/metrics", None).text;
        let told = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(name))?;
            line.rsplit(' ').next()?.parse::<f64>().ok()
        };
        let waiting = told("intake_events_waiting ").is_some_and(|rows| rows > 0.0);
        let lag = told("intake_events_lag_seconds ").is_some_and(|seconds| seconds > 0.0);
        (waiting && lag && told("intake_events_publish_failures_total ")? > 0.0).then_some(())
    });
    // Imports go on meanwhile.
    world.import_all(json!({"skip_triggers": true}), &[json!({"email": "0@example.com", "city": "Riga"})]);
    events.read(202);
    assert_eq!(events.of("profile.created").len(), 200);
}
