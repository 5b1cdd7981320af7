//! One top-level parameter, from JSON text (sent, or made of XML) to a loose value, within bounds.

use std::borrow::Cow;

use serde_json::Value;

use super::Limits;
use crate::Refusal;
use crate::envelope::shortened;

/// Reads the value of parameter `name`.
pub(super) fn value(name: &str, text: &str, limits: &Limits) -> Result<Value, Refusal> {
    if text.len() > Limits::PARAMETER_BYTES {
        let problem =
            format!("{} bytes sent, {} allowed for a parameter", text.len(), Limits::PARAMETER_BYTES);
        return Err(Refusal::parameter(shortened(name), problem));
    }
    let allowed = limits.depth.min(Limits::PARAMETER_DEPTH);
    let within_depth = |sent: usize| {
        let problem = || format!("nested {sent} levels deep, {allowed} allowed");
        if sent > allowed { Err(Refusal::parameter(shortened(name), problem())) } else { Ok(()) }
    };
    within_depth(nesting(text))?;
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let problem = format!("not readable: {}", without_place(&error.to_string()));
        Refusal::parameter(shortened(name), problem)
    })?;
    // Again, since `serde_json` unpacks text that is the value of one of its private keys.
    within_depth(nesting(&value.to_string()))?;
    Ok(value)
}

/// Refuses a parameter name that was met before, and more parameters than anyone can mean.
pub(super) fn check_name(known: &[(String, Value)], name: &str) -> Result<(), Refusal> {
    if known.len() >= Limits::PARAMETERS {
        let limit = super::position::number(Limits::PARAMETERS);
        return Err(Refusal::TooLarge { what: "parameters", sent: limit + 1, limit });
    }
    if known.iter().any(|(other, _)| other == name) {
        return Err(sent_twice(name));
    }
    Ok(())
}

/// The refusal of a parameter that is there more than once.
pub(super) fn sent_twice(name: &str) -> Refusal {
    Refusal::parameter(shortened(name), "sent more than once; send it once")
}

/// How many objects and arrays are open at the deepest place of a valid JSON text.
pub fn nesting(text: &str) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// What `serde_json` says is wrong, without where: that is told apart.
pub(super) fn without_place(message: &str) -> Cow<'_, str> {
    match message.rfind(" at line ") {
        Some(end) => Cow::Borrowed(message.get(..end).unwrap_or(message)),
        None => Cow::Borrowed(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_strings() {
        assert_eq!(nesting("1"), 0);
        assert_eq!(nesting(r#"{"a":[1,{"b":"[[[\"{"}],"c":[]}"#), 3);
        assert_eq!(nesting(&"[".repeat(2_000_000)), 2_000_000);
    }
}
