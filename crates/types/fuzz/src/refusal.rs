//! A refused body: the refusal names a place, is short, and can be told in both formats.

use intake_types::Refusal;
use intake_types::wire::{self, Format};

use crate::world::LIMITS;

/// Longest refusal, in characters: a name, a value or a problem of which each is cut short, and the words around them.
const LONGEST: usize = 500;

pub(crate) fn check(refusal: &Refusal, bytes: &[u8]) {
    let text = refusal.to_string();
    assert!(text.chars().count() <= LONGEST, "{text}");
    match refusal {
        Refusal::Unreadable { problem, line, column, .. } => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            let most = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            assert!((1..=most(lines)).contains(line), "{text}: there are {lines} lines");
            assert!((1..=most(bytes.len() + 1)).contains(column), "{text}");
            assert!(!problem.is_empty());
        }
        Refusal::Parameter { problem, .. } => assert!(!problem.is_empty()),
        Refusal::TooLarge { sent, limit, .. } => assert!(sent > limit, "{text}"),
        Refusal::NoToken | Refusal::UnknownToken | Refusal::NoAccess(_) | Refusal::NoResource(_) => {
            panic!("not the reader's: {text}")
        }
    }
    let json: serde_json::Value =
        serde_json::from_slice(&wire::refusal(refusal, Format::Json)).expect("a refusal is told in JSON");
    assert_eq!(json.get("error_text").and_then(serde_json::Value::as_str), Some(text.as_str()));
    let xml = wire::refusal(refusal, Format::Xml);
    wire::read(Format::Xml, &xml, &LIMITS).expect("a refusal is told in XML");
}
