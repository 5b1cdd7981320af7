//! The connection goes away, and comes back.

use std::{collections::BTreeSet, time::Duration};

use intake_broker::{
    Error, Outgoing, State,
    testing::{self, eventually},
};
use tokio_util::sync::CancellationToken;

use crate::world::{World, lane, message, next, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_survived_by_both_sides() {
    let (world, relay) = World::behind_relay(|_config| {}).await;
    let (publisher, mut consumer) = (world.publisher().await, world.consumer(1).await);
    publisher.publish(lane(), message("before", "{}")).await.unwrap();
    let in_hand = next(&mut consumer).await;

    relay.cut();
    soon(publisher.watch().wait_for(|state| *state == State::Connecting)).await.unwrap();
    let error = soon(publisher.publish(lane(), message("meanwhile", "{}"))).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable("not connected")), "{error}");
    eventually("the delivery is void", async || (!in_hand.is_current()).then_some(())).await;
    let error = in_hand.ack().await.unwrap_err();
    assert!(matches!(error, Error::Redelivered(_)), "{error}");

    relay.restore();
    soon(publisher.watch().wait_for(|state| *state == State::Ready)).await.unwrap();
    publisher.publish(lane(), message("after", "{}")).await.unwrap();
    let again = next(&mut consumer).await;
    assert_eq!((again.message_id.as_str(), again.redelivered), ("before", true));
    again.ack().await.unwrap();
    let after = next(&mut consumer).await;
    assert_eq!(after.message_id, "after");
    after.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_gap_is_waited_out() {
    let (world, relay) = World::behind_relay(|config| {
        config.publish_wait = Duration::from_secs(10);
        config.broker_reconnect_max = Duration::from_millis(100);
    })
    .await;
    let publisher = world.publisher().await;
    relay.cut();
    soon(publisher.watch().wait_for(|state| *state == State::Connecting)).await.unwrap();
    let publish = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish(lane(), message("patient", "{}")).await }
    });
    relay.restore();
    soon(publish).await.unwrap().unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_confirms_nothing() {
    let (world, relay) = World::behind_relay(|config| {
        config.publish_confirm_timeout = Duration::from_millis(300);
        config.broker_call_timeout = Duration::from_millis(300);
        config.broker_connect_timeout = Duration::from_millis(500);
    })
    .await;
    let publisher = world.publisher().await;
    // These times are short for a busy machine, too.
    let stored = async |name| {
        eventually("it is stored", async || publisher.publish(lane(), message(name, "{}")).await.ok()).await;
    };
    stored("before").await;

    relay.stall();
    let error = publisher.publish(lane(), message("unsure", "{}")).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)) && error.is_unknown(), "{error}");
    // The channel was left; a new one is not to be had, so the connection goes too.
    soon(publisher.watch().wait_for(|state| *state == State::Connecting)).await.unwrap();
    let error = publisher.publish(lane(), message("refused", "{}")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");

    relay.restore();
    stored("after").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_to_reach_a_silent_broker_leave_nothing_behind() {
    let (world, relay) = World::behind_relay(|config| {
        config.broker_connect_timeout = Duration::from_millis(50);
        config.broker_reconnect_max = Duration::from_millis(10);
    })
    .await;
    relay.stall();
    let publishers: Vec<_> = (0..10)
        .map(|_| intake_broker::Publisher::start(&world.config, "leaky", world.shutdown.clone()))
        .collect();
    let error = publishers[0].publish(lane(), message("nowhere", "{}")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    world.shutdown.cancel();
    for publisher in &publishers {
        soon(publisher.closed()).await;
    }
    eventually("the client library's threads end", async || (threads() == 0).then_some(())).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_repeats_the_password() {
    for url in ["amqp://user:hunter2@host:port/", "amqp://user:hunter2@127.0.0.1:1/", "user:hunter2"] {
        let error = intake_broker::depths(&testing::config_at(url, "none")).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "the password of {url} is shown");
    }
}

/// The client library's threads in this process, which is this test's alone under nextest.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "lapin-io-loop").count()
}

/// The promise of the whole service rests on this: what was confirmed is consumed.
#[tokio::test(flavor = "multi_thread")]
async fn through_many_cuts_nothing_confirmed_is_lost() {
    const WRITERS: usize = 8;
    let (world, relay) = World::behind_relay(|config| {
        config.publish_confirm_timeout = Duration::from_secs(1);
        config.broker_reconnect_max = Duration::from_millis(50);
        config.queue_delivery_limit = 1_000;
    })
    .await;
    let publisher = world.publisher().await;
    let enough = CancellationToken::new();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (publisher, enough) = (publisher.clone(), enough.clone());
            tokio::spawn(async move {
                let mut stored = BTreeSet::new();
                for n in 0.. {
                    if enough.is_cancelled() {
                        break;
                    }
                    let id = format!("{writer}-{n}");
                    if publisher
                        .publish(lane(), Outgoing::compress(&id, id.as_bytes()).unwrap())
                        .await
                        .is_ok()
                    {
                        stored.insert(id);
                    }
                }
                stored
            })
        })
        .collect();

    let (mut consumer, mut done) = (world.consumer(10).await, BTreeSet::new());
    for round in 1..=10 {
        for _ in 0..50 {
            take_one(&mut consumer, &mut done).await;
        }
        relay.cut();
        soon(publisher.watch().wait_for(|state| *state == State::Connecting)).await.unwrap();
        relay.restore();
        if round == 10 {
            enough.cancel();
        }
    }
    let mut stored = BTreeSet::new();
    for writer in writers {
        stored.append(&mut soon(writer).await.unwrap());
    }
    assert!(stored.len() > 100, "only {} were stored", stored.len());
    while !stored.is_subset(&done) {
        take_one(&mut consumer, &mut done).await;
    }
    world.end().await;
}

async fn take_one(consumer: &mut intake_broker::Consumer, done: &mut BTreeSet<String>) {
    let delivery = next(consumer).await;
    let id = delivery.message_id.clone();
    assert_eq!(delivery.payload().unwrap(), id.as_bytes());
    // The library may leave an acknowledgement unanswered when the connection breaks just then.
    match soon(delivery.ack()).await {
        Ok(()) => drop(done.insert(id)),
        Err(Error::Redelivered(_)) => {}
        Err(error) => panic!("{error}"),
    }
}
