//! `POST /api/v1.1/profiles/update_batch`: updates many profiles; a record that matches none fails.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_types::Operation;

use super::batch;
use crate::app::App;

pub(super) async fn handle(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    batch::receive(request, payload, app, Operation::Update).await
}
