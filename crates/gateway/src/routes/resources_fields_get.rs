//! `POST /api/v1.1/resources/fields_get`: the fields that the subscriptions to a resource have.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_types::Listing;

use crate::app::App;
use crate::{accept, describe, respond};

pub(super) async fn handle(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let answer = respond::with(request, async |request, wish| {
        describe::fields(request, payload, &app, wish, |received, catalog, limits| {
            accept::open(received, catalog, limits, |envelope, account, _| {
                Ok(Listing::of_resource(&envelope, catalog, account)?)
            })
        })
        .await
    });
    answer.await
}
