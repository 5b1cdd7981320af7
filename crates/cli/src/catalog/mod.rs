//! `intake catalog`: databases, fields, resources and accounts, declared in one YAML file.

mod apply;
mod file;
mod show;
mod view;

use clap::{Args, Subcommand};

use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

/// Declares databases, fields, resources and accounts, in one YAML file
#[derive(Debug, Args)]
pub(crate) struct Catalog {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(apply::Apply),
    Show(show::Show),
}

impl Catalog {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        match self.command {
            Command::Apply(apply) => apply.run(output),
            Command::Show(show) => show.run(output),
        }
    }
}
