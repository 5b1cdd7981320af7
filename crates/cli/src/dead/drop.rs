//! `intake dead drop`: messages that nobody wants any more.

use clap::Args;
use intake_broker::DeadQueue;
use intake_store::Store;
use intake_types::Message;

use super::entry::Entry;
use super::message::{DeadMessage, read};
use super::servers::{Chosen, Servers, Visitor};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::{Output, complain};

const MORE: &str = "\
For good: what was not applied of them is gone, with the parts of a stream that are kept for it. Their jobs stay \
as they are. Fetch the records before with `intake dead show --records`. A job that is being redriven is not dropped: \
its message may be all that brings the new job its seal.

Examples:
  intake dead drop 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47
  intake dead drop --all --yes
";

/// Drops messages that could not be applied
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Drop {
    #[command(flatten)]
    chosen: Chosen,

    /// Really all of them
    #[arg(long, required_if_eq("all", "true"))]
    yes: bool,

    #[command(flatten)]
    servers: Servers,
}

struct Dropper<'a> {
    chosen: &'a Chosen,
    found: Vec<String>,
    refused: u32,
    output: &'a mut Output,
}

impl Drop {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let mut dropper = Dropper { chosen: &self.chosen, found: Vec::new(), refused: 0, output };
        self.servers.walk(&mut dropper)?;
        let mut refused = dropper.refused;
        for name in self.chosen.missing(&dropper.found) {
            complain(&Error::NotDead { name: name.clone() }.to_string());
            refused += 1;
        }
        Ok(if refused == 0 { Ending::Fine } else { Ending::Failed })
    }
}

impl Visitor for Dropper<'_> {
    async fn visit(&mut self, store: &Store, _queue: &DeadQueue, dead: DeadMessage) -> Result<(), Error> {
        if !self.chosen.has(&dead) {
            dead.delivery.set_aside();
            return Ok(());
        }
        let (entry, job) = {
            let payload = dead.payload();
            let message = read(&payload);
            let entry = Entry::of(&dead, &message, store).await?;
            let job = match message {
                Ok(Message::SealV1(seal)) => Some(seal.header),
                Ok(Message::V1(whole)) => Some(whole.header),
                _ => None,
            };
            (entry, job)
        };
        let DeadMessage { name, delivery } = dead;
        // Before the message, without which nobody could do it again.
        let open = match &job {
            Some(header) => store.drop_given_up(header).await?,
            None => None,
        };
        if let Some(open) = open {
            delivery.set_aside();
            complain(&format!(
                "{name}: it is redriven as {open}, which has not ended; wait for that, or redrive it again"
            ));
            self.refused += 1;
        } else {
            delivery.ack().await?;
            self.output.line(format_args!("dropped {name}: {}", entry.what()))?;
        }
        self.found.push(name);
        Ok(())
    }
}
