//! What can be set about a worker.

use std::net::SocketAddr;
use std::num::ParseIntError;
use std::path::PathBuf;
use std::time::Duration;

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

    /// How events are sent.
    #[command(flatten)]
    pub events: Events,

    /// How clients are told that their jobs have ended.
    #[command(flatten)]
    pub calls: Calls,

    /// What is done about what nobody works on any more.
    #[command(flatten)]
    pub upkeep: Upkeep,

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
    /// Bulk jobs applied side by side; each holds one database connection while it works
    #[arg(long, env = "INTAKE_WORKER_JOBS", default_value_t = 2, value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,

    /// Small jobs applied side by side, beside those of bulk: of up to 1,000 records and 256 KiB of their text. Accounts whose
    /// jobs wait in one queue have at most all but one of these slots, so that others have one. Each holds one database
    /// connection while it works
    #[arg(long, env = "INTAKE_WORKER_SMALL_JOBS", default_value_t = 3, value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub small_jobs: u16,

    /// Records applied in one transaction
    #[arg(long, env = "INTAKE_WORKER_CHUNK_RECORDS", default_value_t = 1000, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub chunk_records: u32,

    /// Memory in which a dry run (`validate_only`) keeps what it has foretold, so that a person who comes again in a later chunk
    /// is told right, in bytes; as much for each job. A dry run that needs more says so in a warning
    #[arg(long, env = "INTAKE_WORKER_DRY_RUN_BYTES", default_value_t = 64 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(..=1 << 30))]
    pub dry_run_bytes: u32,

    /// How long a delivery is tried again in place, in seconds. While the database is away: after that the worker stops
    /// consuming and gives it back. While the database answers and refuses: after that it is left for another delivery. Each
    /// chunk that is committed begins it anew
    #[arg(long, env = "INTAKE_WORKER_PATIENCE_S", default_value_t = 30, value_name = "SECONDS")]
    pub patience_seconds: u64,

    /// File in the MaxMind DB format that says where addresses are, for imports with `detect_geo`; read into memory, and
    /// again when it changes. Without one such imports get a warning for each address
    #[arg(long, env = "INTAKE_GEO_DATABASE", value_name = "PATH")]
    pub geo_database: Option<PathBuf>,
}

/// How events are sent on from the database to the broker's exchange of events, to which others bind their queues.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Events")]
pub struct Events {
    /// Size of a message of events, in bytes: what waits longest is put together up to this. A single part of up to 256 KiB
    /// is sent whatever is set here
    #[arg(long, env = "INTAKE_EVENTS_BATCH_BYTES", default_value_t = 1 << 20, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..=8 << 20))]
    pub events_batch_bytes: u32,

    /// Longest time between two looks for events that other workers left behind, in milliseconds. Events of imports that
    /// this worker applies are sent at once
    #[arg(long, env = "INTAKE_EVENTS_POLL_MS", default_value = "2000", value_name = "MS", value_parser = milliseconds)]
    pub events_poll: Duration,
}

/// How clients are told that their jobs have ended, where the import named a `callback_url`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Callbacks")]
pub struct Calls {
    /// Callbacks made side by side; up to half of them for one account
    #[arg(long, env = "INTAKE_CALLBACKS", default_value_t = 8, value_name = "COUNT",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub callbacks: u16,

    /// Longest time that one may take, from looking up the name to the end of the answer, in seconds
    #[arg(long, env = "INTAKE_CALLBACK_TIMEOUT_S", default_value = "15", value_name = "SECONDS", value_parser = seconds)]
    pub callback_timeout: Duration,

    /// Pauses after attempts that failed, in seconds; after the last of them it is given up. Each is made up to a fifth
    /// shorter or longer
    #[arg(long, env = "INTAKE_CALLBACK_RETRIES_S", value_delimiter = ',', value_name = "SECONDS,…",
          default_value = "5,300,1800,7200,18000,36000,50400,72000,86400",
          value_parser = clap::value_parser!(u32).range(0..=604_800))]
    pub callback_retries: Vec<u32>,
}

/// What is done about what is kept no longer, and about what nobody works on any more.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Upkeep")]
pub struct Upkeep {
    /// Time between two looks, in seconds
    #[arg(long, env = "INTAKE_SWEEP_INTERVAL_S", default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub sweep_interval: Duration,

    /// How long nothing may have moved in a job before it is ended as failed, in seconds: its message is gone. It also
    /// ends streams whose end never came and which no gateway can be receiving any more, so it must be longer than a message
    /// may wait in the queue. Counted from this worker's start, or from when it last missed the broker or the database, at the
    /// earliest
    #[arg(long, env = "INTAKE_STALLED_TIMEOUT_S", default_value = "21600", value_name = "SECONDS", value_parser = seconds)]
    pub stalled_timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(|seconds: u32| Duration::from_secs(seconds.max(1).into()))
}

fn milliseconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(|milliseconds: u32| Duration::from_millis(milliseconds.max(1).into()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Config::command().debug_assert();
    }
}
