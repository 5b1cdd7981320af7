//! Structured logs on standard output, for people or for machines.

use std::io::IsTerminal as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One line for people, in colour on a terminal.
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Logs")]
pub struct Config {
    /// What to log: a level, or targets with levels, such as `info,intake_worker=debug`
    #[arg(long, env = "INTAKE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// How a log line looks
    #[arg(long, env = "INTAKE_LOG_FORMAT", default_value = "pretty", value_name = "FORMAT")]
    pub log_format: Format,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error("the log filter is not understood")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else in this process has set it up before.
    #[error("logging is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for this process. Call it once, first of all.
///
/// `quiet` are directives of libraries whose own logs are never wanted, such as those that hold message contents.
pub fn init(config: &Config, quiet: &[&str]) -> Result<(), Error> {
    use tracing_subscriber::util::SubscriberInitExt as _;

    let mut filter = EnvFilter::try_new(&config.log)?;
    for directive in quiet {
        filter = filter.add_directive(directive.parse()?);
    }
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stdout().is_terminal());
    match config.log_format {
        Format::Pretty => builder.compact().finish().try_init()?,
        Format::Json => builder.json().flatten_event(true).with_current_span(true).finish().try_init()?,
    }
    Ok(())
}
