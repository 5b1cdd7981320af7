//! JSON with `…`, which is no JSON until each `…` outside text has become a text that no page would hold.

use serde_json::{Map, Value};

use crate::examples::pattern::fits;
use crate::examples::sequence::{Item, aligned};

/// Stands for a bare `…`: a character for private use.
const ANY: &str = "\u{E000}";

pub(super) fn compare(expected: &str, actual: &str) -> Result<(), String> {
    let expected = pattern(expected)?;
    let actual: Value =
        serde_json::from_str(actual).map_err(|error| format!("the body is no JSON: {error}"))?;
    differ("", &expected, &actual).map_or(Ok(()), Err)
}

/// Reads an expected body.
pub(super) fn pattern(text: &str) -> Result<Value, String> {
    let mut json = String::with_capacity(text.len());
    let (mut in_text, mut escaped) = (false, false);
    let mut open = Vec::new();
    let mut last = ' ';
    for character in text.chars() {
        if in_text {
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
            json.push(character);
        } else if character == '…' {
            let is_member = open.last() == Some(&'{') && matches!(last, '{' | ',');
            json.extend(["\"", ANY, if is_member { "\":0" } else { "\"" }]);
        } else {
            match character {
                '"' => in_text = true,
                '{' | '[' => open.push(character),
                '}' | ']' => drop(open.pop()),
                _ => {}
            }
            json.push(character);
        }
        if !character.is_whitespace() {
            last = character;
        }
    }
    serde_json::from_str(&json).map_err(|error| format!("the expected body is no JSON: {error}"))
}

/// The first difference, with its path.
fn differ(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::String(pattern), _) if pattern == ANY => None,
        (Value::String(pattern), Value::String(text)) if fits(pattern, text) => None,
        (Value::Object(expected), Value::Object(actual)) => members(path, expected, actual),
        (Value::Array(expected), Value::Array(actual)) => items(path, expected, actual),
        _ if expected == actual => None,
        _ => Some(format!("{}: expected {expected}, got {actual}", named(path))),
    }
}

fn named(path: &str) -> &str {
    if path.is_empty() { "the body" } else { path }
}

fn members(path: &str, expected: &Map<String, Value>, actual: &Map<String, Value>) -> Option<String> {
    let extra = actual.keys().find(|name| !expected.contains_key(*name));
    if let Some(name) = extra.filter(|_| !expected.contains_key(ANY)) {
        return Some(format!("{}: has a member `{name}` that is not expected", named(path)));
    }
    expected.iter().filter(|(name, _)| *name != ANY).find_map(|(name, value)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match actual.get(name) {
            Some(actual) => differ(&path, value, actual),
            None => Some(format!("{path}: is missing")),
        }
    })
}

fn items(path: &str, expected: &[Value], actual: &[Value]) -> Option<String> {
    if expected.len() == actual.len() && !expected.iter().any(|item| item == ANY) {
        let mut pairs = expected.iter().zip(actual).enumerate();
        return pairs
            .find_map(|(index, (expected, actual))| differ(&format!("{path}[{index}]"), expected, actual));
    }
    let wanted: Vec<Item<&Value>> =
        expected.iter().map(|item| if item == ANY { Item::Any } else { Item::One(item) }).collect();
    let fits = |expected: &&Value, actual: &Value| differ(path, expected, actual).is_none();
    (!aligned(&wanted, actual, &fits)).then(|| format!("{}: the items are other ones", named(path)))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn what_is_left_out_is_said() {
        let actual = r#"{"error":0,"list":[{"a":1,"b":"x…\"y"},2,3],"id":"019d"}"#;
        for expected in [
            actual,
            "…",
            "{…}",
            r#"{"id": "0…d", "error": 0, "list": …}"#,
            r#"{"list": [{"a": 1, …}, …], …, "id": "…"}"#,
            r#"{…, "list": […, 3], "error": …}"#,
            r#"{"list": [{…}, 2, …, 3, …], …}"#,
            r#"{"list": [{"b": "x…\"y", …}, 2, 3], …}"#,
        ] {
            assert_eq!(compare(expected, actual), Ok(()), "{expected}");
        }
        for (expected, problem) in [
            (r#"{"error":0,"id":"019d"}"#, "the body: has a member `list` that is not expected"),
            (r#"{"error":1, …}"#, "error: expected 1, got 0"),
            (r#"{"error":"…", …}"#, r#"error: expected "…", got 0"#),
            (r#"{"list":[{"a":1},2,3], …}"#, "list[0]: has a member `b` that is not expected"),
            (r#"{"list":[{"a":1,"c":…, …},2,3], …}"#, "list[0].c: is missing"),
            (r#"{"list":[2, …], …}"#, "list: the items are other ones"),
            (r#"{"list":[{…},2], …}"#, "list: the items are other ones"),
        ] {
            assert_eq!(compare(expected, actual), Err(problem.to_owned()), "{expected}");
        }
        assert!(compare("{", "{}").unwrap_err().starts_with("the expected body is no JSON"));
        assert!(compare("{}", "<xml/>").unwrap_err().starts_with("the body is no JSON"));
    }
}
