//! What becomes of a delivery: the only place where the result of a job becomes an answer to the broker.

use intake_broker::Delivery;

use crate::job::Ended;

/// Why the result of a job could not be told to the broker as hoped.
const REDELIVERED: &str = "the broker was not told: the message will be delivered again";

/// Answers the broker. An answer that does not arrive means one more delivery, which finds everything done.
pub(crate) async fn settle(delivery: Delivery, ended: Ended) {
    let answered = match ended {
        // Committed: nothing is left that the message would be needed for.
        Ended::Done => delivery.ack().await,
        // Not a fault of the message: the database is away, or this process stops.
        Ended::GivenBack => delivery.release().await,
        // Counted: after the delivery limit the broker moves it to the queue of the undelivered, see there.
        Ended::Stuck => delivery.reject_for_retry().await,
        // The same, and it has had as many deliveries as there are: it gets as many once more.
        Ended::Spared => delivery.spare().await,
        // No later delivery could do better; kept with the reason.
        Ended::Buried(reason) => delivery.bury(&reason).await,
    };
    if let Err(error) = answered {
        tracing::warn!(%error, "{REDELIVERED}");
    }
}
