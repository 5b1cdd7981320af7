//! `intake token`: what clients prove their account with. The database keeps hashes only.

mod create;
mod list;
mod revoke;

use clap::{Args, Subcommand};

use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

/// Makes, lists and revokes API tokens
#[derive(Debug, Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::Create),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Token {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        match self.command {
            Command::Create(create) => create.run(output),
            Command::List(list) => list.run(output),
            Command::Revoke(revoke) => revoke.run(output),
        }
    }
}
