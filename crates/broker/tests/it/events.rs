//! Events go to whoever asked for them, in order, and to nobody's loss.

use intake_broker::{
    Error, Outgoing,
    testing::{Tap, Tapped, eventually},
};

use crate::world::{World, soon};

const JSON: &str = "application/cloudevents-batch+json";

fn events(id: &str) -> Outgoing {
    Outgoing::plain(id, JSON, format!("[{{\"id\":\"{id}\"}}]").into_bytes()).unwrap()
}

async fn next(tap: &Tap) -> Tapped {
    eventually("a message of events", async || tap.take().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_read_as_they_were_published_by_those_who_asked() {
    let world = World::new();
    let publisher = world.publisher().await;
    // Nobody has asked yet: that is no failure.
    publisher.publish_events("db.1.profiles", events("unheard")).await.unwrap();

    let tap = Tap::bind(&world.config, "db.1.*", None).await.unwrap();
    for (key, id) in
        [("db.1.profiles", "a"), ("db.2.profiles", "elsewhere"), ("db.1.jobs", "b"), ("db.1.profiles", "c")]
    {
        publisher.publish_events(key, events(id)).await.unwrap();
    }
    let first = next(&tap).await;
    let wanted = Tapped {
        routing_key: "db.1.profiles".to_owned(),
        content_type: JSON.to_owned(),
        persistent: true,
        message_id: "a".to_owned(),
        body: br#"[{"id":"a"}]"#.to_vec(),
    };
    assert_eq!(first, wanted);
    let (second, third) = (next(&tap).await, next(&tap).await);
    assert_eq!((&*second.routing_key, &*second.message_id), ("db.1.jobs", "b"));
    assert_eq!((&*third.routing_key, &*third.message_id), ("db.1.profiles", "c"));
    assert_eq!(tap.take().await.unwrap(), None);
    world.until_depths(0, 0).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_queue_that_is_full_refuses_until_it_is_read() {
    let world = World::new();
    let publisher = world.publisher().await;
    let tap = Tap::bind(&world.config, "#", Some(3)).await.unwrap();
    let mut stored = Vec::new();
    let refused = loop {
        let id = stored.len().to_string();
        assert!(stored.len() < 20, "it is never full");
        match publisher.publish_events("db.1.profiles", events(&id)).await {
            Ok(()) => stored.push(id),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Refused) && refused.is_transient(), "{refused}");
    assert!(publisher.is_ready());
    for id in &stored {
        assert_eq!(next(&tap).await.message_id, *id);
    }
    publisher.publish_events("db.1.profiles", events("at last")).await.unwrap();
    assert_eq!(next(&tap).await.message_id, "at last");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_was_deleted_comes_back() {
    let world = World::new();
    let publisher = world.publisher().await;
    world.delete_queues().await;
    let error = soon(publisher.publish_events("db.1.profiles", events("lost"))).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    eventually("the connection is renewed, and the exchange with it", async || {
        publisher.publish_events("db.1.profiles", events("found")).await.ok()
    })
    .await;
    world.end().await;
}
