//! `intake token revoke`: the end of a token.

use clap::Args;
use intake_store::Config;

use crate::ending::Ending;
use crate::error::Error;
use crate::operator::with_store;
use crate::output::Output;

const MORE: &str = "\
Gateways take it up within seconds. Jobs that were accepted before are still applied. A token that is \
named in the file of `intake catalog apply` comes back with the next apply: take it out there, too.

Example:
  intake token revoke 0123456789ab
";

/// Revokes a token; doing it again changes nothing
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Revoke {
    /// Id of the token, as `intake token list` shows it
    id: String,

    #[command(flatten)]
    database: Config,
}

impl Revoke {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let entry = with_store(&self.database, async |store| store.revoke_token(self.id).await)?;
        output.line(format_args!("token {} of account {} is revoked", entry.id, entry.account))?;
        Ok(Ending::Fine)
    }
}
