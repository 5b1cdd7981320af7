//! `POST /api/v1.1/databases/fields_get`: the fields that the profiles of a database have.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_types::Listing;

use crate::app::App;
use crate::{accept, describe, respond};

pub(super) async fn handle(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let answer = respond::with(request, async |request, wish| {
        describe::fields(request, payload, &app, wish, |received, catalog, limits| {
            accept::read(received, catalog, limits, |envelope, _, database, _| {
                Ok(Listing::of_database(&envelope, database))
            })
        })
        .await
    });
    answer.await
}
