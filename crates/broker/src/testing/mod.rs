//! For tests, of this crate and of others: a broker to test against, queues of one's own, a [`Relay`] to
//! cut the network with, and a [`Tap`] to read events from.

mod alarm;
mod relay;
mod tap;

use std::{
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use clap::Parser;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};

pub use crate::testing::{
    relay::Relay,
    tap::{Tap, Tapped},
};
use crate::{Config, Error, connection::Link};

/// Reads `Config` the way a service does, so that its defaults stand in one place.
#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    config: Config,
}

/// The address of the broker to test against.
///
/// # Panics
///
/// If the environment has no `TEST_AMQP_URL`: a test that did not run must not look like one that passed.
#[expect(clippy::disallowed_methods, reason = "tests have no main that could read it")]
#[expect(clippy::expect_used, reason = "a test cannot go on without a broker")]
pub fn amqp_url() -> String {
    std::env::var("TEST_AMQP_URL")
        .expect("TEST_AMQP_URL must name a RabbitMQ to test against; `cargo xtask test` starts one")
}

/// The default settings at [`amqp_url`], for the queues under a prefix, such as a [`unique_prefix`].
pub fn config(queue_prefix: &str) -> Config {
    config_at(&amqp_url(), queue_prefix)
}

/// The default settings at the given address.
pub fn config_at(url: &str, queue_prefix: &str) -> Config {
    Command::parse_from(["test", "--amqp-url", url, "--queue-prefix", queue_prefix]).config
}

/// A queue prefix that no other test uses.
pub fn unique_prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
    format!("test-{time}-{}-{count}", process::id())
}

/// Deletes the queues and the exchanges under the prefix of `config`, and a [`Tap`] on it, with all that is in them.
pub async fn delete_queues(config: &Config) -> Result<(), Error> {
    let link = Link::open(config, "intake tests").await?;
    let deleted = async {
        let channel = link.channel().await?;
        let names = link.names();
        for name in names.queues().chain([&tap::name(names)?]) {
            let name = name.clone();
            link.ask("queue.delete", channel.queue_delete(name, QueueDeleteOptions::default())).await?;
        }
        for exchange in [&names.events, &names.ended] {
            let delete = channel.exchange_delete(exchange.clone(), ExchangeDeleteOptions::default());
            link.ask("exchange.delete", delete).await?;
        }
        Ok(())
    };
    let deleted = deleted.await;
    link.close().await;
    deleted
}

/// Asks again until the answer is Some.
///
/// # Panics
///
/// If that takes more than 20 seconds; `what` says what was waited for.
#[expect(clippy::panic, reason = "fails the test")]
pub async fn eventually<T>(what: &str, mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    let limit = Duration::from_secs(20);
    let asking = async {
        loop {
            if let Some(answer) = answer().await {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(limit, asking).await;
    answer.unwrap_or_else(|_late| panic!("waited in vain for: {what}"))
}
