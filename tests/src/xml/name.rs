//! Keys that are no element names: each odd character is written `_xHHHH_`, its code point in hex digits; the empty key
//! is `_x_`.

use std::fmt::Write as _;

pub(super) fn of_key(key: &str) -> String {
    if key.is_empty() {
        return "_x_".to_owned();
    }
    let mut name = String::new();
    for (position, character) in key.char_indices() {
        let may_start = character.is_ascii_alphabetic() || character == '_';
        let may_stand =
            may_start || (position > 0 && (character.is_ascii_digit() || "-.".contains(character)));
        let seems_escape = key.get(position..).is_some_and(|rest| rest.starts_with("_x"));
        if may_stand && !seems_escape {
            name.push(character);
        } else {
            let _ = write!(name, "_x{:04X}_", u32::from(character));
        }
    }
    name
}

pub(super) fn to_key(name: &str) -> String {
    if name == "_x_" {
        return String::new();
    }
    let (mut key, mut rest) = (String::new(), name);
    while let Some((before, after)) = rest.split_once("_x") {
        key.push_str(before);
        if let Some((character, next)) = escaped(after) {
            key.push(character);
            rest = next;
        } else {
            key.push_str("_x");
            rest = after;
        }
    }
    key + rest
}

/// The character of `HHHH_`, and what follows.
fn escaped(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = text.split_once('_').filter(|(digits, _)| (4..=6).contains(&digits.len()))?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some((char::from_u32(code)?, rest))
}
