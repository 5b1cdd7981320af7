//! `GET /api/v1.1/jobs/{id}`: where a job stands.

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_types::catalog::Account;
use intake_types::{JobId, Refusal, shortened, wire};
use uuid::Uuid;

use crate::accept::{self, Received};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Credentials, Query, Wait, Wish};
use crate::respond::{self, Answer};
use crate::{observe, wait};

/// What may be said beside the path.
const NAMES: [&str; 2] = ["token", "format"];

pub(super) async fn handle(request: HttpRequest, app: Data<App>) -> HttpResponse {
    let answer = respond::with(request, async |request, wish| {
        let query = Query::of(request);
        let (account, job_id) = named(request, &app)?;
        query.only(&["token", "format", "wait"])?;
        let time = Wait::in_query(&query)?.duration();
        let status = wait::until_terminal(&app, &account, job_id, time).await?;
        let answer = Answer::new(StatusCode::OK, wire::status(&status, wish.format()));
        Ok(answer.poll_again(&status))
    });
    answer.await
}

/// The job that the path names, and the account that asks for it.
pub(super) fn named(request: &HttpRequest, app: &App) -> Result<(Account, JobId), ApiError> {
    let catalog = app.catalog()?;
    let account = Credentials::of(request).account(Ok(None), &catalog)?.clone();
    Ok((account, in_path(request)?))
}

/// The same for a POST, which may have a body; there is nothing to say in it but `token` and `format`.
pub(super) async fn named_by_post(
    request: &HttpRequest,
    payload: Payload,
    app: &App,
    wish: &mut Wish,
) -> Result<(Account, JobId), ApiError> {
    Query::of(request).only(&NAMES)?;
    if !request.headers().contains_key(CONTENT_TYPE) {
        return named(request, app);
    }
    let catalog = app.catalog()?;
    let (received, limits) = (Received::of(request, payload, app).await?, app.limits);
    let checked = respond::off_thread(move || {
        accept::open(received, &catalog, &limits, |envelope, account, _sent| {
            let names = envelope.parameters.iter().map(|(name, _)| name.as_str());
            match names.chain(envelope.data.is_some().then_some("data")).find(|name| !NAMES.contains(name)) {
                None => Ok(account.clone()),
                Some(name) => {
                    let problem = "not available here; the body may hold token, format";
                    Err(Refusal::parameter(shortened(name), problem).into())
                }
            }
        })
    });
    let checked = checked.await?;
    wish.body = checked.wish;
    Ok((checked.result?, in_path(request)?))
}

fn in_path(request: &HttpRequest) -> Result<JobId, ApiError> {
    let id = request.match_info().get("id").and_then(|id| Uuid::try_parse(id).ok()).map(JobId);
    let job_id = id.ok_or(ApiError::UnknownJob)?;
    observe::job(job_id);
    Ok(job_id)
}
