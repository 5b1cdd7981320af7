//! What is wrong with a value, in words for the client: the value, shortened, and what is allowed instead.

use serde_json::Value;

use crate::{Code, shortened};

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The public code.
    pub code: Code,
    /// The path below the value, such as `[0]`; empty when it is the value itself.
    pub path: String,
    /// What is wrong and what is allowed.
    pub text: String,
}

impl Problem {
    /// A problem of the value itself.
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, path: String::new(), text: text.into() }
    }

    /// `value` is not what the field holds; `allowed` says what is.
    pub(crate) fn unfit(code: Code, value: &Value, allowed: &str) -> Self {
        Self::new(code, format!("{} will not do: {allowed} is expected", shown(value)))
    }

    /// As [`Self::unfit`], of a text.
    pub(super) fn unfit_text(code: Code, text: &str, allowed: &str) -> Self {
        Self::new(code, format!("{} will not do: {allowed} is expected", shown_text(text)))
    }

    /// The same problem, seen from one level further up.
    pub(crate) fn below(mut self, segment: &str) -> Self {
        self.path.insert_str(0, segment);
        self
    }
}

/// A value as a text may show it: JSON, so that control characters are escaped, and short.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => shortened(number.as_str()).into_owned(),
        Value::String(text) => shown_text(text),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn shown_text(text: &str) -> String {
    Value::from(shortened(text)).to_string()
}

/// Words with commas between them, not more than a person reads.
pub(crate) fn listed<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    const LISTED: usize = 20;
    let mut words = words.into_iter();
    let mut list: Vec<String> =
        words.by_ref().take(LISTED).map(|word| shortened(word.as_ref()).into_owned()).collect();
    match words.count() {
        0 if list.is_empty() => "none".to_owned(),
        0 => list.join(", "),
        more => {
            list.push(format!("and {more} more"));
            list.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_short_and_escaped() {
        assert_eq!(shown(&json!("a\u{0}b")), r#""a\u0000b""#);
        assert_eq!(shown(&json!("я".repeat(41))), format!("\"{}…\"", "я".repeat(40)));
        assert_eq!(shown(&json!("я".repeat(40))), format!("\"{}\"", "я".repeat(40)));
        assert_eq!(shown(&json!({"a": 1})), "an object");
        assert_eq!(shown(&json!([1])), "an array");
        assert_eq!(shown(&json!(1.50)), "1.5");
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(listed([""; 0]), "none");
        assert_eq!(listed(["a", "b"]), "a, b");
        assert!(listed((0..23).map(|number| number.to_string())).ends_with("18, 19, and 3 more"));
    }

    #[test]
    fn paths_grow_from_within() {
        let problem = Problem::new(Code::InvalidType, "x").below("[1]").below(".a");
        assert_eq!(problem.path, ".a[1]");
    }
}
