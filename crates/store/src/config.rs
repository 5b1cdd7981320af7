//! How to reach the database, and how long anything there may take.

use std::time::Duration;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, value_parser};
use secrecy::SecretString;

/// Where the database is. Nothing connects before the first query.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Database")]
pub struct Config {
    /// PostgreSQL (15 or newer), in either form that libpq takes: `postgres://user:password@host:port/name` or
    /// `host=... dbname=...`. TLS and further options go there too, for example `?sslmode=verify-full`
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = StringValueParser::new().map(SecretString::from), value_name = "URL")]
    pub database_url: SecretString,

    /// Most connections that this process opens; also how many chunks it can apply at a time
    #[arg(long, env = "DATABASE_POOL", default_value_t = 16, value_parser = value_parser!(u32).range(1..=1000))]
    pub database_pool: u32,

    /// Seconds to wait for a connection before a query fails as unreachable
    #[arg(long, env = "DATABASE_CONNECT_TIMEOUT", default_value_t = 5, value_parser = value_parser!(u32).range(1..=300))]
    pub database_connect_timeout: u32,

    /// Seconds after which PostgreSQL cancels a statement
    #[arg(long, env = "DATABASE_STATEMENT_TIMEOUT", default_value_t = 30, value_parser = value_parser!(u32).range(1..=3600))]
    pub database_statement_timeout: u32,

    /// Seconds that a statement waits for a lock that another import holds
    #[arg(long, env = "DATABASE_LOCK_TIMEOUT", default_value_t = 10, value_parser = value_parser!(u32).range(1..=3600))]
    pub database_lock_timeout: u32,

    /// Seconds after which a whole call, such as a chunk with all of its statements, is given up on this side, and its
    /// connection with it: whatever keeps that open, nothing comes over it any more. Counted from when there must be a
    /// connection (`DATABASE_CONNECT_TIMEOUT`); longer than any statement may take
    #[arg(long, env = "DATABASE_CALL_TIMEOUT", default_value_t = 45, value_parser = value_parser!(u32).range(1..=7200))]
    pub database_call_timeout: u32,

    /// Seconds that a transaction may stay idle before PostgreSQL ends it, so that a stuck worker holds no locks; also
    /// how long the network may leave what was sent unacknowledged before a connection counts as cut
    #[arg(long, env = "DATABASE_IDLE_TIMEOUT", default_value_t = 30, value_parser = value_parser!(u32).range(1..=3600))]
    pub database_idle_timeout: u32,

    /// What is kept of jobs.
    #[command(flatten)]
    pub retention: Retention,
}

/// How long what is known of jobs is kept after their end. The same for all processes of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[group(skip)]
#[command(next_help_heading = "Retention")]
pub struct Retention {
    /// Hours that the results of a job are kept after its end
    #[arg(long = "keep-results", env = "INTAKE_KEEP_RESULTS_H", default_value = "168", value_name = "HOURS", value_parser = hours)]
    pub results: Duration,

    /// Hours that the records of a job which failed are kept after its end, to be fetched or sent again
    #[arg(long = "keep-failed-records", env = "INTAKE_KEEP_FAILED_RECORDS_H", default_value = "24", value_name = "HOURS", value_parser = hours)]
    pub failed_records: Duration,

    /// Hours that the status of a job is kept after its end, and that the key of a request is known
    #[arg(long = "keep-status", env = "INTAKE_KEEP_STATUS_H", default_value = "720", value_name = "HOURS", value_parser = hours)]
    pub status: Duration,
}

impl Retention {
    /// Results go with the status at the latest, and failed records with the results.
    pub(crate) fn in_order(self) -> Self {
        let results = self.results.min(self.status);
        Self { results, failed_records: self.failed_records.min(results), ..self }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            results: Duration::from_hours(168),
            failed_records: Duration::from_hours(24),
            status: Duration::from_hours(720),
        }
    }
}

fn hours(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(hours @ 1..=87_600) => Ok(Duration::from_hours(hours.into())),
        _ => Err("a whole number from 1 to 87600".to_owned()),
    }
}

impl Config {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.database_connect_timeout.into())
    }

    /// How long a call may take with the wait for its connection.
    pub(crate) fn call_timeout(&self) -> Duration {
        self.connect_timeout() + Duration::from_secs(self.database_call_timeout.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        database: Config,
    }

    #[test]
    fn the_arguments_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_kept_without_a_word_is_the_default() {
        let cli = Cli::parse_from(["test", "--database-url", "postgres://host/name"]);
        assert_eq!(cli.database.retention, Retention::default());
        assert!(Cli::try_parse_from(["test", "--database-url", "x", "--keep-results", "0"]).is_err());
    }

    #[test]
    fn the_connection_string_is_not_shown() {
        let cli = Cli::parse_from(["test", "--database-url", "postgres://user:hidden@host/name"]);
        assert!(!format!("{:?}", cli.database).contains("hidden"));
    }
}
