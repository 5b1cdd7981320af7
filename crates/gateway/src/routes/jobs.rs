//! `GET /api/v1.1/jobs`: the account's jobs, the last accepted first. From the ledger, so without those that no worker has
//! taken yet.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use intake_store::JobFilter;
use intake_types::catalog::Account;
use intake_types::{DatabaseId, JobState, Refusal, wire};

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Credentials, Query, cursor};
use crate::respond::{self, Answer};

const KNOWN: [&str; 7] = ["token", "format", "limit", "cursor", "status", "db_id", "external_id"];
const STATES: &str = "processing, completed, cancelled, failed (a job is listed once a worker has taken it)";
const PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

pub(super) async fn handle(request: HttpRequest, app: Data<App>) -> HttpResponse {
    let answer = respond::with(request, async |request, wish| {
        let catalog = app.catalog()?;
        let account = Credentials::of(request).account(Ok(None), &catalog)?;
        let query = Query::of(request);
        query.only(&KNOWN)?;
        let filter = filter(&query, account, &app)?;
        let most = query.number("limit", 1..=LARGEST_PAGE)?.unwrap_or(PAGE);
        // One more tells whether there are more.
        let mut jobs = app.store.jobs(account, filter, most + 1).await?;
        let page = usize::try_from(most).unwrap_or(usize::MAX);
        let is_last = jobs.len() <= page;
        jobs.truncate(page);
        let next = jobs.last().filter(|_| !is_last).map(|last| cursor::of_job(last.job_id));
        let format = wish.format();
        let body = respond::off_thread(move || wire::jobs(&jobs, next.as_deref(), format));
        Ok(Answer::new(StatusCode::OK, body.await?))
    });
    answer.await
}

fn filter(query: &Query, account: &Account, app: &App) -> Result<JobFilter, ApiError> {
    let listed = |word: &str| JobState::parse(word).filter(|state| *state != JobState::Queued);
    let before = query.first("cursor").map(|text| cursor::job(text, &account.name, &app.job_key));
    let db_id = query.first("db_id").map(|text| {
        let problem = || Refusal::parameter("db_id", "must be the id of a database, an int");
        text.parse().map(DatabaseId).map_err(|_error| problem())
    });
    let external_id = query.first("external_id");
    if external_id.is_some_and(|external_id| external_id.contains('\0')) {
        return Err(Refusal::parameter("external_id", "holds a NUL character, which no job has").into());
    }
    Ok(JobFilter {
        states: query.words("status", STATES, listed)?,
        db_id: db_id.transpose()?,
        external_id: external_id.map(str::to_owned),
        before: before.transpose()?,
    })
}
