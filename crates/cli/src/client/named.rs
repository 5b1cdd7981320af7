//! A job that a command names.

use clap::Args;
use uuid::Uuid;

use super::{Config, Follow};

/// Which job, of which gateway, and whether to follow it. The doc comments are the `--help`.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Named {
    /// Id of the job, as `intake import` prints it
    #[arg(value_parser = job_id)]
    pub(crate) id: Uuid,

    #[command(flatten)]
    pub(crate) follow: Follow,

    #[command(flatten)]
    pub(crate) gateway: Config,
}

/// Reads the id of a job.
pub(crate) fn job_id(text: &str) -> Result<Uuid, &'static str> {
    Uuid::try_parse(text).map_err(|_odd| "not a job id, as `intake import` prints it")
}
