//! `POST /api/v1.1/jobs/{id}/retry_failed`: makes a job of the records that failed, once: asked again, it is the same job.

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_store::Kept;
use intake_types::catalog::Account;
use intake_types::{Fingerprint, JobId, KeyScope, Refusal, RequestKey};

use super::{batch, job};
use crate::app::App;
use crate::error::ApiError;
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
    let key = key(status.job_id);
    let published = match app.store.reserved(&account.name, &key).await? {
        Some(reserved) if reserved.registered => Published { job_id: reserved.job_id, expected: None },
        _ => {
            if !status.state.is_terminal() {
                return Err(ApiError::JobRuns);
            }
            let failed = status.ledger.as_ref().map_or(0, |entry| entry.tally.failed);
            let kept = kept(app, &account, status.job_id, failed).await?;
            stream::of_failed(app, &account, kept, key).await?
        }
    };
    batch::answer(request, app, &account, published, wish.format()).await
}

/// There is one retry of a job, so its id says all that is asked for.
fn key(job_id: JobId) -> RequestKey {
    let fingerprint = Fingerprint::of(&[job_id.0.as_bytes()]);
    RequestKey { scope: KeyScope::Retry, key: job_id.to_string(), fingerprint, seconds: None }
}

/// The failed records, where all of them are kept still and may be applied.
async fn kept(app: &App, account: &Account, job_id: JobId, failed: u32) -> Result<Kept, ApiError> {
    if failed == 0 {
        return Err(ApiError::NothingFailed);
    }
    let kept = app.store.kept_failures(account, job_id).await?.ok_or(ApiError::UnknownJob)?;
    if kept.records < u64::from(failed) {
        return Err(ApiError::FailedGone);
    }
    if app.catalog()?.database_for(account, kept.header.db_id).is_none() {
        return Err(Refusal::NoAccess(kept.header.db_id).into());
    }
    Ok(kept)
}
