//! All that can be set about a gateway, read once at start.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, value_parser};
use intake_types::wire::Limits;
use intake_types::{Batch, JobKey};
use secrecy::SecretString;

use crate::stream;

/// The HTTP service of Intake: takes batches of profiles, hands them to the message broker and tells what became of
/// them
#[derive(Debug, Clone, Parser)]
#[command(name = "intake-gateway", version)]
pub struct Config {
    /// Address and port to listen on
    #[arg(long, env = "INTAKE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Secret that job ids are tagged with, at least 16 bytes; the same for every gateway of an installation.
    ///
    /// With another secret, jobs that were accepted before are no longer known.
    #[arg(long, env = "INTAKE_JOB_KEY", hide_env_values = true, value_parser = job_key, value_name = "SECRET")]
    pub job_key: SecretString,

    /// Most records in one request
    #[arg(long, env = "INTAKE_MAX_RECORDS", default_value_t = 10_000, value_name = "COUNT",
          value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub max_records: u32,

    /// Most bytes in the body of one request, after decompression
    #[arg(long, env = "INTAKE_MAX_BODY_BYTES", default_value_t = 10 << 20, value_name = "BYTES",
          value_parser = value_parser!(u32).range(1024..=(1 << 30)))]
    pub max_body_bytes: u32,

    /// Most bytes of all bodies that are read and processed at one time: unpacked, and once more (XML: four times) as
    /// message.
    ///
    /// Beyond it requests are answered 503. Raised to what one request of the largest size needs. One account has at most
    /// half of it, and at least what one such request needs; beyond that its requests are answered 429.
    #[arg(long, env = "INTAKE_MAX_INFLIGHT_BYTES", default_value_t = 256 << 20, value_name = "BYTES",
          value_parser = value_parser!(u32).range(1024..))]
    pub max_inflight_bytes: u32,

    /// Seconds that a client may take to send a body
    #[arg(long, env = "INTAKE_BODY_TIMEOUT_S", default_value = "60", value_name = "SECONDS",
          value_parser = seconds)]
    pub body_timeout: Duration,

    /// Most records in one stream (NDJSON, CSV)
    #[arg(long, env = "INTAKE_MAX_STREAM_RECORDS", default_value_t = 1_000_000, value_name = "COUNT",
          value_parser = value_parser!(u32).range(1..=i64::from(Batch::MOST_RECORDS)))]
    pub max_stream_records: u32,

    /// Most bytes of one stream, after decompression; a single record of it may have as many as the body of any other
    /// request
    #[arg(long, env = "INTAKE_MAX_STREAM_BYTES", default_value_t = 10 << 30, value_name = "BYTES",
          value_parser = value_parser!(u64).range(1024..))]
    pub max_stream_bytes: u64,

    /// Most streams that are taken at one time, each of which holds 20 MiB of the bytes in flight; beyond it one is
    /// answered 503.
    ///
    /// One account has at most half of them, rounded up; beyond that its streams are answered 429. A job whose failed
    /// records are retried counts as a stream until they are sent.
    #[arg(long, env = "INTAKE_MAX_STREAMS", default_value_t = 4, value_name = "COUNT",
          value_parser = value_parser!(u16).range(1..=256))]
    pub max_streams: u16,

    /// Seconds that a client may take to send a whole stream; between two pieces of it no more than for another body
    #[arg(long, env = "INTAKE_STREAM_TIMEOUT_S", default_value_t = 3600, value_name = "SECONDS",
          value_parser = value_parser!(u32).range(1..=86_400))]
    pub stream_timeout: u32,

    /// Records of a stream in one message
    #[arg(long, env = "INTAKE_STREAM_PART_RECORDS", default_value_t = 10_000, value_name = "COUNT",
          value_parser = value_parser!(u32).range(1..=10_000))]
    pub stream_part_records: u32,

    /// Seconds to wait for a job before answering 202, for clients that say nothing of it with `Prefer`; at most 60.
    ///
    /// For clients that were written for an API which answers with the results.
    #[arg(long, env = "INTAKE_DEFAULT_WAIT_S", default_value_t = 0, value_name = "SECONDS",
          value_parser = value_parser!(u8).range(0..=60))]
    pub default_wait: u8,

    /// Seconds within which two requests of one account with the same path, parameters and body are one request; 0: never.
    ///
    /// For clients that send again what was not answered and know no `Idempotency-Key`. A client that means to do the same
    /// thing twice must then send a key, or wait.
    #[arg(long, env = "INTAKE_SAME_BODY_WINDOW_S", default_value_t = 0, value_name = "SECONDS",
          value_parser = value_parser!(u32).range(0..=604_800))]
    pub same_body_window: u32,

    /// Seconds between two readings of the catalogue (databases, fields, accounts, tokens)
    #[arg(long, env = "INTAKE_CATALOG_REFRESH_S", default_value = "3", value_name = "SECONDS",
          value_parser = seconds)]
    pub catalog_refresh: Duration,

    /// Threads that serve HTTP; if not set, as many as there are processors
    #[arg(long, env = "INTAKE_HTTP_WORKERS", value_name = "COUNT", value_parser = value_parser!(u16).range(1..=256))]
    pub http_workers: Option<u16>,

    /// Seconds that a stopping gateway gives to requests under way
    #[arg(long, env = "INTAKE_SHUTDOWN_TIMEOUT_S", default_value_t = 25, value_name = "SECONDS",
          value_parser = value_parser!(u16).range(1..=600))]
    pub shutdown_timeout: u16,

    /// The message broker.
    #[command(flatten)]
    pub broker: intake_broker::Config,

    /// The database.
    #[command(flatten)]
    pub store: intake_store::Config,

    /// Logs.
    #[command(flatten)]
    pub telemetry: intake_telemetry::Config,
}

