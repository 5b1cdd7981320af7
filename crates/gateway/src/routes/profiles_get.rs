//! `POST /api/v1.1/profiles/get`: the profiles that a match value finds, each in the shape of an import record.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use intake_store::StoredProfile;
use intake_types::Lookup;
use intake_types::wire::{self, ProfileView};

use crate::accept::{self, Received};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Wish;
use crate::respond::{self, Answer};

pub(super) async fn handle(request: HttpRequest, payload: Payload, app: Data<App>) -> HttpResponse {
    let app = app.into_inner();
    respond::with(request, async |request, wish| get(request, payload, &app, wish).await).await
}

async fn get(
    request: &HttpRequest,
    payload: Payload,
    app: &Arc<App>,
    wish: &mut Wish,
) -> Result<Answer, ApiError> {
    let catalog = app.catalog()?;
    let received = Received::of(request, payload, app).await?;
    let limits = app.limits;
    let checked = respond::off_thread(move || {
        accept::read(received, &catalog, &limits, |envelope, _, database, _| {
            Ok((database.id, Lookup::of(&envelope, &catalog, database)?))
        })
    });
    let checked = checked.await?;
    wish.body = checked.wish;
    let (db_id, mut lookup) = checked.result?;
    let warnings = std::mem::take(&mut lookup.warnings);
    let found = app.store.profiles(db_id, lookup).await?;
    let format = wish.format();
    let body = respond::off_thread(move || {
        let views: Vec<ProfileView> = found.into_iter().map(view).collect();
        wire::profiles(&views, &warnings, format)
    });
    Ok(Answer::new(StatusCode::OK, body.await?))
}

fn view(stored: StoredProfile) -> ProfileView {
    let StoredProfile { profile, created_at, updated_at } = stored;
    ProfileView { profile, created_at, updated_at }
}
