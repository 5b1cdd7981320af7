//! What polls and lists of jobs show.

use super::answers::{at, both, job, warning};
use super::*;
use crate::report::LedgerEntry;
use crate::{DatabaseId, JobState, Status, Tally};

pub(super) fn entry() -> LedgerEntry {
    LedgerEntry {
        db_id: DatabaseId(1),
        matching: "email".to_owned(),
        external_id: None,
        retry_of: None,
        total: 10_000,
        tally: Tally { created: 3000, updated: 900, unchanged: 50, skipped: 0, failed: 50, warnings: 3 },
        warnings: Vec::new(),
        attempts: 1,
        validate_only: false,
        started_at: at(1),
        taken: (at(1), 4000),
        finished_at: None,
        expires_at: None,
        read_at: at(3),
        error: None,
        callback: None,
    }
}

#[test]
fn a_job_that_no_worker_has_taken() {
    let queued = Status { job_id: job(), state: JobState::Queued, cancel_requested: false, ledger: None };
    insta::assert_snapshot!(both(|format| status(&queued, format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "job_id":"018bcfe5-687b-7e93-8000-00000000002a",
    "status":"queued",
    "db_id":null,
    "matching":null,
    "external_id":null,
    "total":null,
    "processed":0,
    "created":0,
    "updated":0,
    "unchanged":0,
    "skipped":0,
    "failed":0,
    "warnings":0,
    "attempts":0,
    "accepted_at":"2023-11-14T22:13:20.123Z",
    "started_at":null,
    "finished_at":null,
    "expires_at":null,
    "rate_per_second":null,
    "eta_seconds":null,
    "results_url":"/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results"}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <job_id>018bcfe5-687b-7e93-8000-00000000002a</job_id>
    <status>queued</status>
    <db_id nil='true'/>
    <matching nil='true'/>
    <external_id nil='true'/>
    <total nil='true'/>
    <processed>0</processed>
    <created>0</created>
    <updated>0</updated>
    <unchanged>0</unchanged>
    <skipped>0</skipped>
    <failed>0</failed>
    <warnings>0</warnings>
    <attempts>0</attempts>
    <accepted_at>2023-11-14T22:13:20.123Z</accepted_at>
    <started_at nil='true'/>
    <finished_at nil='true'/>
    <expires_at nil='true'/>
    <rate_per_second nil='true'/>
    <eta_seconds nil='true'/>
    <results_url>/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results</results_url>
    </xml>
    "#);
}

#[test]
fn whom_its_end_is_told_to() {
    use crate::callback::{CallbackState, CallbackStatus};

    let shown = |callback| {
        let entry = LedgerEntry { callback: Some(callback), ..entry() };
        let status = Status {
            job_id: job(),
            state: JobState::Completed,
            cancel_requested: false,
            ledger: Some(entry),
        };
        let bodies = [Format::Json, Format::Xml].map(|format| super::status(&status, format));
        bodies.map(|body| {
            let body = String::from_utf8(body).unwrap();
            format!("callback{}", body.split_once("callback").unwrap().1)
        })
    };
    let waiting = CallbackStatus::waiting("https://hooks.example.com/a".to_owned());
    insta::assert_snapshot!(shown(waiting.clone()).join("\n"), @r#"
    callback":{"url":"https://hooks.example.com/a","state":"pending","attempts":0,"last_status":null,"last_error":null,"next_attempt_at":null}}
    callback><url>https://hooks.example.com/a</url><state>pending</state><attempts>0</attempts><last_status nil='true'/><last_error nil='true'/><next_attempt_at nil='true'/></callback></xml>
    "#);
    let failing = CallbackStatus {
        state: CallbackState::Pending,
        attempts: 2,
        last_status: Some(500),
        last_error: Some("answered 500".to_owned()),
        next_attempt_at: Some(at(7)),
        ..waiting
    };
    insta::assert_snapshot!(shown(failing)[0], @r#"callback":{"url":"https://hooks.example.com/a","state":"pending","attempts":2,"last_status":500,"last_error":"answered 500","next_attempt_at":"2023-11-14T22:13:27.123Z"}}"#);
}

#[test]
fn a_job_under_way() {
    let running =
        Status { job_id: job(), state: JobState::Processing, cancel_requested: false, ledger: Some(entry()) };
    insta::assert_snapshot!(both(|format| status(&running, format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "job_id":"018bcfe5-687b-7e93-8000-00000000002a",
    "status":"processing",
    "db_id":1,
    "matching":"email",
    "external_id":null,
    "total":10000,
    "processed":4000,
    "created":3000,
    "updated":900,
    "unchanged":50,
    "skipped":0,
    "failed":50,
    "warnings":3,
    "attempts":1,
    "accepted_at":"2023-11-14T22:13:20.123Z",
    "started_at":"2023-11-14T22:13:21.123Z",
    "finished_at":null,
    "expires_at":null,
    "rate_per_second":2000,
    "eta_seconds":3,
    "results_url":"/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results"}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <job_id>018bcfe5-687b-7e93-8000-00000000002a</job_id>
    <status>processing</status>
    <db_id>1</db_id>
    <matching>email</matching>
    <external_id nil='true'/>
    <total>10000</total>
    <processed>4000</processed>
    <created>3000</created>
    <updated>900</updated>
    <unchanged>50</unchanged>
    <skipped>0</skipped>
    <failed>50</failed>
    <warnings>3</warnings>
    <attempts>1</attempts>
    <accepted_at>2023-11-14T22:13:20.123Z</accepted_at>
    <started_at>2023-11-14T22:13:21.123Z</started_at>
    <finished_at nil='true'/>
    <expires_at nil='true'/>
    <rate_per_second>2000</rate_per_second>
    <eta_seconds>3</eta_seconds>
    <results_url>/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results</results_url>
    </xml>
    "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is long is the snapshot")]
fn a_job_that_failed() {
    let error = Some((422, "the key was used for another body".to_owned()));
    let failed = LedgerEntry {
        error,
        external_id: Some("nightly".to_owned()),
        tally: Tally::default(),
        warnings: vec![warning()],
        finished_at: Some(at(4)),
        expires_at: Some(at(604_804)),
        ..entry()
    };
    let failed =
        Status { job_id: job(), state: JobState::Failed, cancel_requested: false, ledger: Some(failed) };
    insta::assert_snapshot!(both(|format| status(&failed, format)), @r#"
    {"error":422,
    "error_text":"the key was used for another body",
    "job_id":"018bcfe5-687b-7e93-8000-00000000002a",
    "status":"failed",
    "db_id":1,
    "matching":"email",
    "external_id":"nightly",
    "total":10000,
    "processed":0,
    "created":0,
    "updated":0,
    "unchanged":0,
    "skipped":0,
    "failed":0,
    "warnings":1,
    "attempts":1,
    "accepted_at":"2023-11-14T22:13:20.123Z",
    "started_at":"2023-11-14T22:13:21.123Z",
    "finished_at":"2023-11-14T22:13:24.123Z",
    "expires_at":"2023-11-21T22:13:24.123Z",
    "rate_per_second":null,
    "eta_seconds":null,
    "results_url":"/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results",
    "job_warnings":[{"code":"unknown_parameter",
    "text":"unknown parameter `<colour>` was ignored",
    "field":"<colour>"}]}

    <xml>
    <error>422</error>
    <error_text>the key was used for another body</error_text>
    <job_id>018bcfe5-687b-7e93-8000-00000000002a</job_id>
    <status>failed</status>
    <db_id>1</db_id>
    <matching>email</matching>
    <external_id>nightly</external_id>
    <total>10000</total>
    <processed>0</processed>
    <created>0</created>
    <updated>0</updated>
    <unchanged>0</unchanged>
    <skipped>0</skipped>
    <failed>0</failed>
    <warnings>1</warnings>
    <attempts>1</attempts>
    <accepted_at>2023-11-14T22:13:20.123Z</accepted_at>
    <started_at>2023-11-14T22:13:21.123Z</started_at>
    <finished_at>2023-11-14T22:13:24.123Z</finished_at>
    <expires_at>2023-11-21T22:13:24.123Z</expires_at>
    <rate_per_second nil='true'/>
    <eta_seconds nil='true'/>
    <results_url>/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results</results_url>
    <job_warnings array='true'>
    <code>unknown_parameter</code>
    <text>unknown parameter `&lt;colour&gt;` was ignored</text>
    <field>&lt;colour&gt;</field>
    </job_warnings>
    </xml>
    "#);
}

#[test]
fn a_wish_to_stop_is_told_where_there_is_one() {
    let asked =
        Status { job_id: job(), state: JobState::Processing, cancel_requested: true, ledger: Some(entry()) };
    let told = both(|format| status(&asked, format));
    assert!(told.contains(r#""cancel_requested":true"#), "{told}");
    assert!(told.contains("<cancel_requested>true</cancel_requested>"), "{told}");
}

#[test]
fn the_pace_of_a_job() {
    let pace = |entry: LedgerEntry, state| {
        let body = status(
            &Status { job_id: job(), state, cancel_requested: false, ledger: Some(entry) },
            Format::Json,
        );
        let body: Value = serde_json::from_slice(&body).unwrap();
        (body["rate_per_second"].clone(), body["eta_seconds"].clone())
    };
    assert_eq!(pace(entry(), JobState::Processing), (json!(2000), json!(3)));
    let first = Tally { created: 1, ..Tally::default() };
    let running = |entry| pace(entry, JobState::Processing);
    let begun = LedgerEntry { tally: Tally::default(), taken: (at(1), 0), ..entry() };
    assert_eq!(running(begun), (Value::Null, Value::Null));
    let first = LedgerEntry { tally: first, taken: (at(1), 1), read_at: at(0), ..entry() };
    assert_eq!(running(first).1, json!(10));
    // Taken again after hours: what counts is what was done since.
    let again = LedgerEntry { started_at: at(-7200), taken: (at(1), 1000), ..entry() };
    assert_eq!(running(again), (json!(500), json!(12)));
    let not_yet = LedgerEntry { taken: (at(3), 0), ..entry() };
    assert_eq!(running(not_yet), (Value::Null, Value::Null));
    let done = LedgerEntry { total: 4000, finished_at: Some(at(5)), read_at: at(99), ..entry() };
    assert_eq!(pace(done, JobState::Completed), (json!(1000), Value::Null));
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is long is the snapshot")]
fn a_list_of_jobs() {
    let dry = LedgerEntry { validate_only: true, retry_of: Some(job()), ..entry() };
    let listed =
        [Status { job_id: job(), state: JobState::Processing, cancel_requested: false, ledger: Some(dry) }];
    insta::assert_snapshot!(both(|format| jobs(&listed, Some("here"), format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "jobs":[{"error":0,
    "error_text":"Successful operation",
    "job_id":"018bcfe5-687b-7e93-8000-00000000002a",
    "status":"processing",
    "db_id":1,
    "matching":"email",
    "external_id":null,
    "total":10000,
    "processed":4000,
    "created":3000,
    "updated":900,
    "unchanged":50,
    "skipped":0,
    "failed":50,
    "warnings":3,
    "attempts":1,
    "accepted_at":"2023-11-14T22:13:20.123Z",
    "started_at":"2023-11-14T22:13:21.123Z",
    "finished_at":null,
    "expires_at":null,
    "rate_per_second":2000,
    "eta_seconds":3,
    "results_url":"/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results",
    "validate_only":true,
    "retry_of":"018bcfe5-687b-7e93-8000-00000000002a"}],
    "next_cursor":"here"}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <jobs array='true'>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <job_id>018bcfe5-687b-7e93-8000-00000000002a</job_id>
    <status>processing</status>
    <db_id>1</db_id>
    <matching>email</matching>
    <external_id nil='true'/>
    <total>10000</total>
    <processed>4000</processed>
    <created>3000</created>
    <updated>900</updated>
    <unchanged>50</unchanged>
    <skipped>0</skipped>
    <failed>50</failed>
    <warnings>3</warnings>
    <attempts>1</attempts>
    <accepted_at>2023-11-14T22:13:20.123Z</accepted_at>
    <started_at>2023-11-14T22:13:21.123Z</started_at>
    <finished_at nil='true'/>
    <expires_at nil='true'/>
    <rate_per_second>2000</rate_per_second>
    <eta_seconds>3</eta_seconds>
    <results_url>/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a/results</results_url>
    <validate_only>true</validate_only>
    <retry_of>018bcfe5-687b-7e93-8000-00000000002a</retry_of>
    </jobs>
    <next_cursor>here</next_cursor>
    </xml>
    "#);
    insta::assert_snapshot!(both(|format| jobs(&[], None, format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "jobs":[],
    "next_cursor":null}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <jobs array='true'/>
    <next_cursor nil='true'/>
    </xml>
    "#);
}
