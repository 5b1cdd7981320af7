//! Every shape that is answered, JSON and XML side by side.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;
use crate::wire::results::{Around, Form, Writer};
use crate::{Action, Code, Entry, Failure, JobId, JobState, Outcome, ProfileId, Warning};

/// Both forms, the XML one broken at its tags.
pub(super) fn both(body: impl Fn(Format) -> Vec<u8>) -> String {
    let text = |format| String::from_utf8(body(format)).unwrap();
    let (json, xml) = (text(Format::Json), text(Format::Xml));
    serde_json::from_str::<Value>(&json).unwrap();
    format!("{}\n\n{}", json.replace(",\"", ",\n\""), xml.replace("><", ">\n<"))
}

pub(super) fn job() -> JobId {
    JobId(Uuid::from_u128(0x018b_cfe5_687b_7e93_8000_0000_0000_002a))
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_123 + seconds * 1000).unwrap()
}

pub(super) fn warning() -> Warning {
    let text = "unknown parameter `<colour>` was ignored".to_owned();
    Warning { code: Code::UnknownParameter, text, field: Some("<colour>".to_owned()) }
}

pub(super) fn outcome(index: u32, action: Action) -> Outcome {
    let profile_id =
        (!matches!(action, Action::Failed | Action::Skipped)).then(|| ProfileId::made_by(job(), index));
    Outcome { index, action, profile_id, failure: None, warnings: Vec::new(), reference: None }
}

pub(super) fn some_entries() -> Vec<Entry> {
    let text = "`12` is not a phone number; send it in E.164, as +79000000000".to_owned();
    let failure = Failure { code: Code::InvalidPhone, field: Some("phones[0]".to_owned()), text };
    let reference = Some("row \"7\" & more".to_owned());
    let null = Warning {
        code: Code::NullIgnored,
        text: "left as it was".to_owned(),
        field: Some("_sex".to_owned()),
    };
    let ambiguous = Warning { code: Code::AmbiguousMatch, text: "2 profiles match".to_owned(), field: None };
    let outcomes = [
        Outcome { warnings: vec![null, ambiguous], ..outcome(0, Action::Created) },
        Outcome { failure: Some(failure), reference, ..outcome(1, Action::Failed) },
        Outcome { warnings: vec![warning()], ..outcome(2, Action::Unchanged) },
        outcome(3, Action::Skipped),
    ];
    outcomes.into_iter().map(|outcome| Entry { outcome, record: None }).collect()
}

/// What is around the results of a job of four records.
pub(super) fn around(next_cursor: Option<&str>) -> Around {
    Around::Job { state: JobState::Cancelled, total: 4, next_cursor: next_cursor.map(str::to_owned) }
}

pub(super) fn writer(form: Form, around: Around) -> Writer {
    Writer { form, around, is_dry: false, with_records: false, begun: false }
}

/// The whole body, of entries that come one by one.
pub(super) fn written(mut writer: Writer, entries: &[Entry]) -> Vec<u8> {
    let mut body = writer.head();
    for entry in entries {
        body.extend(writer.entries(std::slice::from_ref(entry)));
        body.extend(writer.entries(&[]));
    }
    body.extend(writer.tail());
    body
}

