//! What is told of a dead message: nothing of its records, and nothing that the client gave but names of its own.

use chrono::{DateTime, Utc};
use intake_store::{DeadJob, Store};
use intake_types::{Header, JobId, JobState, Message};
use serde::Serialize;

use super::message::DeadMessage;
use crate::error::Error;
use crate::output::plain;

const TIME: &str = "%Y-%m-%d %H:%M";

/// A dead message, and where its job stands.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    message: String,
    kind: &'static str,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    job_id: Option<JobId>,
    account: Option<String>,
    db_id: Option<i32>,
    records: Option<u32>,
    /// Records of the job that have a fate: the first ones.
    applied: Option<u64>,
    /// Records of a stream that are in the database.
    kept: Option<u64>,
    bytes: usize,
    reason: Option<String>,
    status: Option<&'static str>,
    error: Option<u16>,
    error_text: Option<String>,
    accepted_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    kept_until: Option<DateTime<Utc>>,
    redriven_as: Option<JobId>,
}

impl Entry {
    /// Of a message that was read, or why it could not be.
    pub(super) async fn of(
        dead: &DeadMessage,
        message: &Result<Message<'_>, String>,
        store: &Store,
    ) -> Result<Self, Error> {
        let header = message.as_ref().ok().map(|message| message.header().clone()).or_else(|| dead.brief());
        let job = match &header {
            Some(header) => store.dead_job(header).await?,
            None => None,
        };
        Ok(Self::with(dead, message, header, job.as_ref()))
    }

    fn with(
        dead: &DeadMessage,
        message: &Result<Message<'_>, String>,
        header: Option<Header>,
        job: Option<&DeadJob>,
    ) -> Self {
        let records = match message {
            Ok(Message::PartV1(part)) => u32::try_from(part.records.len()).ok(),
            _ => header.as_ref().map(|header| header.total),
        };
        let failed = job.filter(|job| job.state == JobState::Failed);
        let accepted = |header: &Header| DateTime::from_timestamp_micros(header.job_id.accepted_at_micros());
        Self {
            message: dead.name.clone(),
            kind: message.as_ref().map_or("unreadable", |message| message.kind().word()),
            problem: message.as_ref().err().cloned(),
            job_id: header.as_ref().map(|header| header.job_id),
            db_id: header.as_ref().map(|header| header.db_id.0),
            records,
            applied: job.map(|job| job.processed),
            kept: job.filter(|job| job.kept > 0).map(|job| job.kept),
            bytes: dead.delivery.size(),
            reason: dead.delivery.reason().map(str::to_owned),
            status: job.map(|job| job.state.word()),
            error: job.and_then(|job| job.error.as_ref()).map(|(error, _)| *error),
            error_text: job.and_then(|job| job.error.clone()).map(|(_, text)| text),
            accepted_at: header.as_ref().and_then(accepted),
            failed_at: failed.and_then(|job| job.finished_at),
            kept_until: job.and_then(|job| job.kept_until),
            redriven_as: job.and_then(|job| job.redriven),
            account: header.map(|header| header.account),
        }
    }

    /// One line of a list, under [`heading`].
    pub(super) fn row(&self) -> String {
        let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        row([
            &self.message,
            self.kind,
            &self.account.as_deref().map_or_else(|| "-".to_owned(), plain),
            &self.db_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            &count(self.records.map(u64::from)),
            &count(self.applied),
            &self.bytes.to_string(),
            &time(self.accepted_at),
            &time(self.failed_at),
            &time(self.kept_until),
            self.reason.as_deref().unwrap_or("-"),
        ])
    }

    /// It in a few words, such as `seal of account shop, 5 records, 2 of them applied`.
    pub(super) fn what(&self) -> String {
        let account = self.account.as_ref().map(|account| format!(" of account {account}"));
        let records = self.records.map(|records| format!(", {records} records"));
        let applied = self.applied.map(|applied| format!(", {applied} of them applied"));
        let more = [account, records, applied].map(Option::unwrap_or_default).concat();
        format!("{}{more}", self.kind)
    }

