//! `intake`: the command line of Intake, for those who run it and for those who import with it.
//!
//! Operators' commands (`migrate`, `catalog`, `token`, `dead`) speak to PostgreSQL, `dead` to RabbitMQ too; users' commands
//! (`import`, `jobs`, `job`, `results`, `retry`, `cancel`) to the gateway. The doc comments of the arguments are the manual:
//! `intake --help`.

mod cancel;
mod catalog;
mod client;
mod command;
mod dead;
mod ending;
mod error;
mod import;
mod input;
mod job;
mod jobs;
mod migrate;
mod operator;
mod output;
mod report;
mod results;
mod retry;
mod token;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Cli;
use crate::ending::Ending;
use crate::output::{Output, complain};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader of the help may have gone, too.
            let _ = error.print();
            return if error.use_stderr() { Ending::Failed } else { Ending::Fine }.into();
        }
    };
    match cli.command.run(&mut Output::stdout()) {
        Ok(ending) => ending.into(),
        Err(error) => {
            let ending = Ending::of_error(&error);
            complain(&format!("{:#}", anyhow::Error::from(error)));
            ending.into()
        }
    }
}
