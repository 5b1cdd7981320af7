//! Messages as they were first written decode for ever; what is not whole is refused.

use serde_json::Value;

use super::*;
use crate::{MatchRule, ResourceId};

/// A message as the first release wrote it. Never changed.
const FIRST: &str = r#"{"v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"update","rule":{"custom":{"field":"Custom_ID"}},"match_values":{"field_value":"7"},"resource_id":28,"total":2,"unknown_fields":"reject","nulls":"ignore","skip_invalid_subscriptions":false,"skip_triggers":true,"detect_geo":false,"external_id":"nightly","warnings":[{"code":"unknown_parameter","text":"unknown parameter `x` was ignored","field":"x"}]},"records":[{"a" : 1.50},[[["deep"]]]]}}"#;

/// The same with nothing that may be left out.
const SHORTEST: &str = r#"{"v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":0,"unknown_fields":"ignore","nulls":"clear","skip_invalid_subscriptions":true,"skip_triggers":false,"detect_geo":true},"records":[]}}"#;

#[test]
fn the_first_version_decodes_for_ever() {
    for sent in [FIRST, SHORTEST] {
        let message = Message::from_bytes(sent.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(message.to_bytes()).unwrap(), sent);
    }
    let (header, records) = Message::from_bytes(FIRST.as_bytes()).unwrap().into_parts();
    assert_eq!(header.rule, MatchRule::Custom { field: "Custom_ID".to_owned() });
    assert_eq!(
        (header.match_values.get("field_value"), header.resource_id),
        (Some(&Value::from("7")), Some(ResourceId(28)))
    );
    assert_eq!(
        records.iter().map(|record| record.get()).collect::<Vec<_>>(),
        [r#"{"a" : 1.50}"#, r#"[[["deep"]]]"#]
    );
}

#[test]
fn records_are_borrowed() {
    let (_, records) = Message::from_bytes(FIRST.as_bytes()).unwrap().into_parts();
    assert!(records.iter().all(|record| matches!(record, Cow::Borrowed(_))));
}

#[test]
fn a_message_that_is_not_whole_is_refused() {
    let error = |bytes: &str| Message::from_bytes(bytes.as_bytes()).unwrap_err();
    let miscounted = FIRST.replace("\"total\":2", "\"total\":3");
    assert_eq!(error(&miscounted).to_string(), "the message says 3 records and holds 2");
    assert!(matches!(error(&FIRST.replace("v1", "v9")), DecodeError::Unreadable(_)));
    for length in 0..FIRST.len() {
        assert!(matches!(error(FIRST.get(..length).unwrap()), DecodeError::Unreadable(_)));
    }
}

/// What a stream is made of, as first written. Never changed.
const STREAM: [&str; 4] = [
    r#"{"part_v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":12,"unknown_fields":"reject","nulls":"ignore","skip_invalid_subscriptions":false,"skip_triggers":false,"detect_geo":false,"streamed":true},"first_index":10,"open_until":1700003600,"records":[{"a" : 1.50},"{no json"],"unreadable":{"11":"line 12 is no JSON: key must be a string at column 2"}}}"#,
    r#"{"seal_v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":12,"unknown_fields":"reject","nulls":"ignore","skip_invalid_subscriptions":false,"skip_triggers":false,"detect_geo":false,"streamed":true}}}"#,
    r#"{"cut_v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":12,"unknown_fields":"reject","nulls":"ignore","skip_invalid_subscriptions":false,"skip_triggers":false,"detect_geo":false,"streamed":true},"error":400,"text":"the body ended before its end"}}"#,
    r#"{"repeated_v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":12,"unknown_fields":"reject","nulls":"ignore","skip_invalid_subscriptions":false,"skip_triggers":false,"detect_geo":false,"streamed":true},"same_as":"018bcfe5-687b-7e93-8000-00000000002b"}}"#,
];

#[test]
fn what_a_stream_is_made_of_decodes_for_ever() {
    for sent in STREAM {
        let message = Message::from_bytes(sent.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(message.to_bytes()).unwrap(), sent);
        assert!(message.header().streamed && message.header().total == 12);
        assert_eq!(MessageKind::parse(message.kind().word()), Some(message.kind()));
    }
    let Message::PartV1(part) = Message::from_bytes(STREAM[0].as_bytes()).unwrap() else { panic!("a part") };
    assert_eq!((part.first_index, part.open_until, part.records.len()), (10, 1_700_003_600, 2));
    assert!(part.unreadable[&11].starts_with("line 12"));
}

#[test]
fn a_piece_of_a_stream_that_cannot_be_is_refused() {
    let [part, seal, cut, repeated] = STREAM;
    let error = |text: String| Message::from_bytes(text.as_bytes()).unwrap_err().to_string();
    let said = |said: u32, held: u32| format!("the message says {said} records and holds {held}");
    assert_eq!(error(part.replace("\"total\":12", "\"total\":13")), said(3, 2));
    for (text, total) in [(part, 10), (part, 0), (seal, 0), (cut, 0), (repeated, 0), (seal, (1 << 20) + 1)] {
        let impossible = text.replace("\"total\":12", &format!("\"total\":{total}"));
        assert_eq!(error(impossible), format!("the message is of a stream of {total} records"));
    }
}

#[test]
fn what_is_said_beside_a_message_is_short_and_enough() {
    let (header, _) = Message::from_bytes(FIRST.as_bytes()).unwrap().into_parts();
    let read = Header::from_brief(&header.brief().unwrap()).unwrap();
    let short = Header { match_values: serde_json::Map::new(), warnings: Vec::new(), ..header.clone() };
    assert_eq!(read, short);
    let long = Header { rule: MatchRule::Custom { field: "x".repeat(20_000) }, ..header };
    assert_eq!(long.brief(), None);
    assert_eq!(Header::from_brief("{}"), None);
}