    /// All of it, a line each.
    pub(super) fn details(&self) -> Vec<String> {
        let error =
            self.error.zip(self.error_text.as_ref()).map(|(error, text)| format!(": {text} ({error})"));
        let status = self.status.unwrap_or("not known to the database, or no longer");
        let rows = [
            ("message", Some(self.message.clone())),
            ("kind", Some(self.kind.to_owned())),
            ("unreadable", self.problem.clone()),
            ("reason", self.reason.clone()),
            ("job", self.job_id.map(|job| job.to_string())),
            ("status", Some(format!("{status}{}", error.unwrap_or_default()))),
            ("account", self.account.clone()),
            ("database", self.db_id.map(|id| id.to_string())),
            ("records", self.records.map(|records| records.to_string())),
            ("applied", self.applied.map(|applied| applied.to_string())),
            ("in parts", self.kept.map(|kept| kept.to_string())),
            ("bytes", Some(self.bytes.to_string())),
            ("accepted", self.accepted_at.map(|at| time(Some(at)))),
            ("given up", self.failed_at.map(|at| time(Some(at)))),
            ("kept until", self.kept_until.map(|at| time(Some(at)))),
            ("redriven as", self.redriven_as.map(|job| job.to_string())),
        ];
        let line = |(name, value): (&str, Option<String>)| value.map(|value| format!("{name:<13}{value}"));
        rows.into_iter().filter_map(line).collect()
    }
}

/// The heading of a list.
pub(super) fn heading() -> String {
    row([
        "MESSAGE",
        "KIND",
        "ACCOUNT",
        "DB",
        "RECORDS",
        "APPLIED",
        "BYTES",
        "ACCEPTED",
        "GIVEN UP",
        "KEPT UNTIL",
        "REASON",
    ])
}

/// Columns of fixed widths, for there may be more rows than anybody wants to hold.
fn row(cells: [&str; 11]) -> String {
    let [message, kind, account, db, records, applied, bytes, accepted, failed, kept, reason] = cells;
    format!(
        "{message:<36}  {kind:<10}  {account:<12}  {db:>4}  {records:>7}  {applied:>7}  {bytes:>9}  \
         {accepted:<16}  {failed:<16}  {kept:<16}  {reason}"
    )
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.format(TIME).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let job: JobId = serde_json::from_str("\"01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47\"").unwrap();
        let at = DateTime::from_timestamp(1_800_000_000, 0);
        Entry {
            message: job.to_string(),
            kind: "seal",
            problem: None,
            job_id: Some(job),
            account: Some("shop\u{1b}[2J".to_owned()),
            db_id: Some(1),
            records: Some(250_000),
            applied: Some(48_000),
            kept: Some(250_000),
            bytes: 141,
            reason: Some("the database is full".to_owned()),
            status: Some("failed"),
            error: Some(500),
            error_text: Some("given up".to_owned()),
            accepted_at: at,
            failed_at: at,
            kept_until: None,
            redriven_as: None,
        }
    }

    #[test]
    fn columns_are_aligned() {
        let heading = "MESSAGE                               KIND        ACCOUNT         DB  RECORDS  APPLIED      BYTES  \
            ACCEPTED          GIVEN UP          KEPT UNTIL        REASON";
        assert_eq!(super::heading(), heading);
        let row = "01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47  seal        shop             1   250000    48000        141  \
            2027-01-15 08:00  2027-01-15 08:00  -                 the database is full";
        assert_eq!(Entry { account: Some("shop".to_owned()), ..entry() }.row(), row);
        assert!(entry().row().contains("shop\\u{1b}[2J"), "nobody steers a terminal");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let details = Entry { kept: None, db_id: None, ..entry() }.details().join("\n");
        assert!(details.contains("status       failed: given up (500)\naccount"), "{details}");
        assert!(!details.contains("\ndatabase") && !details.contains("in parts"), "{details}");
        let unknown = Entry { status: None, error: None, ..entry() }.details().join("\n");
        assert!(unknown.contains("status       not known to the database, or no longer\n"), "{unknown}");
        assert_eq!(entry().what(), "seal of account shop\u{1b}[2J, 250000 records, 48000 of them applied");
    }
}
