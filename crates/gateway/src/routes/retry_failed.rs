//! `POST /api/v1.1/jobs/{id}/retry_failed`: makes a job of the records that failed, once: asked again, it is the same job.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_store::Kept;
use intake_types::catalog::Account;
use intake_types::{Fingerprint, Header, JobId, KeyScope, Message, Refusal, RequestKey, V1};
use serde_json::value::RawValue;

use super::{batch, job};
use crate::accept::{self, Accepted};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Wish;
use crate::memory::Reservation;
use crate::publish::{self, Published};
use crate::respond::{self, Answer};
use crate::{clock, wait};

/// Most records in one message.
const MOST_RECORDS: u64 = 10_000;

pub(super) async fn handle(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let app = app.into_inner();
    respond::with(request, async |request, wish| retry(request, payload, &app, wish).await).await
}

async fn retry(
    request: &HttpRequest,
    payload: Payload,
    app: &Arc<App>,
    wish: &mut Wish,
) -> Result<Answer, ApiError> {
    let (account, job_id) = job::named_by_post(request, payload, app, wish).await?;
    let status = wait::status(app, &account, job_id).await?;
    let key = key(status.job_id);
    let published = match app.store.reserved(&account.name, &key).await? {
        Some(reserved) if reserved.registered => Published { job_id: reserved.job_id, expected: None },
        _ => {
            if !status.state.is_terminal() {
                return Err(ApiError::JobRuns);
            }
            let failed = status.ledger.as_ref().map_or(0, |entry| entry.tally.failed);
            let accepted = accept(app, account.clone(), status.job_id, failed, key).await?;
            publish::once(app, accepted).await?
        }
    };
    batch::answer(request, app, &account, published, wish.format()).await
}

/// There is one retry of a job, so its id says all that is asked for.
fn key(job_id: JobId) -> RequestKey {
    let fingerprint = Fingerprint::of(&[job_id.0.as_bytes()]);
    RequestKey { scope: KeyScope::Retry, key: job_id.to_string(), fingerprint, seconds: None }
}

/// The failed records, as a request of their own.
async fn accept(
    app: &Arc<App>,
    account: Account,
    job_id: JobId,
    failed: u32,
    key: RequestKey,
) -> Result<Accepted, ApiError> {
    if failed == 0 {
        return Err(ApiError::NothingFailed);
    }
    let kept = app.store.kept_failures(&account, job_id).await?.ok_or(ApiError::UnknownJob)?;
    if kept.records < u64::from(failed) {
        return Err(ApiError::FailedGone);
    }
    if app.catalog()?.database_for(&account, kept.header.db_id).is_none() {
        return Err(Refusal::NoAccess(kept.header.db_id).into());
    }
    let size = usize::try_from(kept.bytes).unwrap_or(usize::MAX);
    if kept.records > MOST_RECORDS || size > app.bounds.bytes {
        return Err(ApiError::ManyFailed { records: kept.records, bytes: kept.bytes });
    }
    // The texts, and the message made of them.
    let reservation = app.bounds.memory.reserve(size.saturating_mul(2)).await?;
    let records = app.store.failed_records(kept.header.db_id, job_id).await?;
    // They may have been swept away since they were counted.
    if u64::try_from(records.len()).unwrap_or(u64::MAX) != kept.records {
        return Err(ApiError::FailedGone);
    }
    let shared = Arc::clone(app);
    respond::off_thread(move || message(&shared, account, kept, records, key, reservation)).await?
}

fn message(
    app: &App,
    account: Account,
    kept: Kept,
    records: Vec<String>,
    key: RequestKey,
    mut reservation: Reservation,
) -> Result<Accepted, ApiError> {
    let job_id = clock::mint(&account.name, &app.job_key);
    let records = records.into_iter().map(|text| RawValue::from_string(text).map(Cow::Owned));
    let records: Result<Vec<Cow<'_, RawValue>>, _> = records.collect();
    let records = records.map_err(|_unfit| ApiError::Internal("a record that failed is no JSON"))?;
    let total = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let header = Header {
        job_id,
        total,
        streamed: false,
        retry_of: Some(kept.header.job_id),
        request_key: Some(key.clone()),
        // They were about the request as it was sent then, and were told.
        warnings: Vec::new(),
        ..kept.header
    };
    let message = accept::pack(&Message::V1(V1 { header, records }))?;
    reservation.shrink(message.size());
    Ok(Accepted { job_id, account, total, key: Some(key), message, reservation })
}
