//! A stream of records (NDJSON, CSV): taken as it comes, in memory that does not depend on its size.
//!
//! The body is read with back-pressure: what is not split and stored yet is not read. A thread of its own unpacks it, splits
//! it into records and publishes them in parts, each when the one before is confirmed. Parts are inert: the seal, which
//! is published when the body has ended well, makes them a job. Whatever ends a stream before that has the parts
//! thrown away, and the client is told that nothing was accepted.
//!
//! The records that failed in a job, which may be as many, are sent again in the same way.

mod incoming;
mod parts;
mod retried;
mod slots;
mod work;

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use futures_util::future::join;
use intake_telemetry::Metric;
use intake_types::catalog::{Account, Catalog};
use intake_types::{Header, JobId, Operation, Refusal, StreamFormat, Terms, wire};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::incoming::Pump;
pub(crate) use self::retried::of_failed;
use self::slots::{Slot, Slots};
use self::work::Sealed;
use crate::app::App;
use crate::config::{Config, usize_of};
use crate::error::ApiError;
use crate::extract::{Credentials, Encoding, Query};
use crate::memory::Reservation;
use crate::publish::Published;
use crate::{clock, idempotency, observe, respond};

/// Chunks of a body that wait to be split; one has some tens of KiB.
const CHUNKS: usize = 8;
/// What a stream holds as long as its records are of a common size: what is read, what is unpacked (a decoder has a
/// window of up to 8 MiB), the records of a part, the message made of them, and that once more, packed.
const BYTES: usize = 20 << 20;
/// Copies of a long record on its way: as read, as text, in the message, packed.
const COPIES: usize = 4;

/// What streams may cost.
#[derive(Debug)]
pub(crate) struct Capacity {
    slots: Arc<Slots>,
    records: u32,
    /// Unpacked.
    bytes: u64,
    record_bytes: usize,
    part_records: usize,
    /// Between two chunks of a body; from the first to the last; and from the order to stop on.
    idle: Duration,
    whole: Duration,
    grace: Duration,
    /// Where the parts are published from.
    runtime: Handle,
}

impl Capacity {
    /// Must be called on the runtime that publishes.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            slots: Slots::new(config.max_streams),
            records: config.max_stream_records,
            bytes: config.max_stream_bytes,
            record_bytes: usize_of(config.max_body_bytes),
            part_records: usize_of(config.stream_part_records),
            idle: config.body_timeout,
            whole: Duration::from_secs(config.stream_timeout.into()),
            grace: Duration::from_secs(config.shutdown_timeout.into()) / 2,
            runtime: Handle::current(),
        }
    }
}

/// Bytes that a stream may need, with a record as long as any.
pub(crate) fn bytes(record_bytes: usize) -> usize {
    BYTES.saturating_add(record_bytes.saturating_mul(COPIES))
}

/// A request that can be read: all that it says beside its body will do.
struct Opened {
    account: Account,
    catalog: Arc<Catalog>,
    header: Header,
    /// Set where the request may be sent again.
    partial_key: Option<idempotency::PartialKey>,
    /// Held as long as the stream is worked on, by whomever.
    _slot: Slot,
    reservation: Reservation,
}

/// Takes a stream, and makes it a job.
pub(crate) async fn receive(
    request: &HttpRequest,
    payload: Payload,
    app: &Arc<App>,
    format: StreamFormat,
    operation: Operation,
) -> Result<(Account, Published), ApiError> {
    let partial_key = idempotency::PartialKey::of(request, &app.keys)?;
    let encoding = Encoding::of(request)?;
    let opened = Opened { partial_key, ..open(request, app, operation).await? };
    let (job_id, account) = (opened.header.job_id, opened.account.clone());
    let (chunks, waiting) = mpsc::channel(CHUNKS);
    let pump = Pump { chunks, capacity: &app.streams, shutdown: &app.shutdown };
    let shared = Arc::clone(app);
    let work = published(app, job_id, move || work::run(&shared, opened, format, encoding, waiting));
    let ((), published) = join(pump.run(payload), work).await;
    Ok((account, published?))
}

/// Has a thread make a job of records.
async fn published(
    app: &App,
    job_id: JobId,
    work: impl FnOnce() -> Result<Sealed, ApiError> + Send + 'static,
) -> Result<Published, ApiError> {
    observe::job(job_id);
    let expected = app.waiters.expect(job_id);
    let Sealed { job_id: given, total, is_replayed } = respond::off_thread(work).await??;
    if is_replayed {
        return Ok(Published { job_id: given, expected: None });
    }
    Metric::GatewayRecordsAccepted.add(total.into(), &[]);
    let expected = if given == job_id { expected } else { app.waiters.expect(given) };
    Ok(Published { job_id: given, expected: Some(expected) })
}

/// Checks what a request says beside its body, in the order in which other requests are checked.
async fn open(request: &HttpRequest, app: &App, operation: Operation) -> Result<Opened, ApiError> {
    let catalog = app.catalog()?;
    let account = Credentials::of(request).account(Ok(None), &catalog)?.clone();
    let envelope = wire::parameters(Query::of(request).into_pairs())?;
    let db_id = envelope.database_id()?;
    let database = catalog.database_for(&account, db_id).ok_or(Refusal::NoAccess(db_id))?;
    let terms = Terms::of_stream(&envelope, operation, &catalog, &account, database)?;
    let slot = app.streams.slots.take(&account.name)?;
    let reservation = app.bounds.memory.reserve(Some(&account.name), BYTES).await?;
    let job_id = clock::mint(&account.name, &app.job_key);
    let header = terms.into_stream_header(job_id, &account.name);
    Ok(Opened { account, catalog, header, partial_key: None, _slot: slot, reservation })
}
