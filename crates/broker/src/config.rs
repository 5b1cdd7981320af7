//! How to reach the broker, and the limits held against it.

use std::{num::ParseIntError, time::Duration};

use clap::Args;
use secrecy::SecretString;

/// Everything that can be set about the broker. The doc comments are the `--help`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Broker")]
pub struct Config {
    /// Address of the message broker, amqp:// or amqps://, with user, password and virtual host
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_name = "URL")]
    pub amqp_url: SecretString,

    /// First part of the names of the queues and exchanges
    #[arg(long, env = "INTAKE_QUEUE_PREFIX", default_value = "intake", value_name = "NAME")]
    pub queue_prefix: String,

    /// Size at which each of the ten queues refuses further messages, in bytes of compressed payload.
    ///
    /// The broker's disk needs room for all of them. Fixed when a queue is first declared: a later change needs new queues,
    /// see "Queues" in docs/operations.md.
    #[arg(long, env = "INTAKE_QUEUE_MAX_BYTES", default_value_t = 1 << 30, value_name = "BYTES",
          value_parser = clap::value_parser!(i64).range(1..))]
    pub queue_max_bytes: i64,

    /// How often a message may come back before it is given up, see "Queues" in docs/operations.md.
    ///
    /// Fixed when a queue is first declared: a later change needs new queues.
    #[arg(long, env = "INTAKE_QUEUE_DELIVERY_LIMIT", default_value_t = 10, value_name = "COUNT",
          value_parser = clap::value_parser!(i32).range(1..))]
    pub queue_delivery_limit: i32,

    /// Time limit for reaching the broker and logging in, in milliseconds
    #[arg(long, env = "INTAKE_BROKER_CONNECT_TIMEOUT_MS", default_value = "5000", value_name = "MS",
          value_parser = milliseconds)]
    pub broker_connect_timeout: Duration,

    /// Time limit for any single answer of the broker, in milliseconds
    #[arg(long, env = "INTAKE_BROKER_CALL_TIMEOUT_MS", default_value = "5000", value_name = "MS",
          value_parser = milliseconds)]
    pub broker_call_timeout: Duration,

    /// Longest pause between two attempts to reconnect, in milliseconds
    #[arg(long, env = "INTAKE_BROKER_RECONNECT_MAX_MS", default_value = "3000", value_name = "MS",
          value_parser = milliseconds)]
    pub broker_reconnect_max: Duration,

    /// Heartbeat asked of the broker, in seconds; a heartbeat in the URL wins.
    ///
    /// A silent connection is given up after twice this time.
    #[arg(long, env = "INTAKE_BROKER_HEARTBEAT_S", default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub broker_heartbeat: u16,

    /// How long a message may wait to be handed to the broker, in milliseconds.
    ///
    /// Covers a short reconnect; after it the broker counts as not available.
    #[arg(long, env = "INTAKE_PUBLISH_WAIT_MS", default_value = "1000", value_name = "MS",
          value_parser = milliseconds)]
    pub publish_wait: Duration,

    /// How long to wait for the broker to confirm a message, in milliseconds
    #[arg(long, env = "INTAKE_PUBLISH_CONFIRM_TIMEOUT_MS", default_value = "5000", value_name = "MS",
          value_parser = milliseconds)]
    pub publish_confirm_timeout: Duration,

    /// Channels that publish side by side on the one connection
    #[arg(long, env = "INTAKE_PUBLISH_CHANNELS", default_value_t = 4, value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub publish_channels: u16,

    /// Most bytes of compressed payload that may wait for a confirmation at one time
    #[arg(long, env = "INTAKE_PUBLISH_MAX_INFLIGHT_BYTES", default_value_t = 64 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub publish_max_inflight_bytes: u32,

    /// Largest compressed message; not more than `max_message_size` of the broker
    #[arg(long, env = "INTAKE_MESSAGE_MAX_BYTES", default_value_t = 16 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub message_max_bytes: u32,

    /// Largest payload a message may unpack to, in bytes
    #[arg(long, env = "INTAKE_PAYLOAD_MAX_BYTES", default_value_t = 64 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub payload_max_bytes: u32,

    /// How long a paused consumer keeps what it had fetched before giving it back, in milliseconds
    #[arg(long, env = "INTAKE_CONSUME_PAUSE_HOLD_MS", default_value = "30000", value_name = "MS",
          value_parser = milliseconds)]
    pub consume_pause_hold: Duration,

    /// How long a stopping process waits for confirmations and unfinished deliveries, in milliseconds
    #[arg(long, env = "INTAKE_BROKER_DRAIN_TIMEOUT_MS", default_value = "30000", value_name = "MS",
          value_parser = milliseconds)]
    pub broker_drain_timeout: Duration,
}

fn milliseconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Config;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        broker: Config,
    }

    #[test]
    fn the_command_line_is_consistent() {
        Command::command().debug_assert();
    }

    #[test]
    fn the_password_is_not_shown() {
        let command = Command::parse_from(["test", "--amqp-url", "amqp://user:hunter2@localhost"]);
        assert!(!format!("{command:?}").contains("hunter2"));
    }
}
