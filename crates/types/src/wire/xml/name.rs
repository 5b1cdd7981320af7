//! Element names and the keys they stand for, and which characters XML can say at all.
//!
//! Most keys are XML names and stand for themselves. In the others each character that cannot stand in a name is
//! written `_xHHHH_`, its code point in four to six hex digits (as SQL/XML and .NET do): `first name` is
//! `<first_x0020_name>`. An underscore that would be mistaken for the start of such an escape is itself written
//! `_x005F_`; the empty key is `<_x_>`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The whole name that stands for the empty key.
const EMPTY: &str = "_x_";

/// Whether a character may stand first in an XML name.
fn starts_name(character: char) -> bool {
    matches!(character,
        ':' | '_' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// Whether a character may stand in an XML name after the first.
fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character,
            '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether a text is an XML name.
pub(super) fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// Whether XML 1.0 has a way to say this character.
pub(super) fn is_sayable(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// The character that an escape at the start of `text` stands for, and what follows the escape.
fn escape_at(text: &str) -> Option<(char, &str)> {
    let (digits, rest) = text.strip_prefix("_x")?.split_once('_')?;
    let hex = (4..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let character = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
    hex.then_some((character, rest))
}

/// Whether `text`, followed by whatever, could be read as an escape.
fn seems_escape(text: &str) -> bool {
    let digits = text.strip_prefix("_x").and_then(|rest| rest.as_bytes().first_chunk::<4>());
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

/// The key that an element name stands for.
pub(super) fn key_of(name: &str) -> Cow<'_, str> {
    if name == EMPTY {
        return Cow::Borrowed("");
    }
    if !name.contains("_x") {
        return Cow::Borrowed(name);
    }
    let mut key = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(character) = rest.chars().next() {
        let (character, next) =
            escape_at(rest).unwrap_or((character, rest.get(character.len_utf8()..).unwrap_or_default()));
        key.push(character);
        rest = next;
    }
    Cow::Owned(key)
}

/// The element name that stands for a key.
pub(super) fn name_of(key: &str) -> Cow<'_, str> {
    if key.is_empty() {
        return Cow::Borrowed(EMPTY);
    }
    if is_name(key) && !key.contains("_x") {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 8);
    for (position, character) in key.char_indices() {
        let is_first = position == 0;
        let rest = key.get(position..).unwrap_or_default();
        let mistakable = seems_escape(rest) || (is_first && key == EMPTY);
        let fits = if is_first { starts_name(character) } else { continues_name(character) };
        if fits && !mistakable {
            name.push(character);
        } else {
            let _ = write!(name, "_x{:04X}_", u32::from(character));
        }
    }
    Cow::Owned(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_that_are_no_names_are_escaped() {
        assert_eq!(name_of("_fname"), "_fname");
        assert_eq!(name_of("first name"), "first_x0020_name");
        assert_eq!(name_of("2fa"), "_x0032_fa");
        assert_eq!(name_of("a_x0020_b"), "a_x005F_x0020_b");
        assert_eq!(name_of("price_x_vat"), "price_x_vat");
        assert_eq!(name_of("</xml>"), "_x003C__x002F_xml_x003E_");
        assert_eq!(name_of(""), "_x_");
        assert_eq!(name_of("_x_"), "_x005F_x_");
    }

    proptest! {
        #[test]
        fn every_key_has_a_name_that_reads_back(key in any::<String>()) {
            let name = name_of(&key);
            prop_assert!(is_name(&name));
            prop_assert_eq!(key_of(&name), key.as_str());
        }

        #[test]
        fn escapes_in_keys_read_back(key in "[_x0-2 ]{0,14}") {
            let name = name_of(&key);
            prop_assert!(is_name(&name));
            prop_assert_eq!(key_of(&name), key.as_str());
        }
    }
}
