//! `intake job`: how a job stands.

use clap::Args;

use crate::client::{Gateway, Named, Status, follow, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;
use crate::report::{conclude, details};

const MORE: &str = "\
Of a job that has ended, the failed records are printed too, as long as they are kept.

Examples:
  intake job 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47
  intake job 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --wait --timeout 60

Exit codes:
  0   under way, or complete, and no record failed
  1   failed, cancelled or unknown, or the gateway does not answer
  2   complete, but some records failed
  3   still under way when --timeout ran out
";

/// Shows how a job stands
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Job {
    #[command(flatten)]
    named: Named,
}

impl Job {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let Named { id, follow: wish, gateway } = self.named;
        let gateway = Gateway::new(&gateway)?;
        // Asked once in any case: an address or a job that is wrong should be told at once.
        let mut status: Status = gateway.get(&format!("{}?format=json", status_path(id)))?.json()?;
        if wish.wait && !status.state.is_terminal() {
            status = follow(&gateway, id, wish.timeout)?;
        }
        details(&status).iter().try_for_each(|line| output.line(line))?;
        if status.state.is_terminal() { conclude(&gateway, &status, output) } else { Ok(Ending::Fine) }
    }
}
