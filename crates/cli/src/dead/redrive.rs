//! `intake dead redrive`: what is left of a job that was given up, once more.

use std::sync::Arc;

use clap::Args;
use intake_broker::{DeadQueue, Lane, Outgoing, pack};
use intake_store::{GivenUp, Part, Redriven, Store};
use intake_types::{Header, JobId, Message, PART_BYTES, SealV1, V1};

use super::message::{DeadMessage, UNREADABLE, read, with_part};
use super::servers::{Chosen, Servers, Visitor};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::{Output, complain};

const MORE: &str = "\
A job that was given up stays failed. What is left of it, from the first record without an outcome on, becomes a new \
job with the same parameters, which is printed; `retry_of` in its status names the old one. Nothing is applied twice, \
however often this is run, where it is interrupted, or by how many at once. What was accepted since then comes \
after it: a redrive overwrites nothing of that. A request that is sent again with its Idempotency-Key is answered \
with the new job. What its client has cancelled is not applied: the records of the new job are skipped, and it ends \
as cancelled.

A piece of a stream is entered where it belongs, or is found to be of no use. A message whose job is not known any \
more is left alone, since nobody knows what of it was applied: --from-start applies all of it, what was applied before \
once more. What cannot be redriven stays in the queue, with the reason on standard error.

Examples:
  intake dead redrive 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47
  intake dead redrive --all

Exit codes:
  0   all of them were redriven
  1   some were not, or are not there
";

/// Has what is left of jobs that were given up applied, as new jobs
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Redrive {
    #[command(flatten)]
    chosen: Chosen,

    /// Where it is not known any more which records of a job were applied: apply all of them
    #[arg(long)]
    from_start: bool,

    #[command(flatten)]
    servers: Servers,
}

struct Redriver<'a> {
    chosen: &'a Chosen,
    from_start: bool,
    payload_max: usize,
    found: Vec<String>,
    refused: u32,
    output: &'a mut Output,
}

/// What becomes of a message.
enum Fate {
    /// It has done its work: it is taken off the queue.
    Done(String),
    /// A worker is to have it as it is.
    PutBack,
    /// It stays.
    Refused(String),
}

impl Redrive {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let mut redriver = Redriver {
            chosen: &self.chosen,
            from_start: self.from_start,
            payload_max: self.servers.payload_max(),
            found: Vec::new(),
            refused: 0,
            output,
        };
        self.servers.walk(&mut redriver)?;
        let mut refused = redriver.refused;
        for name in self.chosen.missing(&redriver.found) {
            complain(&Error::NotDead { name: name.clone() }.to_string());
            refused += 1;
        }
        if redriver.found.is_empty() && refused == 0 {
            output.line("no dead messages")?;
        }
        Ok(if refused == 0 { Ending::Fine } else { Ending::Failed })
    }
}

impl Visitor for Redriver<'_> {
    async fn visit(&mut self, store: &Store, queue: &DeadQueue, dead: DeadMessage) -> Result<(), Error> {
        if !self.chosen.has(&dead) {
            dead.delivery.set_aside();
            return Ok(());
        }
        let fate = match self.fate(store, queue, &dead).await {
            // Another message may do better.
            Err(Error::Store(error)) if !error.is_transient() => Fate::Refused(error.to_string()),
            fate => fate?,
        };
        let DeadMessage { name, delivery } = dead;
        match fate {
            Fate::Done(told) => {
                delivery.ack().await?;
                self.output.line(told)?;
            }
            Fate::PutBack => {
                delivery.put_back().await?;
                self.output.line(format_args!("{name}: its job has not ended; put back as it is"))?;
            }
            Fate::Refused(problem) => {
                delivery.set_aside();
                complain(&format!("{name}: {problem}"));
                self.refused += 1;
            }
        }
        self.found.push(name);
        Ok(())
    }
}

