//! `POST /api/v1.1/jobs/{id}/cancel`: stops what has not been applied. The job ends as cancelled, its rest as skipped; one that
//! was given up stays failed, and is not redriven.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_types::{JobState, wire};

use super::job;
use crate::app::App;
use crate::error::ApiError;
use crate::respond::{self, Answer};
use crate::wait;

pub(super) async fn handle(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let app = app.into_inner();
    let answer = respond::with(request, async |request, wish| {
        let (account, job_id) = job::named_by_post(request, payload, &app, wish).await?;
        // Known before anything is written: a wish about no job at all would be kept for nothing.
        let known = wait::status(&app, &account, job_id).await?;
        let status = if known.state.is_terminal() && !known.is_given_up() {
            known
        } else {
            match app.store.cancel(&account, known.job_id).await? {
                Some(status) => status,
                None => wait::status(&app, &account, job_id).await?,
            }
        };
        match status.state {
            state @ (JobState::Completed | JobState::Failed) if !status.cancel_requested => {
                Err(ApiError::JobEnded(state))
            }
            _stopped => {
                let answer = Answer::new(StatusCode::OK, wire::status(&status, wish.format()));
                Ok(answer.poll_again(&status))
            }
        }
    });
    answer.await
}
