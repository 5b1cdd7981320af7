//! Messages that came back more often than the broker allows, such as one that kills each of its workers: their job is
//! ended, and they are kept in the dead queue.
//!
//! Nothing of their payload is looked at, for that may be what kills. Which job a message is of is said beside it.

use intake_broker::Consumer;
use intake_store::Store;
use intake_types::Header;
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

/// Runs until the consumer ends.
pub(crate) async fn run(
    mut consumer: Consumer,
    store: Store,
    announcer: Announcer,
    shutdown: CancellationToken,
) {
    while let Some(delivery) = consumer.next().await {
        let ended = if is_piece(&delivery) {
            // Its job, if there is to be one, ends by the seal or for want of one; a stream that was not accepted is not told of.
            tracing::error!(message.id = delivery.message_id, "an undelivered piece of a stream: buried");
            Ended::Buried(REASON.to_owned())
        } else if let Some(header) = job_of(&delivery) {
            let span = info_span!("job", job.id = %header.job_id, db.id = %header.db_id);
            end(&store, &header, &announcer, &shutdown).instrument(span).await
        } else {
            tracing::error!(message.id = delivery.message_id, "an undelivered message names no job: buried");
            Ended::Buried(REASON.to_owned())
        };
        verdict::settle(delivery, ended).await;
    }
    consumer.closed().await;
}

/// Ends a job, however long the database is away.
async fn end(store: &Store, header: &Header, announcer: &Announcer, shutdown: &CancellationToken) -> Ended {
    let mut backoff = Backoff::new();
    loop {
        match store.fail(header, 500, TEXT.to_owned()).await {
            Ok(ending) => {
                announcer.ended(header.job_id, ending);
                if ending.is_given_up() {
                    tracing::error!("a job came back too often and is given up: its message is buried");
                }
                return Ended::by(ending, REASON);
            }
            Err(error) if error.is_transient() => tracing::warn!(%error, "a job cannot be ended yet"),
            Err(error) => {
                tracing::error!(%error, "a job cannot be ended: its message is buried");
                return Ended::Buried(format!("{REASON}, and its job cannot be ended"));
            }
        }
        if shutdown.run_until_cancelled(backoff.pause()).await.is_none() {
            return Ended::GivenBack;
        }
    }
}
