//! Messages as they were first written decode for ever; what is not whole is refused.

use serde_json::Value;

use super::*;
use crate::{MatchRule, ResourceId};

/// A message as it was sent, without the end of its file.
macro_rules! sent {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name, ".json")).trim_ascii_end()
    };
}

/// What was ever sent, of each variant, with all that may be left out and without. Such a file is never changed and never
/// taken away: a queue may hold such a message for ever. What is sent from now on is a further file.
const SENT: [&str; 10] = [
    FIRST,
    sent!("import_shortest"),
    sent!("import_longest"),
    sent!("part"),
    sent!("part_shortest"),
    sent!("seal"),
    sent!("seal_longest"),
    sent!("seal_redriven"),
    sent!("cut"),
    sent!("repeated"),
];

/// What a stream is made of.
const STREAM: [&str; 4] = [sent!("part"), sent!("seal"), sent!("cut"), sent!("repeated")];

/// A message as the first release wrote it.
const FIRST: &str = sent!("import");

#[test]
fn what_was_ever_sent_is_decoded_and_is_what_is_sent() {
    for sent in SENT {
        let message = Message::from_bytes(sent.as_bytes()).unwrap_or_else(|error| panic!("{error}: {sent}"));
        assert_eq!(String::from_utf8(message.to_bytes()).unwrap(), sent);
        assert_eq!(MessageKind::parse(message.kind().word()), Some(message.kind()));
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

/// Whoever adds a member to the header comes by here: what is sent with it from then on is a further file.
#[test]
fn each_member_that_may_be_left_out_is_in_what_was_sent() {
    let mut told = [false; 11];
    for sent in SENT {
        let Header {
            match_values,
            resource_id,
            external_id,
            validate_only,
            callback_url,
            request_key,
            retry_of,
            begins_at,
            streamed,
            order,
            warnings,
            job_id: _,
            account: _,
            db_id: _,
            operation: _,
            rule: _,
            total: _,
            unknown_fields: _,
            nulls: _,
            skip_invalid_subscriptions: _,
            skip_triggers: _,
            detect_geo: _,
        } = Message::from_bytes(sent.as_bytes()).unwrap().into_parts().0;
        let here = [
            !match_values.is_empty(),
            resource_id.is_some(),
            external_id.is_some(),
            validate_only,
            callback_url.is_some(),
            request_key.is_some(),
            retry_of.is_some(),
            begins_at > 0,
            streamed,
            order.is_some(),
            !warnings.is_empty(),
        ];
        told.iter_mut().zip(here).for_each(|(told, here)| *told |= here);
    }
    assert_eq!(told, [true; 11]);
}

#[test]
fn each_word_that_was_ever_sent_is_decoded() {
    let (import, longest) = (sent!("import_shortest"), sent!("import_longest"));
    for (sent, here, words) in [
        (import, r#""operation":"import""#, &[r#""operation":"add""#, r#""operation":"update""#][..]),
        (import, r#""unknown_fields":"ignore""#, &[r#""unknown_fields":"reject""#]),
        (import, r#""nulls":"clear""#, &[r#""nulls":"ignore""#, r#""nulls":"reject""#]),
        (longest, r#""scope":"key""#, &[r#""scope":"body""#, r#""scope":"retry""#]),
        (
            import,
            r#""rule":"email""#,
            &[
                r#""rule":"email_profile""#,
                r#""rule":"email_sub""#,
                r#""rule":"phone""#,
                r#""rule":"phone_sub""#,
                r#""rule":"profile_id""#,
                r#""rule":"push_sub""#,
                r#""rule":{"custom":{"field":"x"}}"#,
                r#""rule":{"custom_sub":{"field":"x"}}"#,
                r#""rule":"email_phone""#,
                r#""rule":"email_phone_sub""#,
            ],
        ),
    ] {
        assert!(sent.contains(here), "{here}");
        for word in words {
            let sent = sent.replace(here, word);
            let message =
                Message::from_bytes(sent.as_bytes()).unwrap_or_else(|error| panic!("{error}: {word}"));
            assert_eq!(String::from_utf8(message.to_bytes()).unwrap(), sent);
        }
    }
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
    for length in 0..FIRST.len() {
        assert!(matches!(error(FIRST.get(..length).unwrap()), DecodeError::Unreadable(_)));
    }
}

#[test]
fn what_somebody_newer_may_know_is_told_from_what_nobody_can_read() {
    let rule = FIRST.replace(r#"{"custom":{"field":"Custom_ID"}}"#, r#""by_name""#);
    let gone = FIRST.replace(r#""account":"demo","#, "");
    let added = FIRST.replace(r#""total":2"#, r#""added":1,"total":2"#);
    for newer in [FIRST.replace("v1", "v9"), rule, gone, r#"{"v9":[[1]]}"#.to_owned(), "[]".to_owned()] {
        let error = Message::from_bytes(newer.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::Unknown(_)), "{error:?}: {newer}");
        let cut = newer.as_bytes().get(..newer.len() - 1).unwrap();
        let error = Message::from_bytes(cut).unwrap_err();
        assert!(matches!(error, DecodeError::Unreadable(_)), "{error:?}: {newer}");
    }
    assert!(Message::from_bytes(added.as_bytes()).is_ok(), "a member that is not known is passed over");
}

#[test]
fn what_a_stream_is_made_of_is_what_it_says() {
    for sent in STREAM {
        let message = Message::from_bytes(sent.as_bytes()).unwrap();
        assert!(message.header().streamed && message.header().total == 12);
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
