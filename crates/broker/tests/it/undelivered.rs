//! A message that comes back too often waits for somebody who tells of it.

use intake_broker::{Consumer, Depths};

use crate::world::{World, lane, message, next, noise};

const MARKS: [(&str, &str); 2] = [("traceparent", "00-9"), ("job", "9")];

/// Publishes a message and gives it back until the broker has enough.
async fn wear_out(world: &World, consumer: &mut Consumer, payload: &[u8]) {
    let poison = message("poison", payload);
    let poison =
        MARKS.into_iter().fold(poison, |message, (name, value)| message.header(name, value).unwrap());
    world.publisher().await.publish(lane(), poison).await.unwrap();
    give_back(consumer).await;
    world.until(Depths { small: 0, bulk: 0, undelivered: 1, dead: 0 }).await;
}

async fn give_back(consumer: &mut Consumer) {
    for _ in 0..4 {
        next(consumer).await.reject_for_retry().await.unwrap();
    }
}

fn marks() -> Vec<(String, String)> {
    let mut marks = MARKS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    marks.sort();
    marks
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_too_often_is_found_whole_and_buried() {
    let world = World::with(|config| config.queue_delivery_limit = 3);
    let (mut consumer, payload) = (world.consumer(1).await, noise(50_000, 1));
    wear_out(&world, &mut consumer, &payload).await;

    let mut undelivered = world.undelivered_consumer().await;
    // Given back again and again it stays, for there is nobody else to tell.
    for _ in 0..30 {
        next(&mut undelivered).await.reject_for_retry().await.unwrap();
    }
    let delivery = next(&mut undelivered).await;
    assert_eq!(delivery.message_id, "poison");
    assert_eq!(delivery.payload().unwrap(), payload);
    assert_eq!(delivery.headers, marks());
    delivery.bury("it came back too often").await.unwrap();
    world.until_depths(0, 1).await;

    let mut dead = world.dead_consumer().await;
    let delivery = next(&mut dead).await;
    assert_eq!(delivery.message_id, "poison");
    assert_eq!(delivery.payload().unwrap(), payload);
    assert_eq!(delivery.header("x-intake-reason"), Some("it came back too often"));
    assert_eq!((delivery.header("job"), delivery.header("traceparent")), (Some("9"), Some("00-9")));
    delivery.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}

/// Whoever puts it back because it may be innocent can tell how often that was done.
#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_spared_and_that_is_counted() {
    let world = World::with(|config| config.queue_delivery_limit = 3);
    let mut consumer = world.consumer(1).await;
    wear_out(&world, &mut consumer, b"{}").await;

    let mut undelivered = world.undelivered_consumer().await;
    for round in 0..3 {
        let delivery = next(&mut undelivered).await;
        assert_eq!((delivery.spared, &delivery.headers), (round, &marks()));
        delivery.spare().await.unwrap();
        give_back(&mut consumer).await;
    }
    // What an operator redrives begins anew.
    next(&mut undelivered).await.put_back().await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!((delivery.spared, delivery.delivery_count, &delivery.headers), (0, 0, &marks()));
    delivery.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}

/// The broker's record of one round does not travel into the next.
#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_redriven_and_worn_out_again() {
    let world = World::with(|config| config.queue_delivery_limit = 3);
    let mut consumer = world.consumer(1).await;
    wear_out(&world, &mut consumer, b"{}").await;

    let mut undelivered = world.undelivered_consumer().await;
    for round in 0..3 {
        let delivery = next(&mut undelivered).await;
        delivery.put_back().await.unwrap();
        let again = next(&mut consumer).await;
        assert_eq!((again.delivery_count, again.header("job")), (0, Some("9")), "round {round}");
        assert_eq!(again.headers, marks(), "round {round}");
        // Through the dead queue, as an operator does it.
        again.bury("looked at").await.unwrap();
        let mut dead = world.dead_consumer().await;
        next(&mut dead).await.put_back().await.unwrap();
        give_back(&mut consumer).await;
    }
    let delivery = next(&mut undelivered).await;
    assert_eq!(delivery.headers, marks());
    delivery.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}
