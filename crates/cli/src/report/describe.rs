//! A status and a failed record as lines for people.

use crate::client::{Callback, Entry, Status};
use intake_types::{Action, JobState};

/// How a job stands at its end: the counts that are not zero, then what it was warned of as a whole.
pub(crate) fn summary(status: &Status) -> Vec<String> {
    let what = if status.validate_only { "dry run, nothing was written: " } else { "" };
    let mut lines = vec![match status.state {
        JobState::Failed => format!("{what}failed: {} ({})", status.error_text, status.error),
        state => format!("{what}{}: {}", state.word(), counts(status)),
    }];
    lines.extend(warnings(status));
    lines
}

/// What a job was warned of as a whole.
fn warnings(status: &Status) -> impl Iterator<Item = String> {
    status.job_warnings.iter().map(|warning| {
        let field = warning.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
        format!("warning: {}{field}: {}", warning.code, warning.text)
    })
}

/// Such as `3 records, 2 created, 1 failed; 1 warning`.
fn counts(status: &Status) -> String {
    let fates = [
        (status.created, Action::Created),
        (status.updated, Action::Updated),
        (status.unchanged, Action::Unchanged),
        (status.skipped, Action::Skipped),
        (status.failed, Action::Failed),
    ];
    let word = |action: Action| match action {
        Action::Created if status.validate_only => "would be created",
        Action::Updated if status.validate_only => "would be updated",
        action => action.word(false),
    };
    let total = number(status.total.unwrap_or(status.processed), "record");
    let fates = fates
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, fate)| format!("{count} {}", word(fate)));
    let text = std::iter::once(total).chain(fates).collect::<Vec<_>>().join(", ");
    match status.warnings {
        0 => text,
        count => format!("{text}; {}", number(count, "warning")),
    }
}

