//! What can be set about a bench. `cargo xtask bench` sets most of it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures a whole installation against the database alone: real processes, everything in one run, several rounds.
///
/// The servers are those of `TEST_DATABASE_URL` and `TEST_AMQP_URL`.
#[derive(Debug, Clone, Parser)]
#[command(name = "intake-bench")]
pub(crate) struct Config {
    /// Rounds: each measures everything once, so that ratios are of figures of one and the same minute
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,

    /// Batches of 10,000 profiles that are applied for each rate
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batches: u32,

    /// Profiles that are there when it is measured what their number costs, in hundreds of thousands
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=60))]
    pub(crate) large: u32,

    /// What to measure besides creating profiles; everything unless said otherwise
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
    pub(crate) only: Option<Vec<Part>>,

    /// Where the figures go, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: PathBuf,

    /// Where the plot goes
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: PathBuf,

    /// The program `psql`
    #[arg(long, default_value = "psql", value_name = "PROGRAM")]
    pub(crate) psql: PathBuf,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// What it costs at least to accept records
    Accept,
    /// What the database alone can do
    Limit,
    /// The same people again, and changed
    Again,
    /// Small requests, many at once
    Small,
    /// What one request takes
    Latency,
    /// Small requests beside a large import
    Beside,
    /// Ways of matching
    Modes,
    /// Two workers
    TwoWorkers,
    /// The same among very many profiles
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
