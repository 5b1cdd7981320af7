//! A message that nobody can process is kept, with the reason.

use crate::world::{World, lane, message, next, noise};

#[tokio::test(flavor = "multi_thread")]
async fn a_buried_message_keeps_payload_headers_and_reason() {
    let world = World::new();
    let publisher = world.publisher().await;
    let payload = noise(50_000, 1);
    let sent = message("job-9", &payload).header("traceparent", "00-9").unwrap();
    publisher.publish(lane(), sent).await.unwrap();
    let mut consumer = world.consumer(1).await;
    // So that there is a delivery count, which must not travel on.
    next(&mut consumer).await.reject_for_retry().await.unwrap();
    next(&mut consumer).await.bury("no such database").await.unwrap();
    world.until_depths(0, 1).await;

    let mut dead = world.dead_consumer().await;
    let delivery = next(&mut dead).await;
    assert_eq!(delivery.message_id, "job-9");
    assert_eq!(delivery.delivery_count, 0);
    assert_eq!(delivery.payload().unwrap(), payload);
    assert_eq!(delivery.header("x-intake-reason"), Some("no such database"));
    assert_eq!(delivery.header("traceparent"), Some("00-9"));
    assert_eq!(delivery.header("unknown"), None);

    delivery.put_back().await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(delivery.payload().unwrap(), payload);
    assert_eq!(delivery.headers, [("traceparent".to_owned(), "00-9".to_owned())]);
    delivery.ack().await.unwrap();
    world.until_depths(0, 0).await;
    world.end().await;
}