#[test]
fn accepted_jobs() {
    insta::assert_snapshot!(both(|format| accepted(job(), format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "job_id":"018bcfe5-687b-7e93-8000-00000000002a",
    "status":"queued",
    "status_url":"/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a"}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <job_id>018bcfe5-687b-7e93-8000-00000000002a</job_id>
    <status>queued</status>
    <status_url>/api/v1.1/jobs/018bcfe5-687b-7e93-8000-00000000002a</status_url>
    </xml>
    "#);
}

#[test]
fn refused_requests() {
    let refused = Refusal::parameter("matching", "`<b>` is unknown; allowed: email");
    insta::assert_snapshot!(both(|format| refusal(&refused, format)), @r#"
    {"error":400,
    "error_text":"matching: `<b>` is unknown; allowed: email"}

    <xml>
    <error>400</error>
    <error_text>matching: `&lt;b&gt;` is unknown; allowed: email</error_text>
    </xml>
    "#);
    insta::assert_snapshot!(both(|format| error(404, "no such job", format)), @r#"
    {"error":404,
    "error_text":"no such job"}

    <xml>
    <error>404</error>
    <error_text>no such job</error_text>
    </xml>
    "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is long is the snapshot")]
fn results_of_records() {
    insta::assert_snapshot!(both(|format| written(writer(format.into(), around(None)), &some_entries())), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "status":"cancelled",
    "total":4,
    "result":[{"index":0,
    "error":0,
    "error_text":"Successful operation",
    "profile_id":"018bcfe5687b7000803a4c0000000000",
    "action":"created",
    "warnings":[{"code":"null_ignored",
    "text":"left as it was",
    "field":"_sex"},{"code":"ambiguous_match",
    "text":"2 profiles match"}]},{"index":1,
    "error":400,
    "code":"invalid_phone",
    "field":"phones[0]",
    "error_text":"`12` is not a phone number; send it in E.164, as +79000000000",
    "_ref":"row \"7\" & more"},{"index":2,
    "error":0,
    "error_text":"Successful operation",
    "profile_id":"018bcfe5687b700080ba4c0000000000",
    "action":"unchanged",
    "warnings":[{"code":"unknown_parameter",
    "text":"unknown parameter `<colour>` was ignored",
    "field":"<colour>"}]},{"index":3,
    "error":500,
    "code":"not_processed",
    "error_text":"not processed: the job was cancelled",
    "action":"skipped"}],
    "next_cursor":null}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <status>cancelled</status>
    <total>4</total>
    <result>
    <index>0</index>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <profile_id>018bcfe5687b7000803a4c0000000000</profile_id>
    <action>created</action>
    <warnings>
    <code>null_ignored</code>
    <text>left as it was</text>
    <field>_sex</field>
    </warnings>
    <warnings>
    <code>ambiguous_match</code>
    <text>2 profiles match</text>
    </warnings>
    </result>
    <result>
    <index>1</index>
    <error>400</error>
    <code>invalid_phone</code>
    <field>phones[0]</field>
    <error_text>`12` is not a phone number; send it in E.164, as +79000000000</error_text>
    <_ref>row "7" &amp; more</_ref>
    </result>
    <result>
    <index>2</index>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <profile_id>018bcfe5687b700080ba4c0000000000</profile_id>
    <action>unchanged</action>
    <warnings array='true'>
    <code>unknown_parameter</code>
    <text>unknown parameter `&lt;colour&gt;` was ignored</text>
    <field>&lt;colour&gt;</field>
    </warnings>
    </result>
    <result>
    <index>3</index>
    <error>500</error>
    <code>not_processed</code>
    <error_text>not processed: the job was cancelled</error_text>
    <action>skipped</action>
    </result>
    <next_cursor nil='true'/>
    </xml>
    "#);
}

#[test]
fn results_of_a_request_that_waited() {
    let one = [Entry { outcome: outcome(0, Action::Updated), record: None }];
    let waited = Around::Waited { job_id: job(), warnings: vec![warning()] };
    insta::assert_snapshot!(both(|format| written(writer(format.into(), waited.clone()), &one)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "result":[{"index":0,
    "error":0,
    "error_text":"Successful operation",
    "profile_id":"018bcfe5687b7000803a4c0000000000",
    "action":"updated"}],
    "job_id":"018bcfe5-687b-7e93-8000-00000000002a",
    "job_warnings":[{"code":"unknown_parameter",
    "text":"unknown parameter `<colour>` was ignored",
    "field":"<colour>"}]}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <result>
    <index>0</index>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <profile_id>018bcfe5687b7000803a4c0000000000</profile_id>
    <action>updated</action>
    </result>
    <job_id>018bcfe5-687b-7e93-8000-00000000002a</job_id>
    <job_warnings array='true'>
    <code>unknown_parameter</code>
    <text>unknown parameter `&lt;colour&gt;` was ignored</text>
    <field>&lt;colour&gt;</field>
    </job_warnings>
    </xml>
    "#);
}

#[test]
fn what_xml_cannot_say_does_not_break_it() {
    let text = "\0\u{1b}\u{fffe}\u{7f}\r\n]]>";
    let node = Node::Object(vec![
        ("</xml>".into(), Node::text(text)),
        ("lists".into(), Node::List(vec![Node::List(vec![Node::int(1)]), Node::List(vec![])])),
    ]);
    let xml = String::from_utf8(node.to_bytes(Format::Xml)).unwrap();
    insta::assert_snapshot!(xml.replace("><", ">\n<"), @r"
    <xml>
    <_x003C__x002F_xml_x003E_>���&#13;
    ]]&gt;</_x003C__x002F_xml_x003E_>
    <lists>
    <item array='true'>1</item>
    </lists>
    <lists>
    <item array='true'/>
    </lists>
    </xml>
    ");
    let read_back = read_xml(&xml).unwrap()["parameters"].take();
    assert_eq!(read_back["</xml>"], json!("\u{fffd}\u{fffd}\u{fffd}\u{7f}\r\n]]>"));
    assert_eq!(read_back["lists"], json!([{"item": ["1"]}, {"item": []}]));
}