impl Redriver<'_> {
    async fn fate(&self, store: &Store, queue: &DeadQueue, dead: &DeadMessage) -> Result<Fate, Error> {
        let (name, lane, payload) = (&dead.name, dead.delivery.lane, dead.payload());
        let entered = |what: &str| Fate::Done(format!("{name}: {what}"));
        Ok(match read(&payload) {
            Err(problem) => Fate::Refused(format!(
                "this version cannot read it ({problem}); another may, and `intake dead drop` drops it"
            )),
            Ok(Message::PartV1(part)) => {
                let part = Part::of(part, dead.delivery.packed()?.to_vec());
                let count = part.header.total.saturating_sub(part.first_index);
                if store.keep_part(Arc::new(part)).await? {
                    entered(&format!("the stream has its {count} records"))
                } else {
                    entered("of no use, the job of the stream has ended")
                }
            }
            Ok(Message::CutV1(cut)) => {
                if store.cut(&cut.header, cut.error, cut.text).await? {
                    entered("the job of the stream has ended, and nothing of it is applied")
                } else {
                    entered("of no use, the stream has its job")
                }
            }
            Ok(Message::RepeatedV1(repeated)) => {
                store.drop_repeated(&repeated.header, repeated.same_as).await?;
                entered("what came of the stream is dropped, for it was sent before")
            }
            Ok(Message::SealV1(seal)) => self.job(store, queue, lane, seal.header, Vec::new()).await?,
            Ok(Message::V1(whole)) => {
                let header = whole.header.clone();
                self.job(store, queue, lane, header, packed(whole)?).await?
            }
        })
    }

    async fn job(
        &self,
        store: &Store,
        queue: &DeadQueue,
        lane: Lane,
        header: Header,
        parts: Vec<Part>,
    ) -> Result<Fate, Error> {
        let (old, total, payload_max) = (header.job_id, header.total, self.payload_max);
        let given_up = GivenUp { header, parts, from_start: self.from_start };
        let rest = move |part: &[u8], from: u32, of: &Header| rest(part, from, of, payload_max);
        let over = |what: String| Fate::Done(format!("{old}: {what}; taken off the queue"));
        Ok(match store.redrive(given_up, rest).await? {
            Redriven::Made { header, from, is_cancelled } => {
                let mut told = made(old, &header, from);
                if is_cancelled {
                    told.push_str("; its client has cancelled it, so they are skipped");
                }
                queue.publisher().publish(lane, sealed(*header)?).await?;
                Fate::Done(told)
            }
            Redriven::Ended(new, state) => {
                over(format!("was redriven before, as {new}, which has ended as {}", state.word()))
            }
            Redriven::Over(state) => {
                over(format!("nothing is left of it, its job has ended as {}", state.word()))
            }
            Redriven::SameAs(other) => over(format!("is the same as job {other}, which is applied")),
            Redriven::Open => Fate::PutBack,
            Redriven::SentAgain(other) => Fate::Refused(format!(
                "the request was sent again since, as job {other}: to redrive this one would apply it \
                 twice; `intake dead drop` drops it"
            )),
            Redriven::Unknown => Fate::Refused(format!(
                "its job is not known, or no longer, nor which of its {total} records were applied; --from-start \
                 applies all of them, those that were applied before once more"
            )),
        })
    }
}

/// Such as `0193… -> 0193…: 2 records, from 3 on`.
fn made(old: JobId, new: &Header, from: u32) -> String {
    let by = match new.retry_of {
        Some(given_up) if given_up != old => format!(" (by way of {given_up}, which was given up)"),
        _ => String::new(),
    };
    let records = if new.total == 1 { "record" } else { "records" };
    format!("{old} -> {}: {} {records}, from {from} on{by}", new.job_id, new.total)
}

/// The records of a whole job as parts.
fn packed(whole: V1<'_>) -> Result<Vec<Part>, Error> {
    let parts = whole.into_parts(PART_BYTES).into_iter().map(|part| {
        let (header, first_index, open_until) = (part.header.clone(), part.first_index, part.open_until);
        let payload = pack(&Message::PartV1(part).to_bytes())?;
        Ok(Part { header, first_index, open_until, payload })
    });
    parts.collect()
}

/// What of a packed part is from a position on, packed as a part of another job.
fn rest(part: &[u8], from: u32, of: &Header, payload_max: usize) -> Result<Vec<u8>, intake_store::Error> {
    let rest = with_part(part, payload_max, |part| Message::PartV1(part.rest(from, of)).to_bytes())?;
    pack(&rest).map_err(|_unpackable| UNREADABLE)
}

/// The seal of a job, as gateways send it.
fn sealed(header: Header) -> Result<Outgoing, Error> {
    let job = header.job_id.to_string();
    let seal = Message::SealV1(SealV1 { header });
    Ok(Outgoing::compress(&job, &seal.to_bytes())?.headers(seal.headers())?)
}
