//! Messages of a stream that come back too often: a piece is buried by itself, and the seal ends the job.

use intake_tests::{World, until};
use serde_json::{Value, json};

use super::parts::{city, cut, header, part, seal};
use super::{Upload, lines, parts_are_kept};

fn world(buries: u32) -> World {
    let gateway = ["--stream-part-records", "3"];
    World::builder().workers(0).delivery_limit(1).buries(buries).gateway_arguments(&gateway).start()
}

fn failed(world: &World, job: &str) -> Value {
    let status = world.failed(job);
    assert_eq!(status["processed"], 0, "{status}");
    status
}

fn buried(world: &World, count: u32) {
    until("it is buried", || (world.queued().dead == count).then_some(()));
    assert_eq!(world.queued().undelivered, 0);
}

/// A stream that goes on, of which the first part is buried.
fn begin_without_its_first_part(world: &World) -> Upload {
    let mut upload = Upload::begin(world, "");
    upload.send(lines(0..4).as_bytes());
    until("the part is published", || (world.queued().work() == 1).then_some(()));
    world.reject_until_given_up();
    world.start_worker();
    buried(world, 1);
    upload
}

#[test]
fn a_part_is_buried_alone_and_its_job_ends_for_want_of_it() {
    let world = world(2);
    let upload = begin_without_its_first_part(&world);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0, "a part alone is no job");
    // Nobody has told the client that anything is wrong, so it goes on.
    let (status, told) = upload.end();
    assert_eq!(status, 202, "{told}");
    let status = failed(&world, told["job_id"].as_str().unwrap());
    assert_eq!(status["total"], 4);
    buried(&world, 2);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    assert_eq!(world.database.scalar("SELECT sum(records)::bigint FROM job_parts"), 1, "what came is kept");
}

#[test]
fn a_part_that_comes_back_too_often_ends_no_job_that_has_it_already() {
    let world = world(0);
    // It was kept, and the broker was not told: it comes again until that is too often.
    world.publish(&part(0, &[city("a"), city("b")]));
    world.reject_until_given_up();
    for message in [part(0, &[city("a"), city("b")]), part(2, &[city("c")]), seal(3)] {
        world.publish(&message);
    }
    world.start_worker();
    let status = world.completed(&header(3).job_id.to_string());
    assert_eq!((&status["total"], &status["created"], &status["updated"]), (&json!(3), &json!(1), &json!(2)));
    buried(&world, 1);
    assert_eq!(world.status(&header(3).job_id.to_string()), status);
    let told = world.dead(&["redrive", "--all"]);
    assert!(told.code == 0 && told.output.contains("of no use, the job of the stream has ended"), "{told:?}");
    world.until_dead(0);
    assert_eq!(world.database.scalar("SELECT count(*) FROM job_parts"), 0);
}

#[test]
fn a_part_is_redriven_and_then_the_job_that_ended_for_want_of_it() {
    let world = world(0);
    let (status, told) = begin_without_its_first_part(&world).end();
    assert_eq!(status, 202, "{told}");
    let job = told["job_id"].as_str().unwrap();
    failed(&world, job);
    buried(&world, 2);
    let refused = world.dead(&["redrive", job]);
    assert!(
        refused.code == 1 && refused.complaints.contains("record 0 of the stream is missing"),
        "{refused:?}"
    );
    world.until_dead(2);
    assert_eq!(world.dead_messages()[0]["message"], format!("{job}/part-0"));
    let told = world.dead(&["redrive", "--all"]);
    assert!(told.code == 0 && told.output.contains("the stream has its 3 records"), "{told:?}");
    let new = told.output.split_once(" -> ").unwrap().1.split_once(':').unwrap().0;
    assert_eq!(world.completed(new)["created"], 4);
    world.until_dead(0);
}

#[test]
fn a_seal_ends_its_job_and_is_kept_with_its_parts() {
    let world = world(1);
    world.publish(&seal(3));
    world.reject_until_given_up();
    world.publish(&part(0, &[city("a"), city("b")]));
    world.publish(&part(2, &[city("c")]));
    world.start_worker();
    let status = failed(&world, &header(3).job_id.to_string());
    assert_eq!(status["total"], 3);
    buried(&world, 1);
    parts_are_kept(&world, 3);
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}

#[test]
fn a_word_that_there_is_no_end_is_buried_alone() {
    let world = world(0);
    world.publish(&cut(2));
    world.reject_until_given_up();
    world.start_worker();
    buried(&world, 1);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0);
    // Should its seal have come all the same, that is the job.
    world.publish(&part(0, &[city("a"), city("b")]));
    world.publish(&seal(2));
    assert_eq!(world.completed(&header(2).job_id.to_string())["processed"], 2);
    let told = world.dead(&["redrive", "--all"]);
    assert!(told.code == 0 && told.output.contains("of no use, the stream has its job"), "{told:?}");
    world.until_dead(0);
}
