//! What the thread of a stream does: unpack, cut, publish, until the body has ended.

use std::sync::Arc;

use intake_types::{Cutter, Fingerprint, Fingerprinting, JobId, Refusal, RequestKey, StreamFormat};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

use super::incoming::{Incoming, Piece};
use super::parts::Parts;
use super::{Bounds, Opened};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Encoding;
use crate::idempotency::{Claim, Wish};

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
    waiting: Receiver<Piece>,
) -> Result<Sealed, ApiError> {
    let Opened { account, catalog, header, again, _slot, reservation } = opened;
    let database = catalog.databases.get(&header.db_id).ok_or(Refusal::NoAccess(header.db_id))?;
    let bounds = &app.streams;
    let cutter = Cutter::new(format, database, bounds.record_bytes);
    let mut parts = Parts::new(bounds, &app.publisher, header, reservation);
    let fingerprinting = again.as_ref().map(Wish::fingerprinting);
    if let Some(key) = again.as_ref().and_then(Wish::key_before_body) {
        let safe = bounds.runtime.block_on(app.keys.safe(&app.store, &account.name, &key));
        parts.is_known = safe.is_some();
    }
    let made = Incoming::new(waiting, encoding)
        .and_then(|body| cut(body, cutter, bounds, fingerprinting, &mut parts));
    let sealed = made.and_then(|fingerprint| {
        parts.flush()?;
        // Here all of the body is known and safe, and nothing of it is a job yet.
        let key = again.zip(fingerprint).map(|(wish, fingerprint)| wish.key_of(fingerprint));
        seal(app, &account.name, &mut parts, key)
    });
    match sealed {
        Ok(sealed) => {
            if sealed.job_id == parts.job_id() {
                tracing::info!(
                    account.name = account.name,
                    batch.records = sealed.total,
                    "a stream was accepted"
                );
            } else {
                tracing::info!(account.name = account.name, job.same_as = %sealed.job_id, "a stream was sent again");
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

/// Makes the parts a job, unless the request's key has one already.
fn seal(
    app: &App,
    account: &str,
    parts: &mut Parts<'_>,
    key: Option<RequestKey>,
) -> Result<Sealed, ApiError> {
    let own = parts.job_id();
    let Some(key) = key else {
        let total = parts.seal(own, None)?;
        return Ok(Sealed { job_id: own, total, is_replayed: false });
    };
    let runtime = &app.streams.runtime;
    if parts.is_known {
        // There is nothing that could be sealed: should the key have been freed meanwhile, the stream must come again.
        let safe = runtime.block_on(app.keys.safe(&app.store, account, &key));
        let job_id = safe.unwrap_or(Err(ApiError::Overloaded))?;
        return Ok(Sealed { job_id, total: 0, is_replayed: true });
    }
    let _turn = runtime.block_on(app.keys.turn(account, &key));
    let since = Instant::now();
    let (job_id, sure) = match runtime.block_on(app.keys.claim(&app.store, account, &key, own))? {
        Claim::Own => (own, true),
        Claim::Unsure => (own, false),
        // Its key was claimed when all of its parts were safe; only its seal may not be.
        Claim::Again(before) => (before, true),
        Claim::Replayed(job_id) => return Ok(Sealed { job_id, total: 0, is_replayed: true }),
    };
    let total = parts.seal(job_id, Some(key.clone()))?;
    app.keys.published(account, &key, job_id, sure, since);
    Ok(Sealed { job_id, total, is_replayed: false })
}

/// Cuts a body to its good end; gives the fingerprint, if one is wanted.
fn cut(
    mut body: Incoming,
    mut cutter: Cutter<'_>,
    bounds: &Bounds,
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
        check_size(bytes, bounds.bytes)?;
        if let Some(fingerprinting) = &mut fingerprinting {
            fingerprinting.update(read);
        }
        cutter.feed(read, |cut| parts.take(cut))?;
    }
    cutter.finish(|cut| parts.take(cut))?;
    Ok(fingerprinting.map(Fingerprinting::finish))
}

/// Refuses a stream of more bytes than are allowed.
pub(super) fn check_size(sent: u64, limit: u64) -> Result<(), ApiError> {
    if sent <= limit { Ok(()) } else { Err(ApiError::StreamTooLarge { what: "bytes", limit }) }
}