fn number(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// All that is known of a job, a line each. What one that has ended was warned of is part of its [`summary`].
pub(crate) fn details(status: &Status) -> Vec<String> {
    let database = status.db_id.map(|id| match &status.matching {
        Some(matching) => format!("{id}, matching {matching}"),
        None => id.to_string(),
    });
    let rows = [
        ("job", Some(status.job_id.to_string())),
        ("status", Some(progress(status))),
        ("database", database),
        ("external id", status.external_id.clone()),
        ("retry of", status.retry_of.map(|job| job.to_string())),
        ("dry run", status.validate_only.then(|| "nothing is written".to_owned())),
        ("accepted", status.accepted_at.clone()),
        ("started", status.started_at.clone()),
        ("finished", status.finished_at.clone()),
        ("attempts", Some(status.attempts).filter(|count| *count > 0).map(|count| count.to_string())),
        ("kept until", status.expires_at.clone()),
        ("callback", status.callback.as_ref().map(callback)),
    ];
    let line = |(name, value): (&str, Option<String>)| value.map(|value| format!("{name:<12}{value}"));
    let warnings = warnings(status).filter(|_| !status.state.is_terminal());
    rows.into_iter().filter_map(line).chain(warnings).collect()
}

/// Such as `pending after 2 attempts (answered 500), next at 2027-01-15T08:00:00.000Z: https://hooks.example.com/a`.
fn callback(callback: &Callback) -> String {
    let attempts = match callback.attempts {
        0 => String::new(),
        count => format!(" after {}", number(count.into(), "attempt")),
    };
    let error = callback.last_error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    let next = callback.next_attempt_at.as_ref().map(|at| format!(", next at {at}")).unwrap_or_default();
    format!("{}{attempts}{error}{next}: {}", callback.state, callback.url)
}

/// A job in one line of a list.
pub(crate) fn row(status: &Status) -> String {
    let accepted = status.accepted_at.as_deref().unwrap_or("-");
    let state = if status.state.is_terminal() { summary(status).remove(0) } else { progress(status) };
    let name = status.external_id.as_ref().map(|id| format!("  [{id}]")).unwrap_or_default();
    format!("{}  {accepted}  {state}{name}", status.job_id)
}

/// How far a job is, short enough for one line of a terminal.
pub(crate) fn progress(status: &Status) -> String {
    let mut parts = vec![status.state.word().to_owned()];
    if let Some(total) = status.total.filter(|_| status.state == JobState::Processing) {
        let percent = status.processed.saturating_mul(100).checked_div(total).unwrap_or(100);
        parts.push(format!("{} of {total} records ({percent} %)", status.processed));
        parts.extend(
            Some(status.failed).filter(|failed| *failed > 0).map(|failed| format!("{failed} failed")),
        );
        parts.extend(status.rate_per_second.map(|rate| format!("{rate}/s")));
        parts.extend(status.eta_seconds.map(|seconds| format!("{seconds} s left")));
    }
    parts.extend(status.cancel_requested.then(|| "to be cancelled".to_owned()));
    parts.join(", ")
}

/// Such as `record 3: invalid_phone (400) in phones[0]: not a phone number [_ref crm-7]`.
pub(crate) fn failure(entry: &Entry) -> String {
    let code = entry.code.as_deref().unwrap_or("error");
    let field = entry.field.as_ref().map(|field| format!(" in {field}")).unwrap_or_default();
    let reference =
        entry.reference.as_ref().map(|reference| format!(" [_ref {reference}]")).unwrap_or_default();
    format!("record {}: {code} ({}){field}: {}{reference}", entry.index, entry.error, entry.error_text)
}

#[cfg(test)]
mod tests {
    use intake_types::wire::results::{Around, Form, Writer};
    use intake_types::{Action, Code, Entry, Failure, Outcome};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::client;

    fn status(more: &Value) -> Status {
        let mut all = json!({"error": 0, "error_text": "Successful operation", "job_id": Uuid::nil(), "status": "completed"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_summary_tells_what_is_not_zero() {
        let whole =
            json!({"total": 10, "processed": 10, "created": 6, "updated": 1, "failed": 3, "warnings": 1});
        assert_eq!(
            summary(&status(&whole)),
            ["completed: 10 records, 6 created, 1 updated, 3 failed; 1 warning"]
        );
        let one = json!({"total": 1, "unchanged": 1, "job_warnings": [
            {"code": "unknown_parameter", "text": "no such parameter", "field": "mode"}
        ]});
        let lines =
            ["completed: 1 record, 1 unchanged", "warning: unknown_parameter mode: no such parameter"];
        assert_eq!(summary(&status(&one)), lines);
        let dry = json!({"total": 3, "validate_only": true, "created": 1, "updated": 1, "unchanged": 1});
        let told = "dry run, nothing was written: completed: 3 records, 1 would be created, 1 would be updated, 1 unchanged";
        assert_eq!(summary(&status(&dry)), [told]);
        let failed = json!({"status": "failed", "error": 500, "error_text": "could not be read"});
        assert_eq!(summary(&status(&failed)), ["failed: could not be read (500)"]);
    }

    #[test]
    fn progress_grows_with_what_is_known() {
        assert_eq!(progress(&status(&json!({"status": "queued", "total": null}))), "queued");
        let more = json!({"status": "processing", "total": 10_000, "processed": 4_000, "failed": 50,
            "rate_per_second": 9_000, "eta_seconds": 1});
        assert_eq!(
            progress(&status(&more)),
            "processing, 4000 of 10000 records (40 %), 50 failed, 9000/s, 1 s left"
        );
        assert_eq!(
            progress(&status(&json!({"status": "processing", "total": 0}))),
            "processing, 0 of 0 records (100 %)"
        );
    }

    #[test]
    fn details_leave_out_what_is_not_known() {
        let more = json!({"db_id": 1, "matching": "email", "accepted_at": "2027-01-15T08:00:00.000Z", "started_at": null});
        let lines = [
            "job         00000000-0000-0000-0000-000000000000",
            "status      completed",
            "database    1, matching email",
            "accepted    2027-01-15T08:00:00.000Z",
        ];
        assert_eq!(details(&status(&more)), lines);
    }

    #[test]
    fn a_job_that_runs_tells_what_is_to_come() {
        let before = Uuid::from_u128(7);
        let more = json!({"status": "processing", "total": 10, "processed": 5, "attempts": 2, "cancel_requested": true,
            "retry_of": before, "job_warnings": [{"code": "unknown_parameter", "text": "no such parameter"}],
            "callback": {"url": "https://hooks.example.com/a", "state": "pending", "attempts": 0, "last_status": null,
                "last_error": null, "next_attempt_at": null}});
        let lines = [
            "job         00000000-0000-0000-0000-000000000000",
            "status      processing, 5 of 10 records (50 %), to be cancelled",
            "retry of    00000000-0000-0000-0000-000000000007",
            "attempts    2",
            "callback    pending: https://hooks.example.com/a",
            "warning: unknown_parameter: no such parameter",
        ];
        assert_eq!(details(&status(&more)), lines);
    }

    #[test]
    fn a_job_that_has_ended_tells_what_is_left_of_it() {
        let more = json!({"finished_at": "2027-01-15T08:00:00.000Z", "expires_at": "2027-01-22T08:00:00.000Z",
            "callback": {"url": "https://hooks.example.com/a", "state": "pending", "attempts": 1, "last_status": 500,
                "last_error": "answered 500", "next_attempt_at": "2027-01-15T08:05:00.000Z"},
            "job_warnings": [{"code": "unknown_parameter", "text": "no such parameter"}]});
        let lines = [
            "job         00000000-0000-0000-0000-000000000000",
            "status      completed",
            "finished    2027-01-15T08:00:00.000Z",
            "kept until  2027-01-22T08:00:00.000Z",
            "callback    pending after 1 attempt (answered 500), next at 2027-01-15T08:05:00.000Z: https://hooks.example.com/a",
        ];
        assert_eq!(details(&status(&more)), lines);
    }

    #[test]
    fn the_results_that_a_gateway_writes_are_read() {
        let outcome = |index, action, failure: Option<Failure>| Outcome {
            index,
            action,
            profile_id: None,
            failure,
            warnings: Vec::new(),
            reference: Some("crm-7".to_owned()),
        };
        let failure_of = Failure {
            code: Code::InvalidPhone,
            field: Some("phones[0]".to_owned()),
            text: "not a phone number".to_owned(),
        };
        let outcomes = [outcome(1, Action::Failed, Some(failure_of))];
        let entries: Vec<Entry> =
            outcomes.into_iter().map(|outcome| Entry { outcome, record: None }).collect();
        let around = Around::Job { state: JobState::Completed, total: 3, next_cursor: None };
        let mut writer =
            Writer { form: Form::Ndjson, around, is_dry: false, with_records: false, begun: false };
        let body = String::from_utf8(writer.entries(&entries)).unwrap();
        let read = body.lines().map(|line| serde_json::from_str::<client::Entry>(line).unwrap());
        let failed: Vec<String> =
            read.filter(|entry| entry.error == 400).map(|entry| failure(&entry)).collect();
        assert_eq!(failed, ["record 1: invalid_phone (400) in phones[0]: not a phone number [_ref crm-7]"]);
    }
}
