//! A notice reaches all who listen, once, and costs nothing where nobody does.

use intake_broker::{Error, Notices, State, testing};
use lapin::{BasicProperties, Connection, ConnectionProperties, options::BasicPublishOptions};

use crate::world::{World, soon};

async fn hear(notices: &mut Notices) -> String {
    String::from_utf8(soon(notices.next()).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_hear_it_and_nobody_hears_it_twice() {
    let world = World::new();
    let publisher = world.publisher().await;
    // Nobody listens: that is no failure.
    publisher.announce(b"unheard".to_vec()).await.unwrap();

    let (mut first, mut second) = (world.notices().await, world.notices().await);
    for name in ["a", "b", "c"] {
        publisher.announce(name.into()).await.unwrap();
    }
    // Each confirmed before the next is sent, so a repeat of one would come before what was announced after it.
    for notices in [&mut first, &mut second] {
        for name in ["a", "b", "c"] {
            assert_eq!(hear(notices).await, name);
        }
    }
    world.until_depths(0, 0).await;

    world.shutdown.cancel();
    assert_eq!(soon(first.next()).await, None);
    assert_eq!(soon(second.next()).await, None);
    soon(first.closed()).await;
    soon(second.closed()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_the_waiting() {
    let (world, relay) = World::behind_relay(|_config| {}).await;
    let mut notices = world.notices().await;
    relay.cut();
    soon(notices.watch().wait_for(|state| *state == State::Connecting)).await.unwrap();
    let waiting = tokio::spawn(async move { (notices.next().await, notices) });
    world.shutdown.cancel();
    let (none, notices) = soon(waiting).await.unwrap();
    assert_eq!(none, None);
    soon(notices.closed()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_it_is_heard_again() {
    let (world, relay) = World::behind_relay(|_config| {}).await;
    // Announced by another process, whose connection stays.
    let announcer = world.beside();
    let publisher = announcer.publisher().await;
    let mut notices = world.notices().await;
    publisher.announce(b"before".to_vec()).await.unwrap();
    assert_eq!(hear(&mut notices).await, "before");

    for _ in 0..3 {
        relay.cut();
        soon(notices.watch().wait_for(|state| *state == State::Connecting)).await.unwrap();
        publisher.announce(b"meanwhile".to_vec()).await.unwrap();
        relay.restore();
        soon(notices.watch().wait_for(|state| *state == State::Ready)).await.unwrap();
        publisher.announce(b"after".to_vec()).await.unwrap();
        assert_eq!(hear(&mut notices).await, "after");
    }
    announcer.shutdown.cancel();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_exchange_comes_back() {
    let world = World::new();
    let (publisher, mut notices) = (world.publisher().await, world.notices().await);
    world.delete_queues().await;
    let error = soon(publisher.announce(b"lost".to_vec())).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    // The publisher has declared it again; the listener, whose queue is bound to nothing, knows of it only after its
    // next connection, so a new one stands for it.
    testing::eventually("the connection is renewed", async || {
        publisher.announce(b"declared".to_vec()).await.ok()
    })
    .await;
    let mut renewed = world.notices().await;
    publisher.announce(b"found".to_vec()).await.unwrap();
    assert_eq!(hear(&mut renewed).await, "found");
    world.shutdown.cancel();
    assert_eq!(soon(notices.next()).await, None);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_misses_the_oldest_and_hears_the_newest() {
    const MANY: usize = 5000;
    let world = World::with(|config| config.publish_wait = std::time::Duration::from_secs(15));
    let publisher = world.publisher().await;
    let (mut fast, mut slow) = (world.notices().await, world.notices().await);
    let hearing = tokio::spawn(async move { while hear(&mut fast).await != "last" {} });
    let announce = |n: usize| publisher.announce(n.to_string().into_bytes());
    futures_util::future::try_join_all((0..MANY).map(announce)).await.unwrap();
    publisher.announce(b"last".to_vec()).await.unwrap();
    soon(hearing).await.unwrap();

    let mut heard = 0;
    while hear(&mut slow).await != "last" {
        heard += 1;
    }
    assert!(heard < MANY / 2, "{heard} of {MANY} were kept for it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_neither_sent_nor_heard() {
    let world = World::new();
    let (publisher, mut notices) = (world.publisher().await, world.notices().await);
    let error = publisher.announce(vec![b'x'; 1025]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { what: "notice", size: 1025, limit: 1024 }), "{error}");

    // Whoever may publish to the exchange can send anything.
    let stranger = Connection::connect(&testing::amqp_url(), ConnectionProperties::default()).await.unwrap();
    let channel = stranger.create_channel().await.unwrap();
    let exchange = format!("{}.ended", world.config.queue_prefix);
    for size in [1025, 1024] {
        let (options, none) = (BasicPublishOptions::default(), BasicProperties::default());
        let body = vec![b'x'; size];
        let publish = channel.basic_publish(exchange.as_str().into(), "".into(), options, &body, none);
        publish.await.unwrap().await.unwrap();
    }
    assert_eq!(hear(&mut notices).await.len(), 1024);
    stranger.close(200, "bye".into()).await.unwrap();
    world.end().await;
}
