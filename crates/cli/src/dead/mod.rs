//! `intake dead`: messages that could not be applied. What the queue holds is the broker's, what became of their jobs and the
//! parts of streams the database's; both are needed for each of these commands.

mod drop;
mod entry;
mod list;
mod message;
mod redrive;
mod servers;
mod show;

use clap::{Args, Subcommand};

use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

/// Sees to messages that could not be applied: looks at them, has what is left of their jobs applied, or drops them
#[derive(Debug, Args)]
pub(crate) struct Dead {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Redrive(redrive::Redrive),
    Drop(drop::Drop),
}

impl Dead {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        match self.command {
            Command::List(list) => list.run(output),
            Command::Show(show) => show.run(output),
            Command::Redrive(redrive) => redrive.run(output),
            Command::Drop(drop) => drop.run(output),
        }
    }
}
