//! An accepted request on its way to the broker: once, where it has a key.

use std::sync::Arc;

use intake_broker::{Lane, Outgoing};
use intake_telemetry::Metric;
use intake_types::{JobId, Message, Stamp};
use tokio::time::Instant;

use crate::accept::{self, Accepted};
use crate::app::App;
use crate::error::ApiError;
use crate::idempotency::Claim;
use crate::memory::Reservation;
use crate::wait::Expectation;
use crate::{observe, respond};

/// What a request was given.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) job_id: JobId,
    /// Its end, expected since before it was published; `None`: it was accepted before, so nothing was.
    pub(crate) expected: Option<Expectation>,
}

/// Publishes a request, unless its key says that its job is safe already.
pub(crate) async fn once(app: &Arc<App>, accepted: Accepted) -> Result<Published, ApiError> {
    let Accepted { job_id: own, account, total, key, lane, message, reservation } = accepted;
    let Some(key) = key else {
        return confirmed(app, &account.name, own, total, (lane, message)).await;
    };
    let _turn = app.keys.turn(&account.name, &key).await;
    let since = Instant::now();
    let claim = app.keys.claim(&app.store, &account.name, &key, own, Stamp::of(own)).await?;
    let (job_id, order) = match claim {
        Claim::Own | Claim::Unsure => (own, Stamp::of(own)),
        Claim::Again(before, order) => (before, order),
        Claim::Replayed(job_id) => {
            observe::job(job_id);
            tracing::info!(account.name = account.name, "a request was sent again: its job is known");
            return Ok(Published { job_id, expected: None });
        }
    };
    let published = async {
        let (message, _held) = if job_id == own {
            (message, reservation)
        } else {
            respond::off_thread(move || under(&message, job_id, order, reservation)).await??
        };
        confirmed(app, &account.name, job_id, total, (lane, message)).await
    };
    let published = published.await;
    match &published {
        Ok(_) => {
            let sure = claim != Claim::Unsure;
            app.keys.published(&account.name, &key, (job_id, order), sure, since);
        }
        Err(error) => {
            app.keys.refused(&app.store, &account.name, &key, job_id, error).await;
        }
    }
    published
}

/// Publishes a message, and has the broker confirm it.
async fn confirmed(
    app: &App,
    account: &str,
    job_id: JobId,
    total: u32,
    (lane, message): (Lane, Outgoing),
) -> Result<Published, ApiError> {
    observe::job(job_id);
    let bytes = message.size();
    let expected = Some(app.waiters.expect(job_id));
    app.publisher.publish(lane, message).await?;
    Metric::GatewayRecordsAccepted.add(total.into(), &[]);
    tracing::info!(
        account.name = account,
        batch.records = total,
        message.bytes = bytes,
        "a batch was accepted"
    );
    Ok(Published { job_id, expected })
}

/// The same message for another job, which stands elsewhere in the order of acceptance.
fn under(
    message: &Outgoing,
    job_id: JobId,
    order: Stamp,
    mut reservation: Reservation,
) -> Result<(Outgoing, Reservation), ApiError> {
    let payload = message.payload()?;
    reservation.cover(payload.len().saturating_mul(2))?;
    let message = Message::from_bytes(&payload);
    let mut message = message.map_err(|_unfit| ApiError::Internal("a message cannot be read back"))?;
    let header = message.header_mut();
    (header.job_id, header.order) = (job_id, Some(order));
    let message = accept::pack(&message)?;
    reservation.shrink(message.size());
    Ok((message, reservation))
}
