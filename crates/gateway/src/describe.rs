//! Requests for fields: a body to what the catalogue says. `PostgreSQL` is not asked.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Payload;
use intake_types::Listing;
use intake_types::catalog::Catalog;
use intake_types::wire::{self, Limits};

use crate::accept::{Checked, Received};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Wish;
use crate::respond::{self, Answer};

/// Answers with the fields that `find` finds.
pub(crate) async fn fields(
    request: &HttpRequest,
    payload: Payload,
    app: &App,
    wish: &mut Wish,
    find: impl FnOnce(Received, &Catalog, &Limits) -> Checked<Listing> + Send + 'static,
) -> Result<Answer, ApiError> {
    let catalog: Arc<Catalog> = app.catalog()?;
    let received = Received::of(request, payload, app).await?;
    let limits = app.limits;
    let checked = respond::off_thread(move || find(received, &catalog, &limits)).await?;
    wish.body = checked.wish;
    Ok(Answer::new(StatusCode::OK, wire::fields(&checked.result?, wish.format())))
}
