//! `intake retry`: what failed, once more.

use std::time::Duration;

use clap::Args;
use uuid::Uuid;

use crate::client::{Config, Follow, Gateway, Post, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::import::submitted;
use crate::output::Output;

/// The answer comes when the broker has all records, of which there may be a million.
const PATIENCE: Duration = Duration::from_mins(10);

const MORE: &str = "\
Makes a job of the records of an ended job that failed, as they were sent; those that were applied are not \
touched again. Called again it shows the same job, so that nothing is applied twice; so where the connection breaks, it is sent again. To mend the records first, \
fetch them with `intake results --only failed --payload --format ndjson` and import the file.

Examples:
  intake retry 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --wait

Exit codes:
  0   accepted; with --wait: complete, and no record failed
  1   not accepted, or the job failed or was cancelled
  2   complete, but some records failed
  3   still under way when --timeout ran out
";

/// Sends the failed records of a job once more
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Retry {
    /// Id of the job, as `intake import` prints it
    #[arg(value_parser = crate::job::id)]
    id: Uuid,

    #[command(flatten)]
    follow: Follow,

    #[command(flatten)]
    gateway: Config,
}

impl Retry {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let gateway = Gateway::new(&self.gateway)?;
        let path = format!("{}/retry_failed", status_path(self.id));
        let post = Post { patience: PATIENCE, ..Post::empty(path) };
        submitted(&gateway, &post, self.follow, output)
    }
}
