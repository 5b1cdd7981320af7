//! From a body to a message that is ready to be published: all of the CPU work of one accepted request.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use intake_broker::{Class, Lane, Outgoing};
use intake_types::catalog::{Account, Catalog, Database};
use intake_types::wire::{self, Format, Limits};
use intake_types::{Batch, Envelope, JobId, JobKey, Message, Operation, Refusal, RequestKey};
use serde_json::Value;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{self, Body, Credentials, Query};
use crate::memory::Reservation;
use crate::{clock, idempotency};

/// A request as it came.
pub(crate) struct Received {
    pub(crate) body: Body,
    pub(crate) format: Format,
    pub(crate) credentials: Credentials,
    pub(crate) query: Query,
    /// Set where the request may be sent again.
    pub(crate) partial_key: Option<idempotency::PartialKey>,
}

impl Received {
    /// Takes what a request says, and reads its body within its limits.
    pub(crate) async fn of(request: &HttpRequest, payload: Payload, app: &App) -> Result<Self, ApiError> {
        let (format, credentials) = (extract::format(request)?, Credentials::of(request));
        let catalog = app.snapshot.get();
        let account = catalog.as_ref().and_then(|catalog| credentials.account_by_header(catalog));
        let account = account.map(|account| account.name.as_str());
        Ok(Self {
            format,
            body: Body::receive(request, payload, &app.bounds, account).await?,
            credentials,
            query: Query::of(request),
            partial_key: None,
        })
    }
}

/// A request that can be published.
pub(crate) struct Accepted {
    pub(crate) job_id: JobId,
    pub(crate) account: Account,
    pub(crate) total: u32,
    /// What it is known again by.
    pub(crate) key: Option<RequestKey>,
    /// Where the message is to wait for a worker.
    pub(crate) lane: Lane,
    pub(crate) message: Outgoing,
    /// What the message holds until it is confirmed.
    pub(crate) reservation: Reservation,
}

/// What comes with a body that was read.
pub(crate) struct Sent {
    /// What it may hold in memory.
    pub(crate) reservation: Reservation,
    /// What it is known again by.
    pub(crate) key: Option<RequestKey>,
}

/// What became of a request, and what is known of it even if it is refused.
pub(crate) struct Checked<T> {
    /// The format that its body asks for.
    pub(crate) wish: Option<Format>,
    /// Who sent it, and what it is known again by.
    pub(crate) sender: Option<(Account, RequestKey)>,
    pub(crate) result: Result<T, ApiError>,
}

/// Reads a body and hands its envelope to `check`, with whoever sent it.
///
/// The order of refusals: what cannot be read, the token, `format`, then what `check` finds.
pub(crate) fn open<T>(
    received: Received,
    catalog: &Catalog,
    limits: &Limits,
    check: impl FnOnce(Envelope<'_>, &Account, Sent) -> Result<T, ApiError>,
) -> Checked<T> {
    let Received { body, format, credentials, query, partial_key } = received;
    let (mut wish, mut sender) = (None, None);
    let read = || {
        let (bytes, mut reservation) = body.unpack()?;
        // The message made of it; JSON made of XML is up to twice as long, and is there twice.
        let copies = match format {
            Format::Json => 2,
            Format::Xml => 5,
        };
        reservation.cover(bytes.len().saturating_mul(copies))?;
        let mut envelope = wire::read(format, &bytes, limits)?;
        let asked = envelope.format();
        wish = asked.as_ref().ok().copied().flatten();
        let account = credentials.account(envelope.token(), catalog)?;
        let key = partial_key.map(|partial| partial.with_body(&bytes));
        sender = key.clone().map(|key| (account.clone(), key));
        reservation.is_of(&account.name)?;
        asked?;
        // A parameter in the wrong place is an unknown one: told, not followed.
        let misplaced = query.others(&["token", "format"]).take(Envelope::MOST_TOLD);
        envelope.parameters.extend(misplaced.map(|name| (format!("?{name}"), Value::Null)));
        check(envelope, account, Sent { reservation, key })
    };
    let result = read();
    Checked { wish, sender, result }
}

/// Reads a body that is for a database, which `check` gets too.
///
/// `db_id` and access to it are checked before what `check` finds.
pub(crate) fn read<T>(
    received: Received,
    catalog: &Catalog,
    limits: &Limits,
    check: impl FnOnce(Envelope<'_>, &Account, &Database, Sent) -> Result<T, ApiError>,
) -> Checked<T> {
    open(received, catalog, limits, |envelope, account, sent| {
        let db_id = envelope.database_id()?;
        let database = catalog.database_for(account, db_id).ok_or(Refusal::NoAccess(db_id))?;
        check(envelope, account, database, sent)
    })
}

/// Makes a message of a request, and gives it its job.
pub(crate) fn accept(
    received: Received,
    operation: Operation,
    catalog: &Catalog,
    limits: &Limits,
    job_key: &JobKey,
) -> Checked<Accepted> {
    let validate_only = received.query.every("validate_only");
    read(received, catalog, limits, |mut envelope, account, database, sent| {
        let Sent { mut reservation, key } = sent;
        take_validate_only(&mut envelope, validate_only)?;
        let batch = Batch::check(envelope, operation, catalog, account, database)?;
        let total = batch.total();
        let job_id = clock::mint(&account.name, job_key);
        let mut message = batch.into_message(job_id, &account.name);
        message.header_mut().request_key.clone_from(&key);
        let (lane, message) = (lane(&message), pack(&message)?);
        reservation.shrink(message.size());
        Ok(Accepted { job_id, account: account.clone(), total, key, lane, message, reservation })
    })
}

/// Where a message with records is to wait for a worker.
pub(crate) fn lane(message: &Message<'_>) -> Lane {
    let class = if message.is_small() { Class::Small } else { Class::Bulk };
    Lane::of(class, &message.header().account)
}

/// A message as it is published; what it is, and of which job, is said beside it, too.
pub(crate) fn pack(message: &Message<'_>) -> Result<Outgoing, intake_broker::Error> {
    Outgoing::compress(&message.header().job_id.to_string(), &message.to_bytes())?.headers(message.headers())
}

/// A dry run may be asked for in the query too, whatever is in the body: one that is asked for in the wrong place would be
/// an import.
fn take_validate_only(envelope: &mut Envelope<'_>, asked: Vec<String>) -> Result<(), Refusal> {
    const NAME: &str = "validate_only";
    if asked.len() + usize::from(envelope.parameter(NAME).is_some()) > 1 {
        return Err(Refusal::parameter(
            NAME,
            "sent more than once, in the query or in query and body; send it once",
        ));
    }
    envelope.parameters.retain(|(name, _)| name.strip_prefix('?') != Some(NAME));
    envelope.parameters.extend(asked.into_iter().map(|value| (NAME.to_owned(), Value::from(value))));
    Ok(())
}
