//! `intake dead show`: all of one message.

use clap::{Args, ValueEnum};
use intake_broker::DeadQueue;
use intake_store::Store;
use intake_types::{Header, Message};
use serde_json::value::RawValue;

use super::entry::Entry;
use super::message::{DeadMessage, read, with_part};
use super::servers::{Servers, Visitor};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

const MORE: &str = "\
The records are printed only when asked for: they are personal. --records prints them and nothing else, as NDJSON, \
one record a line, as they were sent; --records=left only those that have no outcome, which a redrive would apply. \
Mended, they can be imported as they are.

Examples:
  intake dead show 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47
  intake dead show 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --records=left > to-mend.ndjson
";

/// Shows a message that could not be applied, or its records
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Show {
    /// Name of the message, as `intake dead list` prints it: the job's id, of a piece of a stream with more behind it
    #[arg(value_name = "MESSAGE")]
    name: String,

    /// Print the records in the place of what is known of them
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    records: Option<Which>,

    #[command(flatten)]
    servers: Servers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    All,
    Left,
}

struct Shower<'a> {
    name: &'a str,
    records: Option<Which>,
    payload_max: usize,
    is_found: bool,
    output: &'a mut Output,
}

impl Show {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let payload_max = self.servers.payload_max();
        let mut shower =
            Shower { name: &self.name, records: self.records, payload_max, is_found: false, output };
        self.servers.walk(&mut shower)?;
        if shower.is_found { Ok(Ending::Fine) } else { Err(Error::NotDead { name: self.name }) }
    }
}

impl Visitor for Shower<'_> {
    async fn visit(&mut self, store: &Store, _queue: &DeadQueue, dead: DeadMessage) -> Result<(), Error> {
        // It may be there twice.
        if dead.name == self.name && !self.is_found {
            self.is_found = true;
            let payload = dead.payload();
            let message = read(&payload);
            match self.records {
                None => {
                    let entry = Entry::of(&dead, &message, store).await?;
                    entry.details().iter().try_for_each(|line| self.output.line(line))?;
                }
                Some(which) => {
                    let message =
                        message.map_err(|problem| Error::Dead { name: dead.name.clone(), problem })?;
                    self.print(store, &message, which).await?;
                }
            }
        }
        dead.delivery.set_aside();
        Ok(())
    }
}

impl Shower<'_> {
    async fn print(&mut self, store: &Store, message: &Message<'_>, which: Which) -> Result<(), Error> {
        let header = message.header();
        let from = match which {
            Which::Left => store.dead_job(header).await?.map_or(0, |job| job.processed),
            Which::All => 0,
        };
        let passed = usize::try_from(from).unwrap_or(usize::MAX);
        match message {
            Message::V1(whole) => self.lines(whole.records.iter().skip(passed).map(AsRef::as_ref)),
            // It is applied whole or not at all.
            Message::PartV1(part) => self.lines(part.records.iter().map(AsRef::as_ref)),
            Message::SealV1(_) => self.stream(store, header, u32::try_from(from).unwrap_or(u32::MAX)).await,
            Message::CutV1(_) | Message::RepeatedV1(_) => Ok(()),
        }
    }

    /// The records of a stream, from a position on, a part in memory at a time.
    async fn stream(&mut self, store: &Store, header: &Header, from: u32) -> Result<(), Error> {
        let (mut next, payload_max) = (from, self.payload_max);
        while next < header.total {
            let packed = store.part(header, next).await?;
            next = with_part(&packed, payload_max, |part| {
                let passed = usize::try_from(next.saturating_sub(part.first_index)).unwrap_or(usize::MAX);
                self.lines(part.records.iter().skip(passed).map(AsRef::as_ref))?;
                Ok::<_, Error>(part.header.total)
            })??;
        }
        Ok(())
    }

    fn lines<'r>(&mut self, records: impl Iterator<Item = &'r RawValue>) -> Result<(), Error> {
        for record in records {
            // Between the tokens of a JSON text a line's end is a blank as any other, and inside of one there is none.
            self.output.text(&format!("{}\n", record.get().replace(['\n', '\r'], " ")))?;
        }
        Ok(())
    }
}
