//! `intake dead list`: what there is.

use clap::Args;
use intake_broker::DeadQueue;
use intake_store::Store;

use super::entry::{Entry, heading};
use super::message::{DeadMessage, read};
use super::servers::{Servers, Visitor};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

const MORE: &str = "\
Nothing is taken off the queue. While this looks, its messages are in its hands, so another of these \
commands may not find them; run one at a time. Times are in UTC.

KIND tells what a message is: import (a job with its records), seal (a job that came as a stream: its records are in \
the database), part, cut and repeated (pieces of a stream), unreadable. APPLIED are the records that have an \
outcome; those behind them are what a redrive applies. KEPT UNTIL is how long that is known, and how long the \
records of a stream are kept: redrive before that.

Examples:
  intake dead list
  intake dead list --json | jq -r 'select(.account == \"shop\") | .message'
";

/// Lists the messages that could not be applied
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct List {
    /// One JSON object a line, in the place of a table
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    servers: Servers,
}

struct Lister<'a> {
    json: bool,
    listed: u32,
    output: &'a mut Output,
}

impl List {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let mut lister = Lister { json: self.json, listed: 0, output };
        self.servers.walk(&mut lister)?;
        if lister.listed == 0 && !self.json {
            output.line("no dead messages")?;
        }
        Ok(Ending::Fine)
    }
}

impl Visitor for Lister<'_> {
    async fn visit(&mut self, store: &Store, _queue: &DeadQueue, dead: DeadMessage) -> Result<(), Error> {
        let entry = {
            let payload = dead.payload();
            Entry::of(&dead, &read(&payload), store).await?
        };
        dead.delivery.set_aside();
        self.listed += 1;
        if self.json {
            let line = serde_json::to_string(&entry).map_err(Error::Unshown)?;
            return self.output.line(line);
        }
        if self.listed == 1 {
            self.output.line(heading())?;
        }
        self.output.line(entry.row())
    }
}
