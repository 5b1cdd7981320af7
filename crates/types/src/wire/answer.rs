//! Response bodies about requests and jobs: the vendor's envelope, `error` and `error_text` first, then what there is
//! to tell.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Format, Node};
use crate::report::LedgerEntry;
use crate::{Action, Code, JobId, JobState, Outcome, Refusal, Results, Status, Warning};

const SUCCESS: &str = "Successful operation";

type Members<'a> = Vec<(Cow<'a, str>, Node<'a>)>;

fn members<'a, const N: usize>(members: [(&'static str, Node<'a>); N]) -> Members<'a> {
    members.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

fn envelope(error: u16, text: &str) -> Members<'_> {
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

/// The per-record results of a job. `next_cursor` is there when more pages are.
pub fn results(results: &Results, next_cursor: Option<&str>, format: Format) -> Vec<u8> {
    let more = [
        ("status", Node::text(results.state.word())),
        ("total", Node::int(results.total)),
        ("result", result(results)),
        ("next_cursor", Node::or_null(next_cursor, Node::text)),
    ];
    success(more, format)
}

/// The answer to a request that waited for its job: the vendor's response, plus the job and its own warnings.
pub fn sync_results(status: &Status, results: &Results, format: Format) -> Vec<u8> {
    let mut all = envelope(0, SUCCESS);
    all.extend(members([("result", result(results)), ("job_id", Node::text(status.job_id.to_string()))]));
    all.extend(job_warnings(status));
    Node::Object(all).to_bytes(format)
}

/// The warnings on the job as a whole, where there are any.
fn job_warnings(status: &Status) -> Option<(Cow<'static, str>, Node<'_>)> {
    let warnings = status.ledger.as_ref().map(|entry| entry.warnings.as_slice())?;
    (!warnings.is_empty()).then(|| ("job_warnings".into(), warning_list(warnings)))
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
    let pace = ledger.and_then(|entry| Pace::of(status.state, entry));
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
    all.extend(job_warnings(status));
    Node::Object(all)
}

/// How fast a job goes, told as soon as a record of it is processed.
struct Pace {
    rate_per_second: i64,
    /// Only while it runs.
    eta_seconds: Option<i64>,
}

impl Pace {
    fn of(state: JobState, entry: &LedgerEntry) -> Option<Self> {
        let processed = i64::from(entry.tally.processed());
        if processed == 0 {
            return None;
        }
        let until = entry.finished_at.unwrap_or(entry.read_at);
        let millis = (until - entry.started_at).num_milliseconds().max(1);
        let left = i64::from(entry.total).saturating_sub(processed).max(0);
        Some(Self {
            rate_per_second: (processed.saturating_mul(1000) / millis).max(1),
            eta_seconds: (!state.is_terminal())
                .then(|| (left.saturating_mul(millis) / processed).saturating_add(999) / 1000),
        })
    }
}

fn result(results: &Results) -> Node<'_> {
    Node::List(results.outcomes.iter().map(outcome).collect())
}

/// One record's entry. A skipped record was not imported, so it is no success.
fn outcome(outcome: &Outcome) -> Node<'_> {
    let mut all = members([("index", Node::int(outcome.index))]);
    if let Some(failure) = &outcome.failure {
        all.extend(members([
            ("error", Node::int(failure.code.number())),
            ("code", Node::text(failure.code.slug())),
        ]));
        all.extend(failure.field.as_ref().map(|field| ("field".into(), Node::text(field))));
        all.extend(members([("error_text", Node::text(&failure.text))]));
    } else if outcome.action == Action::Skipped {
        all.extend(members([
            ("error", Node::int(Code::NotProcessed.number())),
            ("code", Node::text(Code::NotProcessed.slug())),
            ("error_text", Node::text("not processed: the job was cancelled")),
            ("action", Node::text(word(outcome.action))),
        ]));
    } else {
        all.extend(envelope(0, SUCCESS));
        all.extend(outcome.profile_id.map(|id| ("profile_id".into(), Node::text(id.to_string()))));
        all.extend(members([("action", Node::text(word(outcome.action)))]));
    }
    all.extend(outcome.reference.as_ref().map(|reference| ("_ref".into(), Node::text(reference))));
    if !outcome.warnings.is_empty() {
        all.push(("warnings".into(), warning_list(&outcome.warnings)));
    }
    Node::Object(all)
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Created => "created",
        Action::Updated => "updated",
        Action::Unchanged => "unchanged",
        Action::Skipped => "skipped",
        Action::Failed => "failed",
    }
}

pub(super) fn warning_list(warnings: &[Warning]) -> Node<'_> {
    Node::List(warnings.iter().map(warning).collect())
}

fn warning(warning: &Warning) -> Node<'_> {
    let mut all = members([("code", Node::text(warning.code.slug())), ("text", Node::text(&warning.text))]);
    all.extend(warning.field.as_ref().map(|field| ("field".into(), Node::text(field))));
    Node::Object(all)
}
