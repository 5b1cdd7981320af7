//! Looking through the dead queue takes nothing out of it, and comes to its end.

use intake_broker::{DeadQueue, Publisher};

use crate::world::{World, lane, message, next, soon};

async fn bury(world: &World, publisher: &Publisher, count: u32) {
    let mut consumer = world.consumer(1).await;
    for number in 0..count {
        publisher.publish(lane(), message(&format!("m{number}"), "{}")).await.unwrap();
        next(&mut consumer).await.bury("no use").await.unwrap();
    }
    world.until_depths(0, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_aside_is_seen_once_and_is_back_in_the_end() {
    let world = World::new();
    let publisher = world.publisher().await;
    bury(&world, &publisher, 5).await;
    for _time in 0..2 {
        let mut queue = soon(DeadQueue::open(&world.config, "test operator")).await.unwrap();
        let mut seen = Vec::new();
        while let Some(delivery) = soon(queue.next()).await.unwrap() {
            assert_eq!(delivery.reason(), Some("no use"));
            seen.push(delivery.message_id.clone());
            delivery.set_aside();
        }
        assert_eq!(seen, ["m0", "m1", "m2", "m3", "m4"]);
        soon(queue.close()).await;
        world.until_depths(0, 5).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_ends_although_messages_come_back_meanwhile() {
    let world = World::new();
    let publisher = world.publisher().await;
    bury(&world, &publisher, 3).await;
    let mut queue = soon(DeadQueue::open(&world.config, "test operator")).await.unwrap();
    let mut taken = 0;
    while let Some(delivery) = soon(queue.next()).await.unwrap() {
        taken += 1;
        assert!(taken <= 3, "it goes round in circles");
        // As whoever finds it to be of no use any more.
        delivery.bury("again").await.unwrap();
    }
    assert_eq!(taken, 3);
    queue.publisher().publish(lane(), message("new", "{}")).await.unwrap();
    soon(queue.close()).await;
    world.until_depths(1, 3).await;
    world.end().await;
}
