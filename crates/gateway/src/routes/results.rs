//! `GET /api/v1.1/jobs/{id}/results`: what became of each record, in input order; so far, while the job runs.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use intake_types::{Results, wire};

use super::job;
use crate::app::App;
use crate::extract::Query;
use crate::respond::{self, Answer, POLL_AGAIN};
use crate::wait;

pub(super) async fn handle(request: HttpRequest, app: Data<App>) -> HttpResponse {
    let answer = respond::with(request, async |request, wish| {
        let (account, job_id) = job::named(request, &app)?;
        Query::of(request).only(&["token", "format"])?;
        let results = match app.store.results(&account, job_id).await? {
            Some(results) => results,
            None => Results { state: wait::queued(&app, &account, job_id)?, total: 0, outcomes: Vec::new() },
        };
        let format = wish.format();
        let terminal = results.state.is_terminal();
        let body = respond::off_thread(move || wire::results(&results, None, format)).await?;
        let answer = Answer::new(StatusCode::OK, body);
        Ok(if terminal { answer } else { answer.retry_after(POLL_AGAIN) })
    });
    answer.await
}
