//! Messages that came back more often than the broker allows, such as one that kills each of its workers: their job is
//! ended, and they are kept in the dead queue.
//!
//! All that was in the hands of a worker that dies comes back counted, also what it had only fetched. So what was hardly ever
//! begun, by what the ledger says, is put back instead: a few times, for what kills before it is in the ledger looks alike.
//!
//! Nothing of their payload is looked at, for that may be what kills. Which job a message is of is said beside it.

use intake_broker::{Consumer, Delivery};
use intake_store::{Error, Store};
use intake_types::Header;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use crate::announce::Announcer;
use crate::backoff::Backoff;
use crate::job::Ended;
use crate::task::{is_piece, job_of};
use crate::verdict;

const REASON: &str = "came back more often than the delivery limit allows";
/// What the job is told.
const TEXT: &str =
    "the job was tried too often and was given up; what was not applied is kept, ask the operator";
/// How often a message is put back that was hardly ever begun.
const SPARED: u32 = 3;

/// All that it needs.
pub(crate) struct Undertaker {
    store: Store,
    announcer: Announcer,
    /// How often a message may come back.
    delivery_limit: u32,
    shutdown: CancellationToken,
}

impl Undertaker {
    /// Starts it; it runs until the shutdown.
    pub(crate) fn start(
        broker: &intake_broker::Config,
        store: Store,
        announcer: Announcer,
        shutdown: CancellationToken,
    ) -> JoinHandle<()> {
        let consumer = Consumer::start_undelivered(broker, "intake-worker undelivered", 1, shutdown.clone());
        let delivery_limit = u32::try_from(broker.queue_delivery_limit).unwrap_or_default();
        tokio::spawn(Self { store, announcer, delivery_limit, shutdown }.run(consumer))
    }

    async fn run(self, mut consumer: Consumer) {
        while let Some(delivery) = consumer.next().await {
            let ended = if let Some(header) = job_of(&delivery) {
                let span = info_span!("job", job.id = %header.job_id, db.id = %header.db_id);
                self.see_to(&delivery, &header).instrument(span).await
            } else {
                tracing::error!(
                    message.id = delivery.message_id,
                    "an undelivered message names no job: buried"
                );
                Ended::Buried(REASON.to_owned())
            };
            verdict::settle(delivery, ended).await;
        }
        consumer.closed().await;
    }

    /// Sees to a message, however long the database is away.
    async fn see_to(&self, delivery: &Delivery, header: &Header) -> Ended {
        let mut backoff = Backoff::new();
        loop {
            match self.judge(delivery, header).await {
                Ok(ended) => return ended,
                Err(error) if error.is_transient() => tracing::warn!(%error, "a job cannot be ended yet"),
                Err(error) => {
                    tracing::error!(%error, "a job cannot be ended: its message is buried");
                    return Ended::Buried(format!("{REASON}, and its job cannot be ended"));
                }
            }
            if self.shutdown.run_until_cancelled(backoff.pause()).await.is_none() {
                return Ended::GivenBack;
            }
        }
    }

    async fn judge(&self, delivery: &Delivery, header: &Header) -> Result<Ended, Error> {
        // No ledger tells how often a piece was begun. Its job, if there is to be one, ends by the seal or for want of one; a
        // stream that was not accepted is not told of.
        let is_piece = is_piece(delivery);
        let begun = if is_piece { Some(0) } else { self.store.begun(header).await? };
        // As often as it is worked on beside others, see `Suspects`: what kills is begun with each delivery.
        let beside_others = self.delivery_limit.div_ceil(2);
        let is_seldom = |begun| self.delivery_limit > 1 && begun <= beside_others;
        if delivery.spared < SPARED && begun.is_some_and(is_seldom) {
            tracing::warn!(
                delivery.spared,
                job.begun = begun,
                "came back too often, but was hardly ever begun: put back"
            );
            return Ok(Ended::Spared);
        }
        if is_piece {
            tracing::error!(message.id = delivery.message_id, "an undelivered piece of a stream: buried");
            return Ok(Ended::Buried(REASON.to_owned()));
        }
        let ending = self.store.fail(header, 500, TEXT.to_owned()).await?;
        self.announcer.ended(header, ending);
        if ending.is_given_up() {
            tracing::error!("a job came back too often and is given up: its message is buried");
        }
        Ok(Ended::by(ending, REASON))
    }
}
