//! The records that failed in a job, made a job of their own: read from the ledger bit by bit, and sent as a stream is.

use std::sync::Arc;

use intake_store::Kept;
use intake_types::catalog::Account;
use intake_types::{Header, Item, RequestKey};
use serde_json::value::RawValue;

use super::parts::Parts;
use super::work::{self, Sealed};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::memory::Reservation;
use crate::publish::Published;

/// Makes a job of the records that are kept of another one.
pub(crate) async fn of_failed(
    app: &Arc<App>,
    account: &Account,
    kept: Kept,
    key: RequestKey,
) -> Result<Published, ApiError> {
    // Beside what a stream needs, those of one chunk, which came in one request or in one part.
    let chunk = usize::try_from(kept.bytes).unwrap_or(usize::MAX).min(app.bounds.bytes);
    let chunk = app.bounds.memory.reserve(chunk).await?;
    let reservation = app.bounds.memory.reserve(super::BYTES).await?;
    let job_id = clock::mint(&account.name, &app.job_key);
    let (shared, account) = (Arc::clone(app), account.name.clone());
    super::published(app, job_id, move || {
        let header = Header {
            job_id,
            total: 0,
            streamed: true,
            retry_of: Some(kept.header.job_id),
            request_key: None,
            // They were about the request as it was sent then, and were told.
            warnings: Vec::new(),
            ..kept.header.clone()
        };
        let sealed = run(&shared, &account, header, &kept, key, reservation);
        drop(chunk);
        sealed
    })
    .await
}

fn run(
    app: &App,
    account: &str,
    header: Header,
    kept: &Kept,
    key: RequestKey,
    reservation: Reservation,
) -> Result<Sealed, ApiError> {
    let mut parts = Parts::new(&app.streams, &app.publisher, header, reservation);
    let taken = take(app, kept, &mut parts).map(|()| Some(key));
    work::conclude(app, account, parts, taken)
}

fn take(app: &App, kept: &Kept, parts: &mut Parts<'_>) -> Result<(), ApiError> {
    let (db_id, job_id) = (kept.header.db_id, kept.header.job_id);
    let (mut after, mut taken) = (None, 0);
    while let Some(chunk) = app.streams.runtime.block_on(app.store.failed_records(db_id, job_id, after))? {
        after = Some(chunk.first_index);
        for text in chunk.records {
            let record = RawValue::from_string(text);
            let record = record.map_err(|_unfit| ApiError::Internal("a record that failed is no JSON"))?;
            parts.take(Item { record, problem: None })?;
            taken += 1;
        }
    }
    // They may have been swept away since they were counted.
    if taken == kept.records { Ok(()) } else { Err(ApiError::FailedGone) }
}
