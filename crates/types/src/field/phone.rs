//! Phone numbers, in E.164. The only module that knows the phone library and its metadata.
//!
//! A number must be *possible* (known country code, right length), not known to be assigned: numbering plans grow
//! faster than metadata is updated, and a number refused in error is a customer lost.

use std::cell::RefCell;

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use serde_json::Value;

use super::{Problem, last};
use crate::Code;

const ALLOWED: &str = "a phone number with + and country code, such as +79991234567,";
const ALLOWED_LIST: &str = "an array of phone numbers";
/// Most characters that a number may have, punctuation included.
const LONGEST: usize = 64;
/// Most numbers of one profile: each is a value that it can be found by.
const MOST: usize = 1000;
/// What may stand between digits. Letters (vanity numbers, extensions) are not for E.164.
const PUNCTUATION: &str = "+＋-‐‑‒–—―−()[]./";

pub(super) fn check(value: &Value, region: Option<&str>) -> Result<Value, Problem> {
    let Value::Array(items) = value else {
        return one(value, region, ALLOWED_LIST).map(|number| Value::Array(vec![number.into()]));
    };
    if items.len() > MOST {
        let text = format!("{} phone numbers sent, {MOST} allowed", items.len());
        return Err(Problem::new(Code::OutOfRange, text));
    }
    let mut numbers = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let number = one(item, region, ALLOWED).map_err(|problem| problem.below(&format!("[{at}]")))?;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    Ok(Value::from(numbers))
}

fn one(value: &Value, region: Option<&str>, allowed: &str) -> Result<String, Problem> {
    match value {
        Value::String(text) => normalise(text, region),
        Value::Number(number) if number.as_str().bytes().all(|byte| byte.is_ascii_digit()) => {
            normalise(number.as_str(), region)
        }
        _ => Err(Problem::unfit(Code::InvalidType, value, allowed)),
    }
}

/// Checks a number and writes it in E.164. Without `+` it is read as dialled in `region`, a two-letter country code.
pub(crate) fn normalise(text: &str, region: Option<&str>) -> Result<String, Problem> {
    thread_local! {
        static LAST: RefCell<Option<last::Read>> = const { RefCell::new(None) };
    }
    last::once(&LAST, text, region, || normalised(text.trim(), region))
}

fn normalised(text: &str, region: Option<&str>) -> Result<String, Problem> {
    let unfit = || match region {
        Some(region) => {
            let allowed = format!("{ALLOWED} or a number of {region}");
            Problem::unfit_text(Code::InvalidPhone, text, &allowed)
        }
        None => Problem::unfit_text(Code::InvalidPhone, text, ALLOWED),
    };
    let number = read(text, region).ok_or_else(unfit)?;
    // Rarely a national prefix hides behind a country code and is taken off at the second reading only. What is stored
    // must read as itself, or the profile could not be found by it.
    if number != text && read(&number, region).as_ref() != Some(&number) {
        return Err(unfit());
    }
    Ok(number)
}

/// Whether this is a country whose national numbers can be read.
pub(crate) fn is_region(code: &str) -> bool {
    let is_shaped = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_shaped
        && Region::from_code(code)
            .is_ok_and(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
}

fn read(text: &str, region: Option<&str>) -> Option<String> {
    let is_plain =
        |letter: char| letter.is_numeric() || letter.is_whitespace() || PUNCTUATION.contains(letter);
    if text.chars().count() > LONGEST || !text.chars().all(is_plain) {
        return None;
    }
    let region = region.and_then(|code| Region::from_code(code).ok());
    let number = PHONE_NUMBER_UTIL.parse(text, region).ok()?;
    match PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number) {
        Ok(NumberLengthType::IsPossible) => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) | Err(_) => return None,
    }
    Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn one_number_has_one_spelling() {
        for (sent, region, stored) in [
            ("+79991234567", None, "+79991234567"),
            ("+79000000000", None, "+79000000000"),
            (" +7 (999) 123-45-67 ", None, "+79991234567"),
            ("＋７９９９１２３４５６７", None, "+79991234567"),
            ("8 999 123-45-67", Some("RU"), "+79991234567"),
            ("79991234567", Some("RU"), "+79991234567"),
            ("9991234567", Some("RU"), "+79991234567"),
            ("+12025550123", Some("RU"), "+12025550123"),
            ("+390612345678", None, "+390612345678"),
        ] {
            assert_eq!(normalise(sent, region).as_deref(), Ok(stored), "{sent}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "12345",
            "phone",
            "+000000000000",
            "+123456789012345678901234",
            "79991234567",
            "+7",
            "+7999",
            "+1-800-FLOWERS",
            "+7 999 123-45-67 ext. 5",
            "+79991234567;ext=5",
            "call +79991234567",
            "+79991234567#1",
        ] {
            let problem = normalise(text, None).unwrap_err();
            assert_eq!(problem.code, Code::InvalidPhone, "{text}");
            assert!(problem.text.contains("+ and country code"), "{}", problem.text);
        }
        assert!(normalise("12345", Some("RU")).unwrap_err().text.contains("a number of RU"));
        assert!(normalise("2530000", Some("US")).is_err(), "dialled in one town only");
        assert!(normalise("9991234567", Some("??")).is_err());
    }

    #[test]
    fn lists_come_as_arrays_or_as_one_number() {
        let stored = json!(["+79991234567"]);
        for sent in [
            json!("+79991234567"),
            json!(["+79991234567", "+7 999 1234567", 79_991_234_567_i64]),
            json!(79_991_234_567_i64),
        ] {
            assert_eq!(check(&sent, Some("RU")), Ok(stored.clone()), "{sent}");
        }
        assert_eq!(check(&json!([]), None), Ok(json!([])));
        for (sent, path, code) in [
            (json!(["+79991234567", "12345"]), "[1]", Code::InvalidPhone),
            (json!([""]), "[0]", Code::InvalidPhone),
            (json!([true]), "[0]", Code::InvalidType),
            (json!(""), "", Code::InvalidPhone),
            (json!({}), "", Code::InvalidType),
            (json!(-79_991_234_567_i64), "", Code::InvalidType),
        ] {
            let problem = check(&sent, Some("RU")).unwrap_err();
            assert_eq!((problem.path.as_str(), problem.code), (path, code), "{sent}");
        }
    }

    #[test]
    fn a_list_has_an_end() {
        let many = |count: usize| check(&vec!["+79991234567"; count].into(), None);
        assert!(many(MOST).is_ok());
        let problem = many(MOST + 1).unwrap_err();
        assert_eq!(
            (problem.code, problem.text.as_str()),
            (Code::OutOfRange, "1001 phone numbers sent, 1000 allowed")
        );
    }

    #[test]
    fn regions_are_countries() {
        assert!(is_region("RU") && is_region("KZ"));
        assert!(!is_region("ru") && !is_region("XX") && !is_region("001") && !is_region("Россия"));
    }

    proptest! {
        #[test]
        fn a_stored_number_reads_as_itself(text in r"\+?[0-9 ()-]{5,18}", region in prop::sample::select(vec![
            None, Some("RU"), Some("US"), Some("DE"), Some("IT"), Some("BR"), Some("MX"), Some("AR"),
        ])) {
            if let Ok(number) = normalise(&text, region) {
                prop_assert!(number.starts_with('+') && number.len() <= 18, "{}", number);
                prop_assert_eq!(normalise(&number, region), Ok(number));
            }
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = normalise(&text, Some("RU"));
        }
    }
}
