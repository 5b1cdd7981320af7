//! Results in the forms that have no envelope, and with the records that failed.

use super::answers::{around, both, outcome, some_entries, writer, written};
use super::*;
use crate::wire::results::{Form, Writer};
use crate::{Action, Code, Entry, Failure, Outcome};

fn text(writer: Writer, entries: &[Entry]) -> String {
    String::from_utf8(written(writer, entries)).unwrap()
}

#[test]
fn results_without_an_envelope() {
    insta::assert_snapshot!(text(writer(Form::Ndjson, around(None)), &some_entries()), @r#"
    {"index":0,"error":0,"error_text":"Successful operation","profile_id":"018bcfe5687b7000803a4c0000000000","action":"created","warnings":[{"code":"null_ignored","text":"left as it was","field":"_sex"},{"code":"ambiguous_match","text":"2 profiles match"}]}
    {"index":1,"error":400,"code":"invalid_phone","field":"phones[0]","error_text":"`12` is not a phone number; send it in E.164, as +79000000000","_ref":"row \"7\" & more"}
    {"index":2,"error":0,"error_text":"Successful operation","profile_id":"018bcfe5687b700080ba4c0000000000","action":"unchanged","warnings":[{"code":"unknown_parameter","text":"unknown parameter `<colour>` was ignored","field":"<colour>"}]}
    {"index":3,"error":500,"code":"not_processed","error_text":"not processed: the job was cancelled","action":"skipped"}
    "#);
    insta::assert_snapshot!(text(writer(Form::Csv, around(None)), &some_entries()).replace("\r\n", "\n"), @r#"
    index,error,code,field,error_text,profile_id,action,_ref,warnings
    0,0,,,Successful operation,018bcfe5687b7000803a4c0000000000,created,,"[{""code"":""null_ignored"",""text"":""left as it was"",""field"":""_sex""},{""code"":""ambiguous_match"",""text"":""2 profiles match""}]"
    1,400,invalid_phone,phones[0],"`12` is not a phone number; send it in E.164, as +79000000000",,,"row ""7"" & more",
    2,0,,,Successful operation,018bcfe5687b700080ba4c0000000000,unchanged,,"[{""code"":""unknown_parameter"",""text"":""unknown parameter `<colour>` was ignored"",""field"":""<colour>""}]"
    3,500,not_processed,,not processed: the job was cancelled,,skipped,,
    "#);
}

#[test]
fn no_results() {
    let all = [Form::Json, Form::Xml, Form::Ndjson, Form::Csv];
    let empty = all.map(|form| text(writer(form, around(Some("here"))), &[]));
    insta::assert_snapshot!(empty.join("\n"), @r#"
    {"error":0,"error_text":"Successful operation","status":"cancelled","total":4,"result":[],"next_cursor":"here"}
    <xml><error>0</error><error_text>Successful operation</error_text><status>cancelled</status><total>4</total><result array='true'/><next_cursor>here</next_cursor></xml>

    index,error,code,field,error_text,profile_id,action,_ref,warnings
    "#);
    let records = Writer { with_records: true, ..writer(Form::Csv, around(None)) };
    assert!(text(records, &[]).ends_with(",warnings,record\r\n"));
}

#[test]
fn what_a_job_that_writes_nothing_would_have_done() {
    let entries = [Action::Created, Action::Updated, Action::Unchanged]
        .map(|action| Entry { outcome: outcome(0, action), record: None });
    let dry = Writer { is_dry: true, ..writer(Form::Ndjson, around(None)) };
    let words: Vec<Value> = text(dry, &entries)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["action"].take())
        .collect();
    assert_eq!(words, ["would_create", "would_update", "unchanged"]);
    for action in Action::ALL {
        assert_eq!(
            (Action::parse(action.word(true)), Action::parse(action.word(false))),
            (Some(action), Some(action))
        );
    }
}

fn failed(index: u32, record: Option<&str>) -> Entry {
    let failure = Failure {
        code: Code::InvalidPhone,
        field: Some("phones[0]".to_owned()),
        text: "no\nphone".to_owned(),
    };
    let outcome = Outcome { failure: Some(failure), ..outcome(index, Action::Failed) };
    Entry { outcome, record: record.map(str::to_owned) }
}

fn records() -> Vec<Entry> {
    [
        "{\"phone\" : 12,\n \"number\":1.50}",
        r#"{"a<b":{"cats":["x"]},"n":null}"#,
        r#"["no", "object"]"#,
        "no, \"JSON\"",
        r#"{"a":1,"a":2}"#,
    ]
    .into_iter()
    .zip(0..)
    .map(|(record, index)| failed(index, Some(record)))
    .collect()
}

fn with_records(form: Form) -> Writer {
    Writer { with_records: true, ..writer(form, around(None)) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is long is the snapshot")]
fn failures_with_their_records() {
    insta::assert_snapshot!(both(|format| written(with_records(format.into()), &records())), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "status":"cancelled",
    "total":4,
    "result":[{"index":0,
    "error":400,
    "code":"invalid_phone",
    "field":"phones[0]",
    "error_text":"no\nphone",
    "record":{"phone" : 12,
     "number":1.50}},{"index":1,
    "error":400,
    "code":"invalid_phone",
    "field":"phones[0]",
    "error_text":"no\nphone",
    "record":{"a<b":{"cats":["x"]},
    "n":null}},{"index":2,
    "error":400,
    "code":"invalid_phone",
    "field":"phones[0]",
    "error_text":"no\nphone",
    "record":["no", "object"]},{"index":3,
    "error":400,
    "code":"invalid_phone",
    "field":"phones[0]",
    "error_text":"no\nphone",
    "record":"no, \"JSON\""},{"index":4,
    "error":400,
    "code":"invalid_phone",
    "field":"phones[0]",
    "error_text":"no\nphone",
    "record":{"a":1,
    "a":2}}],
    "next_cursor":null}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <status>cancelled</status>
    <total>4</total>
    <result>
    <index>0</index>
    <error>400</error>
    <code>invalid_phone</code>
    <field>phones[0]</field>
    <error_text>no
    phone</error_text>
    <record>
    <phone>12</phone>
    <number>1.50</number>
    </record>
    </result>
    <result>
    <index>1</index>
    <error>400</error>
    <code>invalid_phone</code>
    <field>phones[0]</field>
    <error_text>no
    phone</error_text>
    <record>
    <a_x003C_b>
    <cats>x</cats>
    </a_x003C_b>
    <n nil='true'/>
    </record>
    </result>
    <result>
    <index>2</index>
    <error>400</error>
    <code>invalid_phone</code>
    <field>phones[0]</field>
    <error_text>no
    phone</error_text>
    <record>["no", "object"]</record>
    </result>
    <result>
    <index>3</index>
    <error>400</error>
    <code>invalid_phone</code>
    <field>phones[0]</field>
    <error_text>no
    phone</error_text>
    <record>no, "JSON"</record>
    </result>
    <result>
    <index>4</index>
    <error>400</error>
    <code>invalid_phone</code>
    <field>phones[0]</field>
    <error_text>no
    phone</error_text>
    <record>{"a":1,"a":2}</record>
    </result>
    <next_cursor nil='true'/>
    </xml>
    "#);
    insta::assert_snapshot!(text(with_records(Form::Csv), &records()).replace("\r\n", "\n"), @r#"
    index,error,code,field,error_text,profile_id,action,_ref,warnings,record
    0,400,invalid_phone,phones[0],"no
    phone",,,,,"{""phone"" : 12,
     ""number"":1.50}"
    1,400,invalid_phone,phones[0],"no
    phone",,,,,"{""a<b"":{""cats"":[""x""]},""n"":null}"
    2,400,invalid_phone,phones[0],"no
    phone",,,,,"[""no"", ""object""]"
    3,400,invalid_phone,phones[0],"no
    phone",,,,,"""no, \""JSON\"""""
    4,400,invalid_phone,phones[0],"no
    phone",,,,,"{""a"":1,""a"":2}"
    "#);
}

#[test]
fn failures_to_be_mended_and_sent_again() {
    insta::assert_snapshot!(text(with_records(Form::Ndjson), &records()), @r#"
    {"_error":{"index":0,"code":"invalid_phone","field":"phones[0]","error_text":"no\nphone"},"phone" : 12,  "number":1.50}
    {"_error":{"index":1,"code":"invalid_phone","field":"phones[0]","error_text":"no\nphone"},"a<b":{"cats":["x"]},"n":null}
    {"_error":{"index":2,"code":"invalid_phone","field":"phones[0]","error_text":"no\nphone","record":["no", "object"]}}
    {"_error":{"index":3,"code":"invalid_phone","field":"phones[0]","error_text":"no\nphone","record":"no, \"JSON\""}}
    {"_error":{"index":4,"code":"invalid_phone","field":"phones[0]","error_text":"no\nphone"},"a":1,"a":2}
    "#);
    let again = r#"{"_error":{"index":7,"code":"x"},"email":"a"}"#;
    let line = text(with_records(Form::Ndjson), &[failed(0, Some(again))]);
    assert_eq!(line.matches("_error\"").count(), 1, "{line}");
    assert!(line.ends_with("},\"email\":\"a\"}\n"), "{line}");
    let empty = text(with_records(Form::Ndjson), &[failed(0, Some(" { } "))]);
    assert!(serde_json::from_str::<Value>(&empty).unwrap()["_error"]["index"] == 0, "{empty}");
}
