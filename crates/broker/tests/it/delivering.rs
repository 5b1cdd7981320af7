//! A delivery stays with the broker until it is settled.

use std::time::Duration;

use intake_broker::{Error, testing::eventually};

use crate::world::{World, lane, message, next, soon};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_comes_again() {
    let world = World::new();
    let publisher = world.publisher().await;
    publisher.publish(lane(), message("again", "{}")).await.unwrap();
    let mut consumer = world.consumer(1).await;

    next(&mut consumer).await.release().await.unwrap();
    let second = next(&mut consumer).await;
    assert!(second.redelivered);
    let count = second.delivery_count;
    second.reject_for_retry().await.unwrap();
    let third = next(&mut consumer).await;
    assert_eq!(third.delivery_count, count + 1);
    // As after a panic.
    drop(third);
    let fourth = next(&mut consumer).await;
    assert_eq!(fourth.delivery_count, count + 2);
    fourth.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_what_is_in_hand_and_gives_back_the_rest() {
    let world = World::new();
    let publisher = world.publisher().await;
    for n in 0..5 {
        publisher.publish(lane(), message(&n.to_string(), "{}")).await.unwrap();
    }
    let mut consumer = world.consumer(3).await;
    let in_hand = next(&mut consumer).await;
    world.shutdown.cancel();
    assert!(soon(consumer.next()).await.is_none());

    let mut closed = tokio::spawn(consumer.closed());
    world.until_depths(4, 0).await;
    assert!(!closed.is_finished());
    in_hand.ack().await.unwrap();
    soon(&mut closed).await.unwrap();
    world.until_depths(4, 0).await;

    let error = publisher.publish(lane(), message("late", "{}")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable("shutting down")), "{error}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_flow_and_a_resume_starts_it() {
    let world = World::with(|config| config.consume_pause_hold = Duration::from_mins(1));
    let publisher = world.publisher().await;
    let mut consumer = world.consumer(3).await;
    for n in 0..3 {
        publisher.publish(lane(), message(&n.to_string(), "{}")).await.unwrap();
    }
    let in_hand = next(&mut consumer).await;
    world.until_depths(0, 0).await;

    consumer.pause();
    for n in 3..6 {
        publisher.publish(lane(), message(&n.to_string(), "{}")).await.unwrap();
    }
    in_hand.ack().await.unwrap();
    // One more may have come before the pause took hold.
    eventually("most wait in the queue", async || (world.depths().await.bulk >= 2).then_some(())).await;
    let held = tokio::time::timeout(Duration::from_millis(300), consumer.next()).await;
    assert!(held.is_err(), "a paused consumer hands nothing out");

    consumer.gate().resume();
    for _ in 1..6 {
        let delivery = next(&mut consumer).await;
        assert!(!delivery.redelivered, "a short pause returns nothing to the queue");
        delivery.ack().await.unwrap();
    }
    world.until_depths(0, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_pause_leaves_the_messages_to_others() {
    let world = World::with(|config| config.consume_pause_hold = Duration::from_millis(100));
    let publisher = world.publisher().await;
    for n in 0..4 {
        publisher.publish(lane(), message(&n.to_string(), "{}")).await.unwrap();
    }
    let paused = world.consumer(4).await;
    world.until_depths(0, 0).await;
    paused.pause();
    world.until_depths(4, 0).await;

    let mut other = world.consumer(4).await;
    for _ in 0..4 {
        next(&mut other).await.ack().await.unwrap();
    }
    world.until_depths(0, 0).await;
    world.end().await;
}
