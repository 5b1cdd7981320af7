//! What can be set about a worker.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Takes accepted imports off the queue and applies them to the database.
///
/// Start as many as the database can feed: they share the work, and none of them holds any state.
#[derive(Debug, Clone, Parser)]
#[command(name = "intake-worker", version, about)]
pub struct Config {
    /// Where to answer /health/live, /health/ready and /metrics
    #[arg(long, env = "INTAKE_WORKER_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// How a worker works.
    #[command(flatten)]
    pub work: Work,

    /// How to reach the broker.
    #[command(flatten)]
    pub broker: intake_broker::Config,

    /// How to reach the database.
    #[command(flatten)]
    pub store: intake_store::Config,

    /// What to log.
    #[command(flatten)]
    pub telemetry: intake_telemetry::Config,
}

/// How a worker works.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Work")]
pub struct Work {
    /// Jobs applied side by side; each holds one database connection while it works
    #[arg(long, env = "INTAKE_WORKER_JOBS", default_value_t = 2, value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,

    /// Records applied in one transaction
    #[arg(long, env = "INTAKE_WORKER_CHUNK_RECORDS", default_value_t = 1000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub chunk_records: u32,

    /// How long a job is tried again in place while the database is away, before the worker stops consuming and gives
    /// its jobs back, in seconds
    #[arg(long, env = "INTAKE_WORKER_PATIENCE_S", default_value_t = 30, value_name = "SECONDS")]
    pub patience_seconds: u64,

    /// File in the MaxMind DB format that says where addresses are, for imports with `detect_geo`; read into memory, and
    /// again when it changes. Without one such imports get a warning for each address
    #[arg(long, env = "INTAKE_GEO_DATABASE", value_name = "PATH")]
    pub geo_database: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Config::command().debug_assert();
    }
}
