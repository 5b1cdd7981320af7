//! Tags: a set of words in the order sent, from an array or from one text with commas.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Problem, text};
use crate::Code;

const ALLOWED: &str = "an array of strings, or a string with commas between the tags,";

/// Most tags of one field: each is a value that a profile can be found by.
const MOST: usize = 1000;

pub(super) fn check(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::String(list) => {
            text::storable(list)?;
            set(list.split(','))
        }
        Value::Number(number) => set([number.as_str()].into_iter()),
        Value::Array(items) => {
            let tags: Result<Vec<&str>, Problem> = items
                .iter()
                .enumerate()
                .map(|(at, item)| tag(item).map_err(|p| p.below(&format!("[{at}]"))))
                .collect();
            set(tags?.into_iter())
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => {
            Err(Problem::unfit(Code::InvalidType, value, ALLOWED))
        }
    }
}

fn tag(item: &Value) -> Result<&str, Problem> {
    let tag = text::scalar(item).ok_or_else(|| Problem::unfit(Code::InvalidType, item, "a string"))?;
    text::storable(tag).map(|()| tag)
}

/// Trims, leaves out what is empty, and keeps the first of equal tags.
fn set<'a>(tags: impl Iterator<Item = &'a str>) -> Result<Value, Problem> {
    let mut seen = BTreeSet::new();
    let tags: Vec<&str> = tags.map(str::trim).filter(|tag| !tag.is_empty() && seen.insert(*tag)).collect();
    if tags.len() > MOST {
        return Err(Problem::new(Code::OutOfRange, format!("{} tags sent, {MOST} allowed", tags.len())));
    }
    Ok(Value::from(tags))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_come_as_arrays_or_as_text() {
        for (sent, stored) in [
            (json!("tag-1, tag-2"), json!(["tag-1", "tag-2"])),
            (json!(["b", " a ", "b", ""]), json!(["b", "a"])),
            (json!([1, "1", "x, y"]), json!(["1", "x, y"])),
            (json!(7), json!(["7"])),
            (json!(""), json!([])),
            (json!([]), json!([])),
        ] {
            assert_eq!(check(&sent), Ok(stored));
        }
    }

    #[test]
    fn a_set_has_an_end() {
        let many = |count: usize| (0..count).map(|tag| tag.to_string()).collect::<Vec<_>>();
        assert!(check(&json!(many(MOST))).is_ok());
        for sent in [json!(many(MOST + 1)), json!(many(MOST + 1).join(","))] {
            let problem = check(&sent).unwrap_err();
            assert_eq!(
                (problem.code, problem.text.as_str()),
                (Code::OutOfRange, "1001 tags sent, 1000 allowed")
            );
        }
    }

    #[test]
    fn a_bad_tag_is_named() {
        let problem = check(&json!(["a", true])).unwrap_err();
        assert_eq!((problem.code, problem.path.as_str()), (Code::InvalidType, "[1]"));
        assert_eq!(check(&json!(["a\0"])).unwrap_err().path, "[0]");
        assert!(check(&json!("a\0, b")).unwrap_err().text.contains("U+0000"));
        assert!(check(&json!({})).is_err());
        assert!(check(&json!([null])).is_err());
    }
}
