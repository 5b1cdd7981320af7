//! `POST /api/v1.1/jobs/{id}/retry_failed`: makes a job of the records that failed, once: asked again, it is the same job.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_store::{Kept, Reserved};
use intake_types::catalog::Account;
use intake_types::{Fingerprint, JobId, JobState, KeyScope, LedgerEntry, Refusal, RequestKey, Status};

use super::{batch, job};
use crate::app::App;
use crate::error::{ApiError, Instead};
use crate::extract::Wish;
use crate::publish::Published;
use crate::respond::{self, Answer};
use crate::{stream, wait};

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
    let published = once(app, &account, &status).await?;
    batch::answer(request, app, &account, published, wish.format()).await
}

/// The job that the failed records have been made, just now or before.
async fn once(app: &Arc<App>, account: &Account, status: &Status) -> Result<Published, ApiError> {
    let key = key(status.job_id);
    // Before anything is read: who asks while they are being sent is told what has become of it, and sends nothing.
    let turn = app.keys.turn(&account.name, &key).await.ok_or(ApiError::RetryUnderWay)?;
    match app.store.retried(account, &key).await? {
        Some(Reserved { job_id, registered, .. })
            if registered || app.keys.is_published(&account.name, &key, job_id) =>
        {
            Ok(Published { job_id, expected: None })
        }
        _ => {
            let kept = kept(app, account, status).await?;
            stream::of_failed(app, account, kept, key, turn).await
        }
    }
}

/// Why there is nothing to retry, and what can be done instead.
fn nothing_failed(status: &Status) -> ApiError {
    if status.state == JobState::Completed {
        return ApiError::NothingFailed;
    }
    let is_untouched = |entry: &&LedgerEntry| entry.tally.processed() == entry.tally.skipped;
    let retry_of = status.ledger.as_ref().filter(is_untouched).and_then(|entry| entry.retry_of);
    // A redriven job is no retry of the one that it goes on with.
    let instead = match retry_of.filter(|job_id| job_id.redriven() != status.job_id) {
        Some(job_id) => Instead::Retry(job_id),
        None if status.is_given_up() && !status.cancel_requested => Instead::Cancel,
        None => Instead::Send,
    };
    ApiError::EndedAsWhole { state: status.state, instead }
}

/// There is one retry of a job, unless it came to nothing, so its id says all that is asked for.
fn key(job_id: JobId) -> RequestKey {
    let fingerprint = Fingerprint::of(&[job_id.0.as_bytes()]);
    RequestKey { scope: KeyScope::Retry, key: job_id.to_string(), fingerprint, seconds: None }
}

/// The failed records, where all of them are kept still and may be applied.
async fn kept(app: &App, account: &Account, status: &Status) -> Result<Kept, ApiError> {
    if !status.state.is_terminal() {
        return Err(ApiError::JobRuns);
    }
    let failed = status.ledger.as_ref().map_or(0, |entry| entry.tally.failed);
    if failed == 0 {
        return Err(nothing_failed(status));
    }
    let kept = app.store.kept_failures(account, status.job_id).await?.ok_or(ApiError::UnknownJob)?;
    if kept.records < u64::from(failed) {
        return Err(ApiError::FailedGone);
    }
    if app.catalog()?.database_for(account, kept.header.db_id).is_none() {
        return Err(Refusal::NoAccess(kept.header.db_id).into());
    }
    Ok(kept)
}