impl Config {
    /// Bytes that all requests together may hold: at least what one of the largest needs, packed, unpacked, and turned
    /// from XML into a message, or as a stream.
    pub(crate) fn memory(&self) -> usize {
        usize_of(self.max_inflight_bytes).max(self.largest())
    }

    /// Bytes that one request may need.
    pub(crate) fn largest(&self) -> usize {
        let body = usize_of(self.max_body_bytes);
        body.saturating_mul(6).max(stream::bytes(body))
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            records: usize_of(self.max_records),
            body_bytes: usize_of(self.max_body_bytes),
            ..Limits::default()
        }
    }
}

pub(crate) fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn job_key(text: &str) -> Result<SecretString, String> {
    match JobKey::new(text.as_bytes()) {
        Some(_) => Ok(SecretString::from(text)),
        None => Err(format!("it needs at least {} bytes", JobKey::MIN_BYTES)),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(1);
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => Ok(duration),
        _ => Err("more than 0 and at most 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const REQUIRED: [&str; 7] = [
        "intake-gateway",
        "--job-key",
        "not a good secret",
        "--database-url",
        "postgres://u:hidden@h/d",
        "--amqp-url",
        "amqp://u:hidden@h",
    ];

    #[test]
    fn the_arguments_fit_together() {
        Config::command().debug_assert();
    }

    #[test]
    fn no_secret_is_shown() {
        let config = Config::parse_from(REQUIRED);
        let shown = format!("{config:?}");
        assert!(!shown.contains("hidden") && !shown.contains("good secret"), "{shown}");
        assert_eq!(config.limits(), Limits::default());
    }

    #[test]
    fn a_short_key_and_odd_times_are_refused() {
        let with = |name, value| Config::try_parse_from(REQUIRED.into_iter().chain([name, value]));
        assert!(with("--job-key", "short").is_err());
        assert!(with("--catalog-refresh", "0").is_err());
        assert!(with("--catalog-refresh", "-1").is_err());
        assert!(with("--catalog-refresh", "NaN").is_err());
        assert_eq!(with("--catalog-refresh", "0.2").unwrap().catalog_refresh, Duration::from_millis(200));
    }
}
