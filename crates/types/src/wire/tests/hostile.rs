//! Bodies made to hurt: each is answered, in time and within the stack.

use proptest::prelude::*;

use super::*;

const DEEP: usize = 1_000_000;

fn brackets(json: &str) -> usize {
    json.matches(['[', '{']).count()
}

#[test]
fn deep_json_records_are_kept_for_the_record_to_fail() {
    let body = format!("{{\"data\":[{}{}, 1]}}", "[".repeat(DEEP), "]".repeat(DEEP));
    let envelope = read(Format::Json, body.as_bytes(), &Limits::default()).unwrap();
    let records = envelope.data.unwrap();
    assert_eq!((records.len(), brackets(records[0].get())), (2, DEEP));
}

#[test]
fn of_a_hostile_xml_record_enough_is_kept_for_it_to_fail() {
    let deep = format!("{}{}", "<a>".repeat(DEEP / 5), "</a>".repeat(DEEP / 5));
    let wide = "<a/>".repeat(DEEP / 5);
    let body = format!("<xml><data>{deep}</data><data>{wide}</data><data/><data><b>1</b></data></xml>");
    let envelope = read(Format::Xml, body.as_bytes(), &Limits::default()).unwrap();
    let records: Vec<&str> = envelope.data.iter().flatten().map(|record| record.get()).collect();
    assert_eq!(brackets(records[0]), Limits::RECORD_DEPTH + 1);
    assert_eq!(records[1].matches("\"\"").count(), Limits::VALUES + 1);
    assert_eq!(records[2..], ["{}", r#"{"b":"1"}"#]);
    for (record, fault) in [(records[0], "nested deeper than 32"), (records[1], "more than 50000 values")] {
        let unfit = value::members(record, Limits::RECORD_DEPTH).unwrap_err();
        assert!(unfit.fault.to_string().starts_with(fault), "{unfit:?}");
    }
    // At the bounds nothing is left out.
    let (levels, values) = (Limits::RECORD_DEPTH - 1, Limits::VALUES - 1);
    let deep = format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    let body = format!("<xml><data>{deep}</data><data>{}</data></xml>", "<a/>".repeat(values));
    let envelope = read(Format::Xml, body.as_bytes(), &Limits::default()).unwrap();
    for record in envelope.data.iter().flatten() {
        assert!(value::members(record.get(), Limits::RECORD_DEPTH).is_ok());
    }
}

#[test]
fn deep_parameters_are_refused() {
    let json = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let refused = |limits| read(Format::Json, json.as_bytes(), &limits).unwrap_err().to_string();
    assert!(refused(Limits::default()).starts_with("a: nested deeper than 32 levels, at `[0][0]"));
    assert!(
        refused(Limits { depth: usize::MAX, ..Limits::default() })
            .starts_with("a: nested deeper than 100 levels, ")
    );
    let xml = format!("<xml><p>{}{}</p></xml>", "<a>".repeat(DEEP / 5), "</a>".repeat(DEEP / 5));
    assert!(read_xml(&xml).unwrap_err().to_string().starts_with("p: nested deeper than 32 levels, at `a.a."));
}

#[test]
fn a_parameter_that_would_change_its_meaning_is_refused() {
    for key in ["$serde_json::private::Number", r"\u0024serde_json::private::RawValue"] {
        let refused = |value: &str| {
            let body = format!(r#"{{"db_id": {value}, "data": [{{"{key}": "1"}}]}}"#);
            read_json(&body).unwrap_err().to_string()
        };
        assert!(refused(&format!(r#"{{"{key}": "1"}}"#)).contains(", at `$serde_json::private::"));
        assert!(refused(&format!(r#"[{{"a": {{"{key}": "1"}}}}]"#)).contains(", at `[0].a.$serde_json"));
        let escaped = key.replace(r"\u0024", "_x0024_");
        let xml = format!("<xml><db_id><{escaped}>1</{escaped}></db_id></xml>");
        let xml = xml.replace("::", "_x003A__x003A_").replace('$', "_x0024_");
        assert!(read_xml(&xml).unwrap_err().to_string().contains("cannot begin with"), "{xml}");
        let body = format!(r#"{{"data": {{"{key}": "1"}}}}"#);
        assert!(read_json(&body).unwrap_err().to_string().ends_with("got an object"));
    }
    let twice = r#"{"field_value": {"a": 1, "a": 2}}"#;
    assert_eq!(
        read_json(twice).unwrap_err().to_string(),
        "field_value: sent more than once; send it once, at `a`"
    );
    assert!(read_json(r#"{"data": 1.5}"#).unwrap_err().to_string().ends_with("got a number"));
}

#[test]
fn unclosed_depth_is_refused() {
    for body in
        ["[".repeat(2 * DEEP), "{\"data\":".to_owned() + &"[".repeat(2 * DEEP), "{\"a\":".repeat(DEEP)]
    {
        assert!(matches!(read_json(&body), Err(Refusal::Unreadable { .. })));
    }
    let refused = |levels| read_xml(&"<xml>".repeat(levels)).unwrap_err().to_string();
    assert!(refused(DEEP / 5).contains("the body ends, 200000 elements are not closed at line 1"));
    assert!(refused(DEEP).contains("nested deeper than 250000 levels at line 1"));
}

#[test]
fn wide_records_take_linear_time() {
    let numbers: Vec<String> = (0..200_000).map(|number| number.to_string()).collect();
    let members = format!("<m{}/>", numbers[..25_000].join("/><m"));
    let records = records_of(&format!("<data>{members}{members}</data>"));
    assert_eq!(records[0].as_object().unwrap().len(), 25_000);
    assert_eq!(records[0]["m24999"], json!(["", ""]));
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
