//! What the thread of a stream does: unpack, cut, publish, until the body has ended.

use std::sync::Arc;

use intake_types::{Cutter, Fingerprint, Fingerprinting, Refusal, StreamFormat};
use tokio::sync::mpsc::Receiver;

use super::incoming::{Incoming, Piece};
use super::parts::Parts;
use super::{Bounds, Opened};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Encoding;

/// Unpacked in steps of this many bytes, the limits being looked at after each.
const STEP: usize = 64 * 1024;

/// Works on a stream to its end; gives how many records the job has. Blocks.
pub(super) fn run(
    app: &Arc<App>,
    opened: Opened,
    format: StreamFormat,
    encoding: Encoding,
    waiting: Receiver<Piece>,
) -> Result<u32, ApiError> {
    let Opened { account, catalog, header, _slot, reservation } = opened;
    let database = catalog.databases.get(&header.db_id).ok_or(Refusal::NoAccess(header.db_id))?;
    let bounds = &app.streams;
    let cutter = Cutter::new(format, database, bounds.record_bytes);
    let mut parts = Parts::new(bounds, &app.publisher, header, reservation);
    let made = Incoming::new(waiting, encoding).and_then(|body| cut(body, cutter, bounds, &mut parts));
    let sealed = made.and_then(|Read { bytes, fingerprint }| {
        // Here all of the body is known, and nothing of it is a job yet.
        let total = parts.seal()?;
        tracing::info!(
            account.name = account.name,
            batch.records = total,
            body.bytes = bytes,
            body.sha256 = %fingerprint,
            "a stream was accepted"
        );
        Ok(total)
    });
    sealed.inspect_err(|error| parts.cut(error))
}

/// A body that was read to its good end.
struct Read {
    bytes: u64,
    /// Of what it unpacks to.
    fingerprint: Fingerprint,
}

fn cut(
    mut body: Incoming,
    mut cutter: Cutter<'_>,
    bounds: &Bounds,
    parts: &mut Parts<'_>,
) -> Result<Read, ApiError> {
    let (mut bytes, mut fingerprinting) = (0, Fingerprinting::new(&[]));
    let mut step = vec![0; STEP];
    loop {
        let size = body.read(&mut step)?;
        let read = step.get(..size).unwrap_or_default();
        if read.is_empty() {
            break;
        }
        bytes += u64::try_from(size).unwrap_or(u64::MAX);
        check_size(bytes, bounds.bytes)?;
        fingerprinting.update(read);
        cutter.feed(read, |cut| parts.take(cut))?;
    }
    cutter.finish(|cut| parts.take(cut))?;
    Ok(Read { bytes, fingerprint: fingerprinting.finish() })
}

/// Refuses a stream of more bytes than are allowed.
pub(super) fn check_size(sent: u64, limit: u64) -> Result<(), ApiError> {
    if sent <= limit {
        return Ok(());
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Err(ApiError::TooLarge { sent: limit, limit, exactly: false })
}
