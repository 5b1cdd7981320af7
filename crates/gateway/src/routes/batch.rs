//! A batch of records, by whichever of the three endpoints: checked, made one message, and accepted once the broker
//! has stored it. `PostgreSQL` is not asked.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_telemetry::Metric;
use intake_types::wire::{self, Format};
use intake_types::{JobId, Operation, Status};

use crate::accept::{self, Accepted, Received};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Wait, Wish};
use crate::respond::{self, Answer, POLL_AGAIN};
use crate::{observe, results, wait};

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
    refuse_idempotency_key(request)?;
    let catalog = app.catalog()?;
    let received = Received::of(request, payload, app).await?;
    let shared = Arc::clone(app);
    let checked = respond::off_thread(move || {
        accept::accept(received, operation, &catalog, &shared.limits, &shared.job_key)
    });
    let checked = checked.await?;
    wish.body = checked.wish;
    let Accepted { job_id, account, total, message, reservation } = checked.result?;
    observe::job(job_id);
    let bytes = message.size();
    let expected = app.ended.expect(job_id);
    app.publisher.publish(message).await?;
    drop(reservation);
    Metric::GatewayRecordsAccepted.add(total.into(), &[]);
    tracing::info!(
        account.name = account.name,
        batch.records = total,
        message.bytes = bytes,
        "a batch was accepted"
    );

    let wait = Wait::preferred(request, app.default_wait);
    if let Some(time) = wait.duration()
        && let Some(status) = wait::finished(app, &account, job_id, &expected, time).await
        && let Some(answer) = finished(app, status, wish.format()).await
    {
        return Ok(match wait.applied() {
            Some((name, value)) => answer.header(name, value),
            None => answer,
        });
    }
    accepted(job_id, wish.format())
}

/// Keys are not kept in this version, and a key that is ignored would make a retry apply twice.
fn refuse_idempotency_key(request: &HttpRequest) -> Result<(), ApiError> {
    const NAME: &str = "Idempotency-Key";
    let problem = "not available in this version; leave it out";
    if request.headers().contains_key(NAME) { Err(ApiError::Header { name: NAME, problem }) } else { Ok(()) }
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
