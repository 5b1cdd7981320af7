//! The operators' way to the broker and the database, as long as one command.

use clap::Args;
use intake_broker::DeadQueue;
use intake_store::Store;

use super::message::DeadMessage;
use crate::error::Error;
use crate::operator::explained;

/// Where broker and database are: set as for the services.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Servers {
    #[command(flatten)]
    broker: intake_broker::Config,

    #[command(flatten)]
    database: intake_store::Config,
}

/// Which messages are meant.
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Chosen {
    /// Names of messages, as `intake dead list` prints them: the job's id, of a piece of a stream with more behind it
    #[arg(value_name = "MESSAGE", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,

    /// All messages
    #[arg(long)]
    all: bool,
}

/// What a command does with a message.
pub(super) trait Visitor {
    /// Settles it, or sets it aside.
    async fn visit(&mut self, store: &Store, queue: &DeadQueue, dead: DeadMessage) -> Result<(), Error>;
}

impl Servers {
    /// Goes through the queue once, from the oldest message on. What is set aside is in the queue again afterwards.
    pub(super) fn walk(&self, visitor: &mut impl Visitor) -> Result<(), Error> {
        // The broker's tasks must go on while a payload is unpacked here.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.map_err(Error::Runtime)?.block_on(async {
            let store = Store::open(&self.database);
            let mut queue = DeadQueue::open(&self.broker, "intake dead").await?;
            let walked = async {
                while let Some(delivery) = queue.next().await? {
                    visitor.visit(&store, &queue, DeadMessage::of(delivery)).await?;
                }
                Ok(())
            }
            .await;
            queue.close().await;
            match walked {
                Err(Error::Store(error)) => Err(explained(&store, error).await.into()),
                walked => walked,
            }
        })
    }

    /// Most bytes that a payload may unpack to.
    pub(super) fn payload_max(&self) -> usize {
        usize::try_from(self.broker.payload_max_bytes).unwrap_or(usize::MAX)
    }
}

impl Chosen {
    /// Whether a message is meant.
    pub(super) fn has(&self, dead: &DeadMessage) -> bool {
        self.all || self.names.contains(&dead.name)
    }

    /// Those that are named and were not found.
    pub(super) fn missing<'a>(&'a self, found: &'a [String]) -> impl Iterator<Item = &'a String> {
        self.names.iter().filter(|name| !found.contains(name))
    }
}
