//! Queues of its own for each test, and the verbs of the stories.

use std::time::Duration;

use intake_broker::{
    Class, Config, Consumer, Delivery, Depths, Lane, Notices, Outgoing, Prefetch, Publisher, State, depths,
    testing::{self, Relay, eventually},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) shutdown: CancellationToken,
    /// Straight to the broker, where `config` may lead through a relay.
    direct: Config,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_config| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = testing::config(&testing::unique_prefix());
        change(&mut config);
        Self { direct: config.clone(), config, shutdown: CancellationToken::new() }
    }

    /// A world in which everything goes through a relay.
    pub(crate) async fn behind_relay(change: impl FnOnce(&mut Config)) -> (Self, Relay) {
        let relay = Relay::before(&testing::amqp_url(), 5672).await.unwrap();
        let mut world = Self::with(change);
        world.config.amqp_url = relay.url().into();
        (world, relay)
    }

    /// The same queues, straight to the broker: another process, whose connections are its own.
    pub(crate) fn beside(&self) -> Self {
        let direct = self.direct.clone();
        Self { config: direct.clone(), direct, shutdown: CancellationToken::new() }
    }

    pub(crate) async fn publisher(&self) -> Publisher {
        let publisher = Publisher::start(&self.config, "test publisher", self.shutdown.clone());
        publisher.watch().wait_for(|state| *state == State::Ready).await.unwrap();
        publisher
    }

    pub(crate) async fn consumer(&self, prefetch: u16) -> Consumer {
        let prefetch = Prefetch { small: prefetch, bulk: prefetch };
        let consumer = Consumer::start(&self.config, "test consumer", prefetch, self.shutdown.clone());
        consumer.watch().wait_for(|state| *state == State::Ready).await.unwrap();
        consumer
    }

    pub(crate) async fn dead_consumer(&self) -> Consumer {
        let consumer = Consumer::start_dead(&self.config, "test operator", 10, self.shutdown.clone());
        consumer.watch().wait_for(|state| *state == State::Ready).await.unwrap();
        consumer
    }

    pub(crate) async fn undelivered_consumer(&self) -> Consumer {
        let consumer =
            Consumer::start_undelivered(&self.config, "test undelivered", 10, self.shutdown.clone());
        consumer.watch().wait_for(|state| *state == State::Ready).await.unwrap();
        consumer
    }

    pub(crate) async fn notices(&self) -> Notices {
        let notices = Notices::start(&self.config, "test listener", self.shutdown.clone());
        notices.watch().wait_for(|state| *state == State::Ready).await.unwrap();
        notices
    }

    pub(crate) async fn depths(&self) -> Depths {
        depths(&self.direct).await.unwrap()
    }

    /// With nothing that came back too often.
    pub(crate) async fn until_depths(&self, work: u32, dead: u32) {
        self.until(Depths { small: 0, bulk: work, undelivered: 0, dead }).await;
    }

    pub(crate) async fn until(&self, wanted: Depths) {
        eventually(&format!("{wanted:?}"), async || (self.depths().await == wanted).then_some(())).await;
    }

    pub(crate) async fn delete_queues(&self) {
        testing::delete_queues(&self.direct).await.unwrap();
    }

    /// Ends everything that was started, and leaves nothing on the broker.
    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        self.delete_queues().await;
    }
}

/// Where the messages of most stories go.
pub(crate) fn lane() -> Lane {
    Lane::of(Class::Bulk, "test")
}

pub(crate) fn message(id: &str, payload: impl AsRef<[u8]>) -> Outgoing {
    Outgoing::compress(id, payload.as_ref()).unwrap()
}

pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    soon(consumer.next()).await.expect("not shut down")
}

pub(crate) async fn soon<T>(answer: impl Future<Output = T>) -> T {
    timeout(PATIENCE, answer).await.expect("took too long")
}

/// Bytes that do not pack: a linear congruential generator.
pub(crate) fn noise(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut byte).take(size).collect()
}
