//! `intake retry`: what failed, once more.

use std::time::Duration;

use clap::Args;

use crate::client::{Gateway, Named, Post, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;
use crate::report::submitted;

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
    #[command(flatten)]
    named: Named,
}

impl Retry {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let Named { id, follow: wish, gateway } = self.named;
        let gateway = Gateway::new(&gateway)?;
        let path = format!("{}/retry_failed", status_path(id));
        let post = Post { patience: PATIENCE, ..Post::empty(path) };
        submitted(&gateway, &post, wish, output)
    }
}
