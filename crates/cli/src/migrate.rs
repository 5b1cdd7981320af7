//! `intake migrate`: the database schema brought up to date.

use clap::Args;
use intake_store::Config;

use crate::ending::Ending;
use crate::error::Error;
use crate::operator::with_store;
use crate::output::Output;

const MORE: &str = "\
Safe to run at any time and from several places at once: one waits for the other. Run it before a new \
version of the services is started; they refuse to work with a schema that is behind.

Examples:
  intake migrate
  intake migrate --check || echo 'the schema is behind'
";

/// Brings the database schema up to date
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Migrate {
    /// Run nothing; name the pending migrations, and exit with 1 if there are any
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    database: Config,
}

impl Migrate {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let names = with_store(&self.database, async |store| {
            if self.check { store.pending().await } else { store.migrate().await }
        })?;
        let verb = if self.check { "pending" } else { "ran" };
        for name in &names {
            output.line(format_args!("{verb} {name}"))?;
        }
        if names.is_empty() {
            output.line("the schema is up to date")?;
        }
        Ok(if self.check && !names.is_empty() { Ending::Failed } else { Ending::Fine })
    }
}
