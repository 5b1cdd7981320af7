//! The records that failed in a job, made a job of their own: read from the ledger bit by bit, and sent as a stream is, in
//! one of its slots and within what one may hold.

use std::sync::Arc;
use std::time::Instant;

use intake_store::Kept;
use intake_types::catalog::Account;
use intake_types::{Header, Item, RequestKey};
use serde_json::value::RawValue;

use super::parts::Parts;
use super::slots::Slot;
use super::work::{self, Sealed};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::idempotency::Turn;
use crate::memory::Reservation;
use crate::publish::Published;

/// What is reserved for each record before their sizes are known, up to what a stream holds: few records wait for little.
const RECORD_BYTES: usize = 64 * 1024;

/// What a retry holds as long as it is worked on, by whomever.
struct Held {
    slot: Slot,
    reservation: Reservation,
    turn: Turn,
}

/// Makes a job of the records that are kept of another one. Whoever calls has had the turn of its key since before the
/// ledger was asked what it stands for.
pub(crate) async fn of_failed(
    app: &Arc<App>,
    account: &Account,
    kept: Kept,
    key: RequestKey,
    turn: Turn,
) -> Result<Published, ApiError> {
    let slot = app.streams.slots.take(&account.name)?;
    let bytes = usize::try_from(kept.records).unwrap_or(usize::MAX).saturating_mul(RECORD_BYTES);
    let reservation = app.bounds.memory.reserve(Some(&account.name), bytes.min(super::BYTES)).await?;
    let held = Held { slot, reservation, turn };
    let job_id = clock::mint(&account.name, &app.job_key);
    let (shared, account) = (Arc::clone(app), account.name.clone());
    super::published(app, job_id, move || {
        let header = Header {
            job_id,
            total: 0,
            streamed: true,
            retry_of: Some(kept.header.job_id),
            // Its records are counted anew.
            begins_at: 0,
            request_key: None,
            // Whatever was accepted since then comes after them.
            order: Some(kept.header.stamp().retried()),
            // They were about the request as it was sent then, and were told.
            warnings: Vec::new(),
            ..kept.header.clone()
        };
        run(&shared, &account, header, &kept, key, held)
    })
    .await
}

fn run(
    app: &App,
    account: &str,
    header: Header,
    kept: &Kept,
    key: RequestKey,
    held: Held,
) -> Result<Sealed, ApiError> {
    let Held { slot: _slot, reservation, turn } = held;
    let mut parts = Parts::new(&app.streams, &app.publisher, header, reservation);
    let taken = take(app, kept, &mut parts).map(|()| Some(key));
    work::conclude(app, account, parts, taken, Some(turn))
}

fn take(app: &App, kept: &Kept, parts: &mut Parts<'_>) -> Result<(), ApiError> {
    let (db_id, job_id) = (kept.header.db_id, kept.header.job_id);
    let (mut after, mut taken, mut stopping) = (None, 0, None);
    while let Some(chunk) = app.streams.runtime.block_on(app.store.failed_records(db_id, job_id, after))? {
        if app.shutdown.is_cancelled()
            && stopping.get_or_insert_with(Instant::now).elapsed() > app.streams.grace
        {
            return Err(ApiError::Stopping);
        }
        parts.expect(chunk.records.iter().map(String::len).sum())?;
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
