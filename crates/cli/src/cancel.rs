//! `intake cancel`: a job stops where it stands.

use clap::Args;

use crate::client::{Gateway, Named, Post, Status, follow, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;
use crate::report::{details, summary};

const MORE: &str = "\
What was applied stays applied; the other records are skipped. A job that no worker has taken yet is \
cancelled when one takes it. A job that has ended otherwise cannot be cancelled, but for one that was given up: it \
stays failed, and its operator cannot have the rest of it applied any more.

Examples:
  intake cancel 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47
  intake cancel 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --wait

Exit codes:
  0   it is cancelled, or will be; with --wait: it is cancelled
  1   it had ended otherwise or is unknown, or it failed, or the gateway does not answer
  3   still under way when --timeout ran out
";

/// Stops a job
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Cancel {
    #[command(flatten)]
    named: Named,
}

impl Cancel {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let Named { id, follow: wish, gateway } = self.named;
        let gateway = Gateway::new(&gateway)?;
        let post = Post::empty(format!("{}/cancel", status_path(id)));
        let mut status: Status = gateway.submit(&post)?;
        // Of one that was given up, for good.
        let is_stopped = status.cancel_requested && status.state.is_terminal();
        if wish.wait && !status.state.is_terminal() {
            status = follow(&gateway, status.job_id, wish.timeout)?;
        }
        let lines = if status.state.is_terminal() { summary(&status) } else { details(&status) };
        lines.iter().try_for_each(|line| output.line(line))?;
        Ok(if is_stopped { Ending::Fine } else { Ending::of_cancel(status.state) })
    }
}
