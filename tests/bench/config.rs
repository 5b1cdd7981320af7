//! What can be set about a bench. `cargo xtask bench` sets most of it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Rounds whose people have names of their own: see [`crate::measure`].
pub(crate) const MOST_ROUNDS: u32 = 5;

/// Measures a whole installation against the database alone: real processes, everything in one run, several rounds.
///
/// The servers are those of `TEST_DATABASE_URL` and `TEST_AMQP_URL`.
#[derive(Debug, Clone, Parser)]
#[command(name = "intake-bench")]
pub(crate) struct Config {
    /// Rounds: each measures everything once, so that ratios are of figures of one and the same minute
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_ROUNDS)))]
    pub(crate) rounds: u32,

    /// Batches of 10,000 profiles that are applied for each rate
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batches: u32,

    /// Profiles of the large database, in hundreds of thousands
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=60))]
    pub(crate) large: u32,

    /// What to measure besides creating profiles; everything unless said otherwise
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    pub(crate) only: Option<Vec<Part>>,

    /// Folder for performance.json, .svg and .md: the figures for machines, the plot, and the table
    #[arg(long, value_name = "FOLDER")]
    pub(crate) results: PathBuf,

    /// The commit that was built, to be named with the figures
    #[arg(long, value_name = "COMMIT")]
    pub(crate) commit: Option<String>,

    /// The program `psql`
    #[arg(long, default_value = "psql", value_name = "PROGRAM")]
    pub(crate) psql: PathBuf,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Processor time to accept records, and that of reading and packing them alone
    Accept,
    /// How fast the database alone takes the same rows
    Limit,
    /// Unchanged and updated: the same people again
    Again,
    /// Requests of ten records, from many clients at once
    Small,
    /// Latency of one request on an idle system
    Latency,
    /// Latency of small requests beside a large import of another account
    Beside,
    /// New profiles by each way of matching
    Modes,
    /// New profiles by two workers
    TwoWorkers,
    /// Create and update rates beside 100,000 profiles and beside those of --large
    Large,
}

impl Config {
    pub(crate) fn measures(&self, part: Part) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&part))
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
