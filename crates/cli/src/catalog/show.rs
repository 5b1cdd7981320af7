//! `intake catalog show`: the catalogue as a file that can be applied again.

use clap::Args;
use intake_store::{Config, Store};

use super::view::View;
use crate::ending::Ending;
use crate::error::Error;
use crate::operator::with_store;
use crate::output::Output;

const MORE: &str = "\
Tokens are left out: only their hashes are known, and applying the file keeps them. See `intake token list`. \
Secrets of callbacks are not shown; what stands in their place keeps them.

Example:
  intake catalog show > catalog.yaml
";

/// Prints the catalogue as YAML that `intake catalog apply` takes
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Show {
    #[command(flatten)]
    database: Config,
}

impl Show {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let catalog = with_store(&self.database, async |store: Store| store.catalog().await)?;
        output.text(&View::of(&catalog).to_yaml()?)?;
        Ok(Ending::Fine)
    }
}
