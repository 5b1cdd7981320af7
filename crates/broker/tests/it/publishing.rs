//! What the broker says to a message is what the publisher hears.

use intake_broker::{Error, Outgoing, unpack};

use crate::world::{World, lane, message, next, noise, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_as_it_was_sent() {
    let world = World::new();
    let publisher = world.publisher().await;
    let sent = message("job-1", r#"{"a":"é"}"#).header("traceparent", "00-1").unwrap();
    publisher.publish(lane(), sent).await.unwrap();

    let mut consumer = world.consumer(2).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.message_id, "job-1");
    assert_eq!(delivery.headers, [("traceparent".to_owned(), "00-1".to_owned())]);
    assert_eq!((delivery.redelivered, delivery.delivery_count), (false, 0));
    assert_eq!(delivery.payload().unwrap(), r#"{"a":"é"}"#.as_bytes());
    delivery.ack().await.unwrap();

    world.shutdown.cancel();
    assert!(soon(consumer.next()).await.is_none());
    soon(consumer.closed()).await;
    soon(publisher.closed()).await;
    world.until_depths(0, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_may_stay_packed_and_a_message_be_marked() {
    let world = World::new();
    let publisher = world.publisher().await;
    let marks =
        [("kind", "part"), ("account", "demo"), ("db", "1"), ("job", "019d3f1e-0000-7000-8000-000000000000")];
    let payload = br#"{"email":"a@example.com"}"#.repeat(1000);
    let mark = |message: Outgoing, (name, value): (&str, &str)| message.header(name, value).unwrap();
    publisher.publish(lane(), marks.into_iter().fold(message("part-1", &payload), mark)).await.unwrap();
    publisher
        .publish(lane(), Outgoing::plain("plain", "text/plain", payload.clone()).unwrap())
        .await
        .unwrap();

    let mut consumer = world.consumer(1).await;
    let delivery = next(&mut consumer).await;
    for (name, value) in marks {
        assert_eq!(delivery.header(name), Some(value));
    }
    let stored = delivery.packed().unwrap().to_vec();
    assert!(stored.len() < payload.len() / 10, "{} bytes", stored.len());
    delivery.ack().await.unwrap();
    assert_eq!(unpack(&stored, payload.len()).unwrap(), payload);
    let error = unpack(&stored, payload.len() - 1).unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "payload", .. }), "{error}");

    let plain = next(&mut consumer).await;
    let error = plain.packed().unwrap_err();
    assert!(matches!(&error, Error::Encoding(name) if name == "identity"), "{error}");
    assert_eq!(plain.payload().unwrap(), payload);
    plain.ack().await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_queue_a_message_is_refused_and_the_queue_comes_back() {
    let world = World::new();
    let publisher = world.publisher().await;
    world.delete_queues().await;

    let results = futures_util::future::join_all(
        (0..50).map(|n| publisher.publish(lane(), message(&format!("lost-{n}"), "{}"))),
    );
    let results = results.await;
    assert!(results.iter().any(|r| matches!(r, Err(Error::Unroutable { .. }))), "{results:?}");

    // The connection was renewed, which declared the queues, while the last were still waiting.
    publisher.publish(lane(), message("found", "{}")).await.unwrap();
    let stored = results.iter().filter(|result| result.is_ok()).count();
    world.until_depths(u32::try_from(stored).unwrap() + 1, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses() {
    let world = World::with(|config| config.queue_max_bytes = 10_000);
    let publisher = world.publisher().await;
    let (mut stored, mut refused) = (0, 0);
    for n in 0..20 {
        match publisher.publish(lane(), message(&format!("m-{n}"), noise(2_000, n))).await {
            Ok(()) => stored += 1,
            Err(Error::Refused) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(stored >= 5 && refused >= 5, "{stored} stored, {refused} refused");
    assert!(publisher.is_ready());
    world.until_depths(stored, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_sent() {
    let world = World::with(|config| config.message_max_bytes = 1000);
    let publisher = world.publisher().await;
    let error = publisher.publish(lane(), message("large", noise(2_000, 0))).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1000, .. }), "{error}");
    assert!(!error.is_transient());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_of_all_sizes_each_arrive_once() {
    const COUNT: u64 = 600;
    // A budget smaller than some of the messages: they go alone, but they go.
    let world = World::with(|config| {
        config.publish_max_inflight_bytes = 1 << 20;
        config.publish_wait = std::time::Duration::from_secs(15);
        config.publish_confirm_timeout = std::time::Duration::from_secs(15);
    });
    let publisher = world.publisher().await;
    let size = |n: u64| match n % 20 {
        0 => 300_000,
        7 if n < 100 => 2_000_000,
        rest => usize::try_from(rest).unwrap() * 100,
    };
    let publishing: Vec<_> = (0..COUNT)
        .map(|n| {
            let (publisher, message) = (publisher.clone(), message(&n.to_string(), noise(size(n), n)));
            tokio::spawn(async move { publisher.publish(lane(), message).await })
        })
        .collect();

    let mut consumer = world.consumer(8).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..COUNT {
        let delivery = next(&mut consumer).await;
        let n: u64 = delivery.message_id.parse().unwrap();
        assert_eq!(delivery.payload().unwrap(), noise(size(n), n));
        assert!(seen.insert(n), "{n} came twice");
        delivery.ack().await.unwrap();
    }
    for publish in publishing {
        publish.await.unwrap().unwrap();
    }
    world.until_depths(0, 0).await;
    world.end().await;
}
