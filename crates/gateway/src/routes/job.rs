//! `GET /api/v1.1/jobs/{id}`: where a job stands.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use intake_types::catalog::Account;
use intake_types::{JobId, wire};
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Credentials, Query, Wait};
use crate::respond::{self, Answer};
use crate::{observe, wait};

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
    let account = Credentials::of(request).account(Ok(None), &catalog)?;
    let id = request.match_info().get("id").and_then(|id| Uuid::try_parse(id).ok()).map(JobId);
    let job_id = id.ok_or(ApiError::UnknownJob)?;
    observe::job(job_id);
    Ok((account.clone(), job_id))
}
