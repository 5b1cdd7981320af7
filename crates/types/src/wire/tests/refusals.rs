//! What is refused, and where the reader says it is.

use super::*;

fn refused(format: Format, body: impl AsRef<[u8]>) -> String {
    read(format, body.as_ref(), &Limits::default()).unwrap_err().to_string()
}

fn json(body: &str) -> String {
    refused(Format::Json, body)
}

fn xml(body: &str) -> String {
    refused(Format::Xml, body)
}

#[test]
fn unreadable_json_is_located() {
    insta::assert_snapshot!(json(""), @"the body is not readable JSON: the body is empty at line 1, column 1");
    insta::assert_snapshot!(json("[]"), @"the body is not readable JSON: an object is expected at the top level, got an array at line 1, column 1");
    insta::assert_snapshot!(json("7"), @"the body is not readable JSON: an object is expected at the top level, got a number at line 1, column 1");
    insta::assert_snapshot!(json(" \"x\""), @"the body is not readable JSON: an object is expected at the top level, got text at line 1, column 4");
    insta::assert_snapshot!(json("null"), @"the body is not readable JSON: an object is expected at the top level, got null at line 1, column 4");
    insta::assert_snapshot!(json("{\"a\": 1,\n \"b\": }"), @"the body is not readable JSON: expected value at line 2, column 7");
    insta::assert_snapshot!(json("{\"data\": [{},\n {\"a\"]}"), @"the body is not readable JSON: expected `:` at line 2, column 6");
    insta::assert_snapshot!(json("{\"a\": 1"), @"the body is not readable JSON: EOF while parsing an object at line 1, column 7");
    insta::assert_snapshot!(json("{} {}"), @"the body is not readable JSON: trailing characters at line 1, column 4");
    insta::assert_snapshot!(refused(Format::Json, b"{\"a\":\n \"\xff\"}"), @"the body is not readable JSON: not UTF-8 at line 2, column 3");
}

#[test]
fn unreadable_xml_is_located() {
    insta::assert_snapshot!(xml(""), @"the body is not readable XML: the body has no root element <xml> at line 1, column 1");
    insta::assert_snapshot!(xml("<xml>"), @"the body is not readable XML: the body ends, 1 elements are not closed at line 1, column 6");
    insta::assert_snapshot!(xml("<xml>\n<a>1</b></xml>"), @"the body is not readable XML: ill-formed document: expected `</a>`, but `</b>` was found at line 2, column 5");
    insta::assert_snapshot!(xml("<root/>"), @"the body is not readable XML: the root element must be <xml>, got <root> at line 1, column 1");
    insta::assert_snapshot!(xml("<xml/><xml/>"), @"the body is not readable XML: there is something after the root element at line 1, column 7");
    insta::assert_snapshot!(xml("<xml/>text"), @"the body is not readable XML: text outside the root element at line 1, column 7");
    insta::assert_snapshot!(xml("<xml array='true'/>"), @"the body is not readable XML: the root element cannot be marked as array, object or nil at line 1, column 1");
    insta::assert_snapshot!(xml("<xml><a>1<b/></a></xml>"), @"the body is not readable XML: text beside elements: an element holds either text or elements at line 1, column 10");
    insta::assert_snapshot!(xml("<xml><a><b/>1</a></xml>"), @"the body is not readable XML: text beside elements: an element holds either text or elements at line 1, column 14");
    insta::assert_snapshot!(xml("<xml>\n  <ä>é</ä><a kind='1'/></xml>"), @"the body is not readable XML: unknown attribute `kind`; allowed: array, nil, object at line 2, column 11");
    insta::assert_snapshot!(xml("<xml><a array='yes'/></xml>"), @"the body is not readable XML: array='yes'; allowed: true, false at line 1, column 6");
    insta::assert_snapshot!(xml("<xml><a nil='true'>1</a></xml>"), @"the body is not readable XML: an element marked as nil or object must be empty at line 1, column 21");
    insta::assert_snapshot!(xml("<xml><a nil='true' object='true'/></xml>"), @"the body is not readable XML: nil='true' and object='true' exclude each other at line 1, column 6");
    insta::assert_snapshot!(xml("<xml><a nil='true' nil='true'/></xml>"), @"the body is not readable XML: position 13: duplicated attribute, previous declaration at position 2 at line 1, column 6");
    insta::assert_snapshot!(xml("<xml><1a/></xml>"), @"the body is not readable XML: `1a` is not a name for an element at line 1, column 6");
    insta::assert_snapshot!(xml("<xml><a>&nbsp;</a></xml>"), @"the body is not readable XML: `&nbsp;` stands for no character at line 1, column 9");
    insta::assert_snapshot!(xml("<xml><a>&#0;</a></xml>"), @"the body is not readable XML: `&#0;` stands for no character at line 1, column 9");
    insta::assert_snapshot!(xml("<xml><a>\u{1}</a></xml>"), @"the body is not readable XML: a character that XML does not allow at line 1, column 9");
    insta::assert_snapshot!(xml("<xml><a>fish & chips</a></xml>"), @"the body is not readable XML: ill-formed document: entity or character reference not closed: `;` not found before end of input at line 1, column 14");
    insta::assert_snapshot!(xml("<?xml version='1.0' encoding='windows-1251'?><xml/>"), @"the body is not readable XML: encoding `windows-1251`; only UTF-8 is read at line 1, column 1");
    insta::assert_snapshot!(xml("<xml><?xml version='1.0'?></xml>"), @"the body is not readable XML: an XML declaration that is not at the very start at line 1, column 6");
    insta::assert_snapshot!(xml("<!DOCTYPE xml [<!ENTITY a 'b'>]><xml/>"), @"the body is not readable XML: a DOCTYPE is not allowed at line 1, column 1");
    insta::assert_snapshot!(refused(Format::Xml, b"\xff\xfe<\0x\0"), @"the body is not readable XML: not UTF-8 at line 1, column 1");
}

