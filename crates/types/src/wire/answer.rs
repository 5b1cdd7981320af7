//! Response bodies about requests and jobs: the vendor's envelope, `error` and `error_text` first, then what there is
//! to tell.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Format, Node};
use crate::callback::CallbackStatus;
use crate::{JobId, JobState, Refusal, Status, Warning};

pub(super) const SUCCESS: &str = "Successful operation";

pub(super) type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

pub(super) fn members<'a, const N: usize>(members: [(&'static str, Node<'a>); N]) -> Members<'a> {
    members.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

pub(super) fn envelope(error: u16, text: &str) -> Members<'_> {
    members([("error", Node::int(error)), ("error_text", Node::text(text))])
}

/// An envelope of success with more members.
pub(super) fn success<const N: usize>(more: [(&'static str, Node<'_>); N], format: Format) -> Vec<u8> {
    let mut all = envelope(0, SUCCESS);
    all.extend(members(more));
    Node::Object(all).to_bytes(format)
}

/// A moment in RFC 3339, UTC, with milliseconds.
pub(super) fn moment(at: DateTime<Utc>) -> Node<'static> {
    Node::text(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The path that a job is polled at.
pub fn status_path(job_id: JobId) -> String {
    format!("/api/v1.1/jobs/{job_id}")
}

/// The body of a 202: the job is safe.
pub fn accepted(job_id: JobId, format: Format) -> Vec<u8> {
    let more = [
        ("job_id", Node::text(job_id.to_string())),
        ("status", Node::text(JobState::Queued.word())),
        ("status_url", Node::text(status_path(job_id))),
    ];
    success(more, format)
}

/// The body of a request that was refused.
pub fn refusal(refusal: &Refusal, format: Format) -> Vec<u8> {
    error(refusal.number(), &refusal.to_string(), format)
}

/// The body of any other answer that is not a success.
pub fn error(number: u16, text: &str, format: Format) -> Vec<u8> {
    Node::Object(envelope(number, text)).to_bytes(format)
}

/// The body of a poll.
pub fn status(status: &Status, format: Format) -> Vec<u8> {
    status_node(status).to_bytes(format)
}

/// The warnings on the job as a whole, where there are any.
pub(super) fn job_warnings(warnings: &[Warning]) -> Option<(Cow<'static, str>, Node<'_>)> {
    (!warnings.is_empty()).then(|| ("job_warnings".into(), warning_list(warnings)))
}

/// The body of a list of jobs.
pub fn jobs(jobs: &[Status], next_cursor: Option<&str>, format: Format) -> Vec<u8> {
    let more = [
        ("jobs", Node::List(jobs.iter().map(status_node).collect())),
        ("next_cursor", Node::or_null(next_cursor, Node::text)),
    ];
    success(more, format)
}

fn status_node(status: &Status) -> Node<'_> {
    let ledger = status.ledger.as_ref();
    let (error, text) = match ledger.and_then(|entry| entry.error.as_ref()) {
        Some((error, text)) => (*error, text.as_str()),
        None => (0, SUCCESS),
    };
    let tally = ledger.map(|entry| entry.tally).unwrap_or_default();
    let on_job = ledger.map_or(0, |entry| entry.warnings.len());
    let warnings = u32::try_from(on_job).unwrap_or(u32::MAX).saturating_add(tally.warnings);
    let pace = status.pace();
    let accepted_at = DateTime::from_timestamp_micros(status.job_id.accepted_at_micros());
    let mut all = envelope(error, text);
    all.extend(members([
        ("job_id", Node::text(status.job_id.to_string())),
        ("status", Node::text(status.state.word())),
        ("db_id", Node::or_null(ledger, |entry| Node::int(entry.db_id.0))),
        ("matching", Node::or_null(ledger, |entry| Node::text(&entry.matching))),
        ("external_id", Node::or_null(ledger.and_then(|entry| entry.external_id.as_deref()), Node::text)),
        ("total", Node::or_null(ledger, |entry| Node::int(entry.total))),
        ("processed", Node::int(tally.processed())),
        ("created", Node::int(tally.created)),
        ("updated", Node::int(tally.updated)),
        ("unchanged", Node::int(tally.unchanged)),
        ("skipped", Node::int(tally.skipped)),
        ("failed", Node::int(tally.failed)),
        ("warnings", Node::int(warnings)),
        ("attempts", Node::int(ledger.map_or(0, |entry| entry.attempts))),
        ("accepted_at", Node::or_null(accepted_at, moment)),
        ("started_at", Node::or_null(ledger.map(|entry| entry.started_at), moment)),
        ("finished_at", Node::or_null(ledger.and_then(|entry| entry.finished_at), moment)),
        ("expires_at", Node::or_null(ledger.and_then(|entry| entry.expires_at), moment)),
        ("rate_per_second", Node::or_null(pace.as_ref(), |pace| Node::int(pace.rate_per_second))),
        ("eta_seconds", Node::or_null(pace.and_then(|pace| pace.eta_seconds), Node::int)),
        ("results_url", Node::text(format!("{}/results", status_path(status.job_id)))),
    ]));
    let is_dry = ledger.is_some_and(|entry| entry.validate_only);
    all.extend(is_dry.then(|| ("validate_only".into(), Node::Bool(true))));
    let retried = ledger.and_then(|entry| entry.retry_of);
    all.extend(retried.map(|job_id| ("retry_of".into(), Node::text(job_id.to_string()))));
    all.extend(ledger.and_then(|entry| entry.callback.as_ref()).map(callback));
    all.extend(status.cancel_requested.then(|| ("cancel_requested".into(), Node::Bool(true))));
    all.extend(ledger.and_then(|entry| job_warnings(&entry.warnings)));
    Node::Object(all)
}

/// Whom the end is told to, where the request named anybody.
fn callback(callback: &CallbackStatus) -> (Cow<'static, str>, Node<'_>) {
    let all = members([
        ("url", Node::text(&callback.url)),
        ("state", Node::text(callback.state.word())),
        ("attempts", Node::int(callback.attempts)),
        ("last_status", Node::or_null(callback.last_status, Node::int)),
        ("last_error", Node::or_null(callback.last_error.as_deref(), Node::text)),
        ("next_attempt_at", Node::or_null(callback.next_attempt_at, moment)),
    ]);
    ("callback".into(), Node::Object(all))
}

pub(super) fn warning_list(warnings: &[Warning]) -> Node<'_> {
    Node::List(warnings.iter().map(warning).collect())
}

fn warning(warning: &Warning) -> Node<'_> {
    let mut all = members([("code", Node::text(warning.code.slug())), ("text", Node::text(&warning.text))]);
    all.extend(warning.field.as_ref().map(|field| ("field".into(), Node::text(field))));
    Node::Object(all)
}
