//! `GET /api/v1.1/jobs/{id}/results`: what became of each record, in input order; so far, while the job runs.

use actix_web::http::header::{HeaderValue, LINK};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use intake_types::wire::{self, results::Form};
use intake_types::{Action, JobId, Refusal};

use super::job;
use crate::app::App;
use crate::error::ApiError;
use crate::extract::{Query, cursor, form};
use crate::results::{self, Asked, Page};
use crate::{respond, wait};

const FORMATS: [&str; 4] = ["json", "xml", "ndjson", "csv"];
const KNOWN: [&str; 6] = ["token", "format", "limit", "cursor", "only", "payload"];
const FATES: &str =
    "created, updated, unchanged, skipped, failed; of a dry run also would_create, would_update";

/// Entries of a page where a cursor is given and no limit, and the most of any.
const PAGE: u32 = 1000;
const LARGEST_PAGE: u32 = 10_000;

pub(super) async fn handle(request: HttpRequest, app: Data<App>) -> HttpResponse {
    let app = app.into_inner();
    let answer = respond::with_formats(request, &FORMATS, async |request, wish| {
        let form = form(request, *wish);
        wish.body = Some(form.envelope());
        let query = Query::of(request);
        let (account, job_id) = job::named(request, &app)?;
        query.only(&KNOWN)?;
        let mut asked = asked(&query, form)?;
        let status = wait::status(&app, &account, job_id).await?;
        if let (Some(page), Some(text)) = (&mut asked.page, query.first("cursor")) {
            let total = status.ledger.as_ref().map_or(0, |entry| entry.total);
            page.start = cursor::record(text, status.job_id, total)?;
        }
        let found = results::read(&app, &status, asked).await?;
        let link = found.next_cursor().map(|cursor| next_page(&query, status.job_id, cursor)).transpose()?;
        let answer = found.answer().poll_again(&status);
        Ok(match link {
            Some(link) => answer.header(LINK, link),
            None => answer,
        })
    });
    answer.await
}

fn asked(query: &Query, form: Form) -> Result<Asked, Refusal> {
    let only = query.words("only", FATES, Action::parse)?;
    let with_records = query.flag("payload")?;
    if with_records && only != [Action::Failed] {
        let problem = "the records are kept of failures alone; send it with only=failed";
        return Err(Refusal::parameter("payload", problem));
    }
    let limit = query.number("limit", 1..=LARGEST_PAGE)?;
    let is_page = limit.is_some() || query.first("cursor").is_some();
    let page = is_page.then(|| Page { start: 0, most: limit.unwrap_or(PAGE) });
    let only = if only.is_empty() { Action::ALL.to_vec() } else { only };
    Ok(Asked { form, only, with_records, page })
}

/// Where the next page is (RFC 8288): in lines and rows there is no place for a cursor. What is repeated here was read, so
/// it has no characters that a URL may not have.
fn next_page(query: &Query, job_id: JobId, cursor: &str) -> Result<HeaderValue, ApiError> {
    let repeated = ["format", "only", "payload", "limit"];
    let repeated = repeated.iter().filter_map(|name| query.first(name).map(|value| (*name, value)));
    let parameters: Vec<String> = repeated
        .chain([("cursor", cursor)])
        .map(|(name, value)| format!("{name}={}", value.replace(' ', "")))
        .collect();
    let link = format!("<{}/results?{}>; rel=\"next\"", wire::status_path(job_id), parameters.join("&"));
    HeaderValue::try_from(link).map_err(|_text| ApiError::Internal("a link is no header value"))
}