#[test]
fn data_must_be_an_array() {
    insta::assert_snapshot!(json(r#"{"data": {"a": 1}}"#), @"data: must be an array of records, got an object");
    insta::assert_snapshot!(json(r#"{"data": 17}"#), @"data: must be an array of records, got a number");
    insta::assert_snapshot!(json(r#"{"data": -1.50}"#), @"data: must be an array of records, got a number");
    insta::assert_snapshot!(json(r#"{"data": "[]"}"#), @"data: must be an array of records, got text");
    insta::assert_snapshot!(json(r#"{"data": true}"#), @"data: must be an array of records, got a boolean");
    insta::assert_snapshot!(json(r#"{"data": null}"#), @"data: must be an array of records, got null");
    insta::assert_snapshot!(xml("<xml><data nil='true'/></xml>"), @"data: must be an array of records, got null");
    insta::assert_snapshot!(xml("<xml><data array='false'><a/></data></xml>"), @"data: must be an array of records, got an object");
}

#[test]
fn a_json_parameter_may_be_there_once() {
    insta::assert_snapshot!(json(r#"{"a": 1, "b": 2, "a": 1}"#), @"a: sent more than once; send it once");
    insta::assert_snapshot!(json(r#"{"data": [], "data": []}"#), @"data: sent more than once; send it once");
}

#[test]
fn limits_are_told_with_what_was_sent() {
    let limits = Limits { records: 2, depth: 3, body_bytes: 100 };
    let refused = |format, body: &str| read(format, body.as_bytes(), &limits).unwrap_err().to_string();
    insta::assert_snapshot!(refused(Format::Json, r#"{"data": [1, 2, 3, [4], {}]}"#), @"records: 5 sent, 2 allowed per request; send the rest in further requests");
    insta::assert_snapshot!(refused(Format::Xml, "<xml><data/><data>2</data><data/></xml>"), @"records: 3 sent, 2 allowed per request; send the rest in further requests");
    insta::assert_snapshot!(refused(Format::Json, &" ".repeat(101)), @"bytes of body: 101 sent, 100 allowed per request; send the rest in further requests");
    insta::assert_snapshot!(refused(Format::Json, r#"{"a": [[[[]]]]}"#), @"a: nested deeper than 3 levels, at `[0][0][0]`");
    insta::assert_snapshot!(refused(Format::Xml, "<xml><a><b><c><d><e/></d></c></b></a></xml>"), @"a: nested deeper than 3 levels, at `b.c.d`");
    assert!(read(Format::Json, br#"{"data": [[[[[1]]]], 2], "a": [[[]]]}"#, &limits).is_ok());
    assert!(read(Format::Xml, b"<xml><data><b><c><d><e/></d></c></b></data><data/></xml>", &limits).is_ok());
}

#[test]
fn parameters_are_bounded() {
    let many: Vec<String> = (0..101).map(|number| format!("\"p{number}\": 1")).collect();
    insta::assert_snapshot!(json(&format!("{{{}}}", many.join(","))), @"parameters: 101 sent, 100 allowed per request");
    insta::assert_snapshot!(xml(&format!("<xml>{}</xml>", "<p/>".repeat(101))), @"parameters: 101 sent, 100 allowed per request");
    let long = "x".repeat(65 * 1024);
    insta::assert_snapshot!(json(&format!("{{\"a\": \"{long}\"}}")), @"a: 66562 bytes sent, 65536 allowed for a parameter");
    insta::assert_snapshot!(xml(&format!("<xml><a>{long}</a></xml>")), @"a: 66562 bytes sent, 65536 allowed for a parameter");
    let half: Vec<String> = (0..5).map(|name| format!("\"{name}\": \"{}\"", "x".repeat(60_000))).collect();
    insta::assert_snapshot!(json(&format!("{{{}}}", half.join(","))), @"bytes of parameters: 300010 sent, 262144 allowed per request");
    let wide: Vec<String> =
        (0..4).map(|name| format!("<p{name}>{}</p{name}>", "<i/>".repeat(20_000))).collect();
    insta::assert_snapshot!(xml(&format!("<xml>{}</xml>", wide.concat())), @"elements of parameters: 50002 sent, 50001 allowed per request");
    insta::assert_snapshot!(json(r#"{"a": "\ud800"}"#), @"a: not readable: half of a surrogate pair, which is no character; send both halves or leave it out");
    insta::assert_snapshot!(json(r#"{"\udc00": 1}"#), @"the body is not readable JSON: half of a surrogate pair, which is no character; send both halves or leave it out at line 1, column 8");
}
