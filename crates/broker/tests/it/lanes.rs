//! What waits in one lane is not held up by what waits in another.

use std::collections::BTreeSet;

use intake_broker::{Class, Delivery, Depths, Lane};

use crate::world::{World, message, next, soon};

const CLASSES: [Class; 2] = [Class::Small, Class::Bulk];

/// Accounts each of which has a lane of its own.
fn accounts() -> Vec<String> {
    let mut lanes = BTreeSet::new();
    let names = (0..).map(|number| format!("account {number}"));
    names.filter(|name| lanes.insert(Lane::of(Class::Bulk, name))).take(4).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_served_in_turn() {
    let world = World::new();
    let publisher = world.publisher().await;
    let mut lanes = BTreeSet::new();
    for account in accounts() {
        for class in CLASSES {
            let lane = Lane::of(class, &account);
            assert!(lanes.insert(lane));
            for n in 0..3 {
                publisher.publish(lane, message(&n.to_string(), "{}")).await.unwrap();
            }
        }
    }
    world.until(Depths { small: 12, bulk: 12, undelivered: 0, dead: 0 }).await;
    let mut consumer = world.consumer(3).await;
    world.until_depths(0, 0).await;
    for round in 0..3 {
        let mut served = BTreeSet::new();
        for _ in 0..lanes.len() {
            let delivery = next(&mut consumer).await;
            // Within a lane the oldest comes first.
            assert_eq!(delivery.message_id, round.to_string());
            served.insert(delivery.lane);
            delivery.ack().await.unwrap();
        }
        assert_eq!(served, lanes, "round {round}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_holds_up_no_other() {
    let world = World::new();
    let publisher = world.publisher().await;
    let [flooded, quiet] = [Lane::of(Class::Small, &accounts()[0]), Lane::of(Class::Small, &accounts()[1])];
    for n in 0..10 {
        publisher.publish(flooded, message(&n.to_string(), "{}")).await.unwrap();
    }
    let mut consumer = world.consumer(2).await;
    // As much as may be in hand of that lane is, and nothing of it is settled.
    let _in_hand = [next(&mut consumer).await, next(&mut consumer).await];
    world.until(Depths { small: 8, bulk: 0, undelivered: 0, dead: 0 }).await;
    publisher.publish(quiet, message("quiet", "{}")).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!((delivery.message_id.as_str(), delivery.lane), ("quiet", quiet));
    delivery.ack().await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_wanted_waits_and_holds_up_nothing() {
    let world = World::new();
    let publisher = world.publisher().await;
    let [bulk, small] = [Lane::of(Class::Bulk, "test"), Lane::of(Class::Small, "test")];
    publisher.publish(bulk, message("bulk", "{}")).await.unwrap();
    publisher.publish(bulk, message("piece", "{}")).await.unwrap();
    let mut consumer = world.consumer(2).await;
    world.until_depths(0, 0).await;
    // Behind the first of its lane.
    let piece = soon(consumer.next_where(|delivery| delivery.message_id == "piece")).await.unwrap();
    piece.ack().await.unwrap();
    publisher.publish(small, message("small", "{}")).await.unwrap();
    let is_small = |delivery: &Delivery| delivery.lane.class() == Class::Small;
    let delivery = soon(consumer.next_where(is_small)).await.unwrap();
    assert_eq!(delivery.message_id, "small");
    delivery.ack().await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!((delivery.message_id.as_str(), delivery.redelivered), ("bulk", false));
    delivery.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}

/// What was fetched before a pause keeps the other lanes from nothing.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_pause_lanes_flow_again_while_another_has_something_left() {
    let world = World::new();
    let publisher = world.publisher().await;
    let [bulk, small] = [Lane::of(Class::Bulk, "test"), Lane::of(Class::Small, "test")];
    for n in 0..3 {
        publisher.publish(bulk, message(&n.to_string(), "{}")).await.unwrap();
    }
    let mut consumer = world.consumer(2).await;
    world.until_depths(1, 0).await;
    consumer.pause();
    publisher.publish(small, message("small", "{}")).await.unwrap();
    consumer.resume();
    let is_small = |delivery: &Delivery| delivery.lane.class() == Class::Small;
    soon(consumer.next_where(is_small)).await.unwrap().ack().await.unwrap();
    // No more is fetched than before.
    world.until_depths(1, 0).await;
    for n in 0..3 {
        let delivery = next(&mut consumer).await;
        assert_eq!((&delivery.message_id, delivery.redelivered), (&n.to_string(), false));
        delivery.ack().await.unwrap();
    }
    world.until_depths(0, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_back_to_the_lane_that_it_came_from() {
    let world = World::with(|config| config.queue_delivery_limit = 1);
    let publisher = world.publisher().await;
    let (mut consumer, mut undelivered) = (world.consumer(1).await, world.undelivered_consumer().await);
    let mut dead = world.dead_consumer().await;
    for account in accounts() {
        for class in CLASSES {
            let lane = Lane::of(class, &account);
            publisher.publish(lane, message("m", "{}")).await.unwrap();
            // Taken away by the broker, which knows nothing of lanes.
            for _ in 0..2 {
                next(&mut consumer).await.reject_for_retry().await.unwrap();
            }
            next(&mut undelivered).await.put_back().await.unwrap();
            let delivery = next(&mut consumer).await;
            assert_eq!((delivery.lane, delivery.delivery_count), (lane, 0));
            delivery.bury("looked at").await.unwrap();
            let delivery = next(&mut dead).await;
            assert_eq!((delivery.lane, delivery.headers.len()), (lane, 1), "the reason alone is told");
            delivery.put_back().await.unwrap();
            let delivery = next(&mut consumer).await;
            assert_eq!((delivery.lane, delivery.headers.as_slice()), (lane, [].as_slice()));
            delivery.ack().await.unwrap();
        }
    }
    world.until_depths(0, 0).await;
    world.end().await;
}
