//! What can be set about a soak. `cargo xtask soak` sets it all.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Imports under random faults, then compares what was acknowledged with what is in the database.
///
/// The servers are those of `TEST_DATABASE_URL` and `TEST_AMQP_URL`. Whoever starts it starts them again when it has
/// killed them.
#[derive(Debug, Clone, Parser)]
#[command(name = "intake-soak")]
pub(crate) struct Config {
    /// How long faults go on; the reckoning comes after it
    #[arg(long, value_name = "MINUTES")]
    pub(crate) minutes: u32,

    /// What the faults and the requests are drawn from
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: u64,

    /// Where the programs write their logs
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) logs: PathBuf,

    /// File with the process id of PostgreSQL
    #[arg(long, value_name = "FILE")]
    pub(crate) postgres_pid: PathBuf,

    /// File with the process id of RabbitMQ
    #[arg(long, value_name = "FILE")]
    pub(crate) rabbitmq_pid: PathBuf,

    /// Runs `rabbitmqctl` for the broker
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) rabbitmqctl: PathBuf,

    /// The file system that PostgreSQL has to itself and that may be filled, if there is such a one
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) disk: Option<PathBuf>,
}

impl Config {
    pub(crate) fn length(&self) -> Duration {
        Duration::from_mins(self.minutes.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Config::command().debug_assert();
    }
}
