//! Messages that are dropped, that cannot be redriven, and one among many.

use intake_tests::World;
use serde_json::{Value, json};

use super::{dead_job, points, world};

#[test]
fn what_is_dropped_is_gone_and_its_job_stays_failed() {
    let world = world();
    let job = dead_job(&world);
    let told = world.dead(&["drop", "--all"]);
    assert!(told.code == 1 && told.complaints.contains("--yes"), "{told:?}");
    world.until_dead(1);
    let told = world.dead(&["drop", &job]);
    let line = format!("dropped {job}: import of account demo, 3 records, 1 of them applied\n");
    assert_eq!((told.code, told.output), (0, line));
    world.until_dead(0);
    assert_eq!(world.failed(&job)["processed"], 1);
    world.open_gate();
    assert_eq!(points(&world), ["a 5"]);
}

#[test]
fn what_is_being_redriven_is_not_dropped() {
    let world = world();
    let job = dead_job(&world);
    world.open_gate();
    // Interrupted: the new job is there, and its seal is not.
    assert_eq!(world.dead(&["redrive", &job, "--message-max-bytes", "1"]).code, 1);
    world.until_dead(1);
    let made = world.dead_messages()[0]["redriven_as"].as_str().unwrap().to_owned();
    let told = world.dead(&["drop", &job]);
    assert!(told.code == 1 && told.output.is_empty() && told.complaints.contains(&made), "{told:?}");
    world.until_dead(1);
    assert_eq!(world.redrive(&job), made);
    assert_eq!(world.completed(&made)["created"], 2);
    assert_eq!(points(&world), ["a 5", "b 5", "c 5"]);
}

#[test]
fn what_no_version_at_hand_can_read_is_left_alone_and_keeps_no_other_from_its_work() {
    let world = world();
    let names = ["018bcfe5-687b-7e93-8000-00000000002a", "no job"].map(str::to_owned);
    world.publish_bytes(
        names.into_iter().zip([r#"{"v1":{"#, "nonsense of john@example.com"].map(str::to_owned)),
    );
    world.until_dead(2);
    let records = [super::counted("a", "Riga"), super::counted("b", "Slow")];
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    super::give_up_slow(&world, 3);
    world.open_gate();
    let dead = world.dead_messages();
    let told = |member: &str| -> Vec<&Value> { dead.iter().map(|entry| &entry[member]).collect() };
    assert_eq!(told("kind"), ["unreadable", "unreadable", "import"]);
    // Each has been delivered as often as can be; which of the two dies first is open.
    let mut messages: Vec<&str> =
        told("message")[..2].iter().filter_map(|message| message.as_str()).collect();
    messages.sort_unstable();
    assert_eq!(messages[0], "018bcfe5-687b-7e93-8000-00000000002a");
    let nameless = messages[1];
    assert!(nameless.starts_with("message/"), "{nameless}");
    assert!(!world.dead(&["list"]).output.contains("john"));
    let told = world.dead(&["redrive", "--all"]);
    assert_eq!(
        (told.code, told.complaints.matches("this version cannot read it").count()),
        (1, 2),
        "{told:?}"
    );
    assert!(told.output.contains(&format!("{job} -> ")), "{told:?}");
    world.until_dead(2);
    let told = world.dead(&["show", nameless, "--records"]);
    assert!(told.code == 1 && told.complaints.contains("cannot be read"), "{told:?}");
    assert_eq!(world.dead(&["drop", nameless, "nobody"]).code, 1, "one of them is not there");
    world.until_dead(1);
    assert_eq!(world.dead(&["drop", "--all", "--yes"]).code, 0);
    world.until_dead(0);
}

#[test]
fn one_of_many_is_found_and_all_others_stay() {
    const MANY: u32 = 1000;
    let world = World::builder().buries(MANY).start();
    world.publish_bytes((0..MANY).map(|number| ("from elsewhere".to_owned(), format!("{{\"v1\":{number}"))));
    world.until_dead(MANY);
    let dead = world.dead_messages();
    assert_eq!(dead.len(), usize::try_from(MANY).unwrap());
    let name = dead[700]["message"].as_str().unwrap();
    let shown = world.dead(&["show", name]);
    assert!(shown.code == 0 && shown.output.contains(name), "{shown:?}");
    world.until_dead(MANY);
}

#[test]
fn settings_that_are_not_those_of_the_services_are_told() {
    let world = World::builder().workers(0).start();
    let told = world.dead(&["list", "--queue-max-bytes", "1000"]);
    assert_eq!((told.code, told.output.as_str()), (1, ""), "{told:?}");
    assert!(told.complaints.contains("x-max-length-bytes"), "{told:?}");
}
