//! A batch of records, by whichever of the three endpoints: checked, made one message, and accepted once the broker
//! has stored it. `PostgreSQL` is not asked.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_types::catalog::Account;
use intake_types::wire::{self, Format};
use intake_types::{JobId, Operation, Status};

use crate::accept::{self, Received};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::{self, Wait, Wish};
use crate::publish::{self, Published};
use crate::respond::{self, Answer, POLL_AGAIN};
use crate::{idempotency, results, stream, wait};

/// On an answer to a request that was accepted before: nothing was published.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) async fn receive(
    request: HttpRequest,
    payload: Payload,
    app: Data<App>,
    operation: Operation,
) -> HttpResponse {
    let app = app.into_inner();
    respond::with(request, async |request, wish| take(request, payload, &app, operation, wish).await).await
}

async fn take(
    request: &HttpRequest,
    payload: Payload,
    app: &Arc<App>,
    operation: Operation,
    wish: &mut Wish,
) -> Result<Answer, ApiError> {
    if let Some(format) = extract::stream_format(request)? {
        let (account, published) = stream::receive(request, payload, app, format, operation).await?;
        return answer(request, app, &account, published, wish.format()).await;
    }
    let partial_key = idempotency::PartialKey::of(request, &app.keys)?;
    let catalog = app.catalog()?;
    let received = Received { partial_key, ..Received::of(request, payload, app).await? };
    let shared = Arc::clone(app);
    let checked = respond::off_thread(move || {
        accept::accept(received, operation, &catalog, &shared.limits, &shared.job_key)
    });
    let checked = checked.await?;
    wish.body = checked.wish;
    let (account, published) = match (checked.result, checked.sender) {
        (Ok(accepted), _) => (accepted.account.clone(), publish::once(app, accepted).await?),
        // It was accepted before, whatever has become of the catalogue since.
        (Err(error @ ApiError::Refused(_)), Some((account, key))) => {
            match app.keys.replayed(&app.store, &account.name, &key).await {
                Some(job_id) => (account, Published { job_id, expected: None }),
                None => return Err(error),
            }
        }
        (Err(error), _) => return Err(error),
    };
    answer(request, app, &account, published, wish.format()).await
}

/// The answer to a request that was accepted, just now or before: its results, if they are wanted and there in time, else
/// where to find them.
pub(super) async fn answer(
    request: &HttpRequest,
    app: &App,
    account: &Account,
    Published { job_id, expected }: Published,
    format: Format,
) -> Result<Answer, ApiError> {
    let wait = Wait::preferred(request, app.default_wait);
    let mut answer = None;
    if let Some(time) = wait.duration()
        && let Some(status) = wait::finished(app, account, job_id, expected.as_ref(), time).await
    {
        answer = finished(app, status, format).await;
    }
    let answer = match (answer, wait.applied()) {
        (Some(answer), Some((name, value))) => answer.header(name, value),
        (Some(answer), None) => answer,
        (None, _) => accepted(job_id, format)?,
    };
    Ok(match expected {
        None => answer.header(REPLAYED, HeaderValue::from_static("true")),
        Some(_) => answer,
    })
}

fn accepted(job_id: JobId, format: Format) -> Result<Answer, ApiError> {
    let location = HeaderValue::try_from(wire::status_path(job_id))
        .map_err(|_text| ApiError::Internal("the path of a job is no header value"))?;
    let answer = Answer::new(StatusCode::ACCEPTED, wire::accepted(job_id, format));
    Ok(answer.header(LOCATION, location).retry_after(POLL_AGAIN))
}

/// The answer for a job that ended while the client waited. A job that failed as a whole has no results: its status
/// says why. `None` when the database is away by now.
async fn finished(app: &App, status: Status, format: Format) -> Option<Answer> {
    if let Some((error, _)) = status.ledger.as_ref().and_then(|entry| entry.error.as_ref()) {
        let code = StatusCode::from_u16(*error).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return Some(Answer::new(code, wire::status(&status, format)));
    }
    results::waited(app, &status, format.into()).await.ok().map(results::Found::answer)
}
