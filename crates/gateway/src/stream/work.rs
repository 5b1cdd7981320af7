//! What the thread of a stream does: unpack, split, publish, until the body has ended.

use std::sync::Arc;

use intake_types::{Fingerprint, Fingerprinting, JobId, Refusal, RequestKey, Splitter, Stamp, StreamFormat};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::incoming::{Chunk, Incoming};
use super::parts::Parts;
use super::{Capacity, Opened};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::extract::Encoding;
use crate::idempotency::{Claim, PartialKey, Turn};

/// Unpacked in steps of this many bytes, the limits being looked at after each.
const STEP: usize = 64 * 1024;

/// A stream that is a job.
pub(super) struct Sealed {
    pub(super) job_id: JobId,
    pub(super) total: u32,
    /// It was one before: the body was sent again.
    pub(super) is_replayed: bool,
}

/// Works on a stream to its end. Blocks.
pub(super) fn run(
    app: &Arc<App>,
    opened: Opened,
    format: StreamFormat,
    encoding: Encoding,
    waiting: Receiver<Chunk>,
) -> Result<Sealed, ApiError> {
    let Opened { account, catalog, header, partial_key, _slot, reservation } = opened;
    let database = catalog.databases.get(&header.db_id).ok_or(Refusal::NoAccess(header.db_id))?;
    let capacity = &app.streams;
    let splitter = Splitter::new(format, database, capacity.record_bytes);
    let mut parts = Parts::new(capacity, &app.publisher, header, reservation);
    let fingerprinting = partial_key.as_ref().map(PartialKey::fingerprinting);
    if let Some(key) = partial_key.as_ref().and_then(PartialKey::key_before_body) {
        let safe = capacity.runtime.block_on(app.keys.safe(&app.store, &account.name, &key));
        parts.is_known = safe.is_some();
    }
    let read = Incoming::new(waiting, encoding)
        .and_then(|body| split(body, splitter, capacity, fingerprinting, &mut parts));
    let key = read.map(|fingerprint| {
        partial_key.zip(fingerprint).map(|(partial, fingerprint)| partial.complete(fingerprint))
    });
    conclude(app, &account.name, parts, key, None)
}

/// Makes a job of the records that were taken, which has this key if any; or has them thrown away, where they were not all.
/// The turn of the key is taken unless it is here.
pub(super) fn conclude(
    app: &App,
    account: &str,
    mut parts: Parts<'_>,
    taken: Result<Option<RequestKey>, ApiError>,
    turn: Option<Turn>,
) -> Result<Sealed, ApiError> {
    let sealed = taken.and_then(|key| {
        parts.flush()?;
        // Here all of the records are known and safe, and nothing of them is a job yet.
        seal(app, account, &mut parts, key, turn)
    });
    match sealed {
        Ok(sealed) => {
            tell(account, &parts, &sealed);
            if sealed.job_id != parts.job_id() {
                parts.discard(sealed.job_id);
            }
            Ok(sealed)
        }
        Err(error) => {
            parts.cut(&error);
            Err(error)
        }
    }
}

fn tell(account: &str, parts: &Parts<'_>, sealed: &Sealed) {
    let (records, same_as) = (sealed.total, sealed.job_id);
    match (parts.retry_of(), same_as == parts.job_id()) {
        (None, true) => {
            tracing::info!(account.name = account, batch.records = records, "a stream was accepted");
        }
        (None, false) => {
            tracing::info!(account.name = account, job.same_as = %same_as, "a stream was sent again");
        }
        (Some(job_id), true) => {
            tracing::info!(
                account.name = account,
                batch.records = records,
                job.retry_of = %job_id,
                "the records that failed in a job were sent again"
            );
        }
        (Some(job_id), false) => {
            tracing::info!(
                account.name = account,
                job.same_as = %same_as,
                job.retry_of = %job_id,
                "a job was retried before"
            );
        }
    }
}

/// Makes the parts a job, unless the request's key has one already.
fn seal(
    app: &App,
    account: &str,
    parts: &mut Parts<'_>,
    key: Option<RequestKey>,
    turn: Option<Turn>,
) -> Result<Sealed, ApiError> {
    let own = parts.job_id();
    // It is accepted now, and not when it began: what was accepted meanwhile comes before it.
    let order = parts.order().unwrap_or_else(|| Stamp::of(clock::mint(account, &app.job_key)));
    let Some(key) = key else {
        let total = parts.seal(own, None, order)?;
        return Ok(Sealed { job_id: own, total, is_replayed: false });
    };
    let runtime = &app.streams.runtime;
    if parts.is_known {
        // There is nothing that could be sealed: should the key have been freed meanwhile, the stream must come again.
        let safe = runtime.block_on(app.keys.safe(&app.store, account, &key));
        let job_id = safe.unwrap_or(Err(ApiError::KeyFreed))?;
        return Ok(Sealed { job_id, total: 0, is_replayed: true });
    }
    let _turn = turn.or_else(|| runtime.block_on(app.keys.turn(account, &key)));
    let since = Instant::now();
    let claim = runtime.block_on(app.keys.claim(&app.store, account, &key, own, order))?;
    let (job_id, order) = match claim {
        Claim::Own | Claim::Unsure => (own, order),
        // Its key was claimed when all of its parts were safe; only its seal may not be.
        Claim::Again(before, order) => (before, order),
        Claim::Replayed(job_id) => return Ok(Sealed { job_id, total: 0, is_replayed: true }),
    };
    match parts.seal(job_id, Some(key.clone()), order) {
        Ok(total) => {
            app.keys.published(account, &key, (job_id, order), claim != Claim::Unsure, since);
            Ok(Sealed { job_id, total, is_replayed: false })
        }
        Err(error) => {
            if runtime.block_on(app.keys.refused(&app.store, account, &key, job_id, &error)) {
                parts.cannot_be_sealed();
            }
            Err(error)
        }
    }
}

/// Takes a body apart, to its good end; gives the fingerprint, if one is wanted.
fn split(
    mut body: Incoming,
    mut splitter: Splitter<'_>,
    capacity: &Capacity,
    mut fingerprinting: Option<Fingerprinting>,
    parts: &mut Parts<'_>,
) -> Result<Option<Fingerprint>, ApiError> {
    let mut bytes = 0;
    let mut step = vec![0; STEP];
    loop {
        let size = body.read(&mut step)?;
        let read = step.get(..size).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        bytes += u64::try_from(size).unwrap_or(u64::MAX);
        check_size(bytes, capacity.bytes)?;
        if let Some(fingerprinting) = &mut fingerprinting {
            fingerprinting.update(read);
        }
        splitter.feed(read, |item| parts.take(item))?;
    }
    splitter.finish(|item| parts.take(item))?;
    Ok(fingerprinting.map(Fingerprinting::finish))
}

/// Refuses a stream of more bytes than are allowed.
pub(super) fn check_size(sent: u64, limit: u64) -> Result<(), ApiError> {
    if sent <= limit { Ok(()) } else { Err(ApiError::StreamTooLarge { what: "bytes", limit }) }
}
