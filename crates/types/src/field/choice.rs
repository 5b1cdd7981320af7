//! Values chosen from a list: booleans, enums, sex, status, time zones. Stored as the word, however they were sent.

use std::str::FromStr;

use chrono_tz::Tz;
use serde_json::Value;

use super::{Problem, problem, text};
use crate::{Code, SubscriptionStatus};

pub(super) const SEXES: [&str; 2] = ["male", "female"];

pub(super) fn check_bool(value: &Value) -> Result<Value, Problem> {
    match (value, text::scalar(value)) {
        (Value::Bool(_), _) => Ok(value.clone()),
        (_, Some("true" | "1")) => Ok(Value::Bool(true)),
        (_, Some("false" | "0")) => Ok(Value::Bool(false)),
        _ => Err(Problem::unfit(Code::InvalidType, value, "true or false (or 1 or 0)")),
    }
}

/// A word of the list wins over an ordinal that looks the same, so that a stored word always means itself.
pub(super) fn check_enum(value: &Value, words: &[String]) -> Result<Value, Problem> {
    let expected = |code| {
        let list = problem::listed(words);
        Problem::unfit(code, value, &format!("one of {list}, or a number from 1 to {},", words.len()))
    };
    let text = text::scalar(value).ok_or_else(|| expected(Code::InvalidType))?;
    let by_ordinal = || {
        let is_ordinal = text.bytes().all(|byte| byte.is_ascii_digit());
        let ordinal = is_ordinal.then(|| text.parse::<usize>().ok()).flatten()?;
        words.get(ordinal.checked_sub(1)?)
    };
    let word = words.iter().find(|word| *word == text).or_else(by_ordinal);
    word.map(|word| Value::from(word.as_str())).ok_or_else(|| expected(Code::InvalidEnum))
}

/// 0 means that it is not known: the answer is null, which clears the field.
pub(super) fn check_sex(value: &Value) -> Result<Value, Problem> {
    let [male, female] = SEXES;
    let expected = |code| Problem::unfit(code, value, "male or female, or 1 or 2 (0 for unset),");
    match text::scalar(value).ok_or_else(|| expected(Code::InvalidType))? {
        "0" => Ok(Value::Null),
        "1" => Ok(Value::from(male)),
        "2" => Ok(Value::from(female)),
        text if SEXES.contains(&text) => Ok(Value::from(text)),
        _ => Err(expected(Code::InvalidEnum)),
    }
}

pub(super) fn check_status(value: &Value) -> Result<Value, Problem> {
    let expected = |code| {
        let words = problem::listed(SubscriptionStatus::ALL.map(SubscriptionStatus::word));
        Problem::unfit(code, value, &format!("one of {words}, or a number from 0 to 6,"))
    };
    let text = text::scalar(value).ok_or_else(|| expected(Code::InvalidType))?;
    let status = SubscriptionStatus::parse(text).ok_or_else(|| expected(Code::InvalidEnum))?;
    Ok(Value::from(status.word()))
}

pub(super) fn check_time_zone(value: &Value) -> Result<Value, Problem> {
    let expected = |code| Problem::unfit(code, value, "an IANA time zone such as Europe/Moscow");
    let Value::String(text) = value else {
        return Err(expected(Code::InvalidType));
    };
    let zone = Tz::from_str(text.trim()).ok().ok_or_else(|| expected(Code::InvalidEnum))?;
    Ok(Value::from(zone.name()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_have_three_spellings() {
        for value in [json!(true), json!("true"), json!(1), json!("1"), json!(" true ")] {
            assert_eq!(check_bool(&value), Ok(json!(true)));
        }
        for value in [json!(false), json!("false"), json!(0), json!("0")] {
            assert_eq!(check_bool(&value), Ok(json!(false)));
        }
        for value in [json!(""), json!("yes"), json!(2), json!(1.0), json!("TRUE"), json!([])] {
            assert_eq!(check_bool(&value).unwrap_err().code, Code::InvalidType, "{value}");
        }
    }

    #[test]
    fn enums_take_words_and_ordinals() {
        let words = ["free", "pro", "3", "1"].map(str::to_owned);
        for (sent, stored) in [
            (json!("free"), "free"),
            (json!(" pro "), "pro"),
            (json!(2), "pro"),
            (json!("2"), "pro"),
            (json!(4), "1"),
            (json!(1), "1"),
            (json!("3"), "3"),
        ] {
            assert_eq!(check_enum(&sent, &words), Ok(json!(stored)), "{sent}");
        }
        for value in [
            json!(""),
            json!("Free"),
            json!(0),
            json!(5),
            json!(-1),
            json!(2.0),
            json!("99999999999999999999"),
        ] {
            let problem = check_enum(&value, &words).unwrap_err();
            assert_eq!(problem.code, Code::InvalidEnum, "{value}");
            assert!(problem.text.contains("free, pro, 3, 1"), "{}", problem.text);
        }
        assert_eq!(check_enum(&json!(true), &words).unwrap_err().code, Code::InvalidType);
    }

    #[test]
    fn sex_is_a_word_or_the_vendors_number() {
        for (sent, stored) in [
            (json!("male"), json!("male")),
            (json!("female"), json!("female")),
            (json!(1), json!("male")),
            (json!("2"), json!("female")),
            (json!(0), Value::Null),
            (json!("0"), Value::Null),
        ] {
            assert_eq!(check_sex(&sent), Ok(stored));
        }
        for value in [json!(""), json!("Male"), json!(3), json!(-1)] {
            assert_eq!(check_sex(&value).unwrap_err().code, Code::InvalidEnum);
        }
        assert_eq!(check_sex(&json!(true)).unwrap_err().code, Code::InvalidType);
    }

    #[test]
    fn status_is_a_word_or_a_number() {
        assert_eq!(check_status(&json!(0)), Ok(json!("subscribed")));
        assert_eq!(check_status(&json!("6")), Ok(json!("invalid")));
        assert_eq!(check_status(&json!("hardbounced")), Ok(json!("hardbounced")));
        for value in [json!(""), json!(7), json!(-1), json!("gone")] {
            assert_eq!(check_status(&value).unwrap_err().code, Code::InvalidEnum);
        }
        assert_eq!(check_status(&json!([0])).unwrap_err().code, Code::InvalidType);
    }

    #[test]
    fn time_zones_are_iana_names() {
        assert_eq!(check_time_zone(&json!(" Europe/Moscow ")), Ok(json!("Europe/Moscow")));
        assert_eq!(check_time_zone(&json!("UTC")), Ok(json!("UTC")));
        for text in ["", "europe/moscow", "Moscow", "+03:00"] {
            assert_eq!(check_time_zone(&json!(text)).unwrap_err().code, Code::InvalidEnum, "{text}");
        }
        assert_eq!(check_time_zone(&json!(3)).unwrap_err().code, Code::InvalidType);
    }
}
