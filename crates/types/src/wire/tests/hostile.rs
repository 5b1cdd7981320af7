//! Bodies made to hurt: each is answered, in time and within the stack.

use proptest::prelude::*;

use super::*;

const DEEP: usize = 1_000_000;

#[test]
fn deep_json_records_are_kept_for_the_record_to_fail() {
    let body = format!("{{\"data\":[{}{}, 1]}}", "[".repeat(DEEP), "]".repeat(DEEP));
    let envelope = read(Format::Json, body.as_bytes(), &Limits::default()).unwrap();
    let records = envelope.data.unwrap();
    assert_eq!((records.len(), nesting(records[0].get())), (2, DEEP));
}

#[test]
fn deep_xml_records_are_kept_for_the_record_to_fail() {
    let body = format!("<xml><data>{}{}</data><data/></xml>", "<a>".repeat(DEEP), "</a>".repeat(DEEP));
    let envelope = read(Format::Xml, body.as_bytes(), &Limits::default()).unwrap();
    let records = envelope.data.unwrap();
    assert_eq!((records.len(), nesting(records[0].get())), (2, DEEP));
}

#[test]
fn deep_parameters_are_refused() {
    let json = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(read_json(&json).unwrap_err().to_string(), "a: nested 30000 levels deep, 32 allowed");
    let limits = Limits { depth: usize::MAX, ..Limits::default() };
    let refusal = read(Format::Json, json.as_bytes(), &limits).unwrap_err();
    assert_eq!(refusal.to_string(), "a: nested 30000 levels deep, 100 allowed");
    let packed = format!(
        r#"{{"a":{{"\u0024serde_json::private::RawValue":"{}{}"}}}}"#,
        "[".repeat(99),
        "]".repeat(99)
    );
    assert_eq!(read_json(&packed).unwrap_err().to_string(), "a: nested 99 levels deep, 32 allowed");
    let xml = format!("<xml><p>{}{}</p></xml>", "<a>".repeat(DEEP), "</a>".repeat(DEEP));
    assert!(read_xml(&xml).unwrap_err().to_string().ends_with("65536 allowed for a parameter"));
}

#[test]
fn unclosed_depth_is_refused() {
    for body in
        ["[".repeat(2 * DEEP), "{\"data\":".to_owned() + &"[".repeat(2 * DEEP), "{\"a\":".repeat(DEEP)]
    {
        assert!(matches!(read_json(&body), Err(Refusal::Unreadable { .. })));
    }
    assert!(matches!(read_xml(&"<xml>".repeat(DEEP)), Err(Refusal::Unreadable { .. })));
}

#[test]
fn wide_records_take_linear_time() {
    let numbers: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
    let members = format!("<m{}/>", numbers.join("/><m"));
    let records = records_of(&format!("<data>{members}{members}</data>"));
    assert_eq!(records[0].as_object().unwrap().len(), 200_000);
    assert_eq!(records[0]["m199999"], json!(["", ""]));
    let attributes = numbers.join("='' xmlns:m");
    assert_eq!(members_of(&format!("<a xmlns:m{attributes}=''/>")), json!({"a": ""}));
}

#[test]
fn entities_are_never_expanded() {
    let bomb = "<!DOCTYPE xml [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><xml><x>&b;</x></xml>";
    assert!(matches!(read_xml(bomb), Err(Refusal::Unreadable { .. })));
    assert!(matches!(read_xml("<xml><x>&b;</x></xml>"), Err(Refusal::Unreadable { .. })));
}

#[test]
fn a_long_problem_is_cut_short() {
    let name = "a".repeat(100_000);
    for body in [format!("<xml><{name}></b>"), format!("<{name}/>"), format!("<xml><a {name}='1'/></xml>")] {
        assert!(read_xml(&body).unwrap_err().to_string().len() < 400);
    }
    let refusal = read_json(&format!(
        "{{\"{name}\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}"
    ));
    assert!(refusal.unwrap_err().to_string().len() < 400);
}

const XML: &str = "<?xml version='1.0' encoding='UTF-8'?><xml><!-- c --><db_id>1</db_id><?p i?><data array='true'>\
    <a>&lt;&#65;<![CDATA[x]]></a><b nil='true'/>é</data></xml>";
const JSON: &str =
    r#"{"db_id": "1", "data": [{"a": "\u00e9\"", "b": [1.5e3, null, true]}, 7], "x": {"y": []}}"#;

#[test]
fn a_cut_body_is_never_a_whole_one() {
    for (format, body) in [(Format::Xml, XML), (Format::Json, JSON)] {
        for length in 0..body.len() {
            let result = read(format, &body.as_bytes()[..length], &Limits::default());
            assert!(matches!(result, Err(Refusal::Unreadable { .. })), "{length} bytes of {body}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(Format::Json, &bytes, &Limits::default());
        let _ = read(Format::Xml, &bytes, &Limits::default());
    }

    #[test]
    fn any_markup_is_answered(parts in proptest::collection::vec(
        "<xml>|</xml>|<data>|</data>|<a/>|<a>|</a>|<a array='true'/>|<!--|-->|<!|<!\\[CDATA\\[|\\]\\]>|<\\?|\\?>|&#?[a-z0-9]{0,3};?|<|>|'|\"|[ -~é\n]{0,3}",
        0..24,
    )) {
        let _ = read(Format::Xml, format!("<xml>{}", parts.concat()).as_bytes(), &Limits::default());
        let _ = read(Format::Xml, parts.concat().as_bytes(), &Limits::default());
    }

    #[test]
    fn changed_bytes_are_answered(position in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        for (format, body) in [(Format::Xml, XML), (Format::Json, JSON)] {
            let mut bytes = body.as_bytes().to_vec();
            let position = position.index(bytes.len());
            bytes[position] = byte;
            let _ = read(format, &bytes, &Limits::default());
        }
    }
}
