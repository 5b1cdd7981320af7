//! Numbers: integers of 64 bits, and decimals in the form in which the database's `numeric`, and so `jsonb`, gives
//! them back.

use std::str::FromStr;

use serde_json::{Number, Value};

use super::{Problem, text};
use crate::Code;

const INT: &str = "a whole number from -9223372036854775808 to 9223372036854775807";
const FLOAT: &str = "a number such as 100.5";

pub(super) fn check_int(value: &Value) -> Result<Value, Problem> {
    let unfit = |code| Problem::unfit(code, value, INT);
    let text = text::scalar(value).ok_or_else(|| unfit(Code::InvalidType))?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unfit(Code::InvalidType));
    }
    let number = i64::from_str(text).ok().ok_or_else(|| unfit(Code::OutOfRange))?;
    Ok(Value::from(number))
}

pub(super) fn check_float(value: &Value) -> Result<Value, Problem> {
    let unfit = |code| Problem::unfit(code, value, FLOAT);
    let text = text::scalar(value).ok_or_else(|| unfit(Code::InvalidType))?;
    let plain = plain(text).map_err(|fault| match fault {
        Fault::NotANumber => unfit(Code::InvalidType),
        Fault::TooLong => too_long(text),
    })?;
    match f64::from_str(&plain) {
        Ok(float) if float.is_finite() => number(&plain).ok_or_else(|| unfit(Code::InvalidType)),
        _ => Err(Problem::unfit_text(Code::OutOfRange, text, "a number that a 64-bit float can hold")),
    }
}

/// A number of any size inside an object, within what can be stored.
pub(super) fn check_any(any: &Number) -> Result<Value, Problem> {
    plain(any.as_str()).ok().and_then(|plain| number(&plain)).ok_or_else(|| too_long(any.as_str()))
}

fn number(plain: &str) -> Option<Value> {
    Number::from_str(plain).ok().map(Value::Number)
}

fn too_long(text: &str) -> Problem {
    Problem::unfit_text(Code::OutOfRange, text, &format!("a number of at most {LONGEST} digits"))
}

/// Most digits that a number may have once its exponent is written out. Any 64-bit float fits.
const LONGEST: usize = 400;
/// Largest exponent, in either direction, that is looked at.
const LARGEST_EXPONENT: i32 = 1000;

#[derive(Debug, PartialEq, Eq)]
enum Fault {
    NotANumber,
    TooLong,
}

/// Writes a decimal number as the database would give it back: no exponent, no needless leading zero, no minus at zero,
/// and the fraction's trailing zeros kept.
fn plain(text: &str) -> Result<String, Fault> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
        Some(_) => return Err(Fault::NotANumber),
        None => (mantissa, ""),
    };
    if !is_digits(whole) {
        return Err(Fault::NotANumber);
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() + fraction.len() > LONGEST {
        return Err(Fault::TooLong);
    }
    let (whole, fraction) = shifted(whole, fraction, exponent);
    let whole = whole.trim_start_matches('0');
    if whole.len() + fraction.len() > LONGEST {
        return Err(Fault::TooLong);
    }
    let is_zero = whole.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let sign = if negative && !is_zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(format!("{sign}{whole}{point}{fraction}"))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_exponent(text: &str) -> Result<i32, Fault> {
    if !is_digits(text.strip_prefix(['+', '-']).unwrap_or(text)) {
        return Err(Fault::NotANumber);
    }
    match i32::from_str(text) {
        Ok(exponent) if exponent.abs() <= LARGEST_EXPONENT => Ok(exponent),
        _ => Err(Fault::TooLong),
    }
}

/// Moves the decimal point to the right, or to the left for a negative exponent.
fn shifted(whole: &str, fraction: &str, exponent: i32) -> (String, String) {
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(usize::MAX);
    if exponent >= 0 {
        let (moved, rest) = fraction.split_at_checked(places).unwrap_or((fraction, ""));
        (format!("{whole}{moved:0<places$}"), rest.to_owned())
    } else {
        let kept = whole.len().saturating_sub(places);
        let (kept, moved) = whole.split_at_checked(kept).unwrap_or((whole, ""));
        (kept.to_owned(), format!("{moved:0>places$}{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn integers_are_read_from_numbers_and_text() {
        for (value, stored) in [
            (json!(77), 77),
            (json!("77"), 77),
            (json!(" -5 "), -5),
            (json!("007"), 7),
            (sent("-0"), 0),
            (json!(i64::MIN), i64::MIN),
            (json!("9223372036854775807"), i64::MAX),
        ] {
            assert_eq!(check_int(&value), Ok(json!(stored)), "{value}");
        }
    }

    #[test]
    fn other_integers_are_refused() {
        for text in
            [r#""""#, "77.0", "1e3", r#""+5""#, r#""abc""#, r#""1 000""#, r#""-""#, "true", "[1]", r#""٣""#]
        {
            let problem = check_int(&sent(text)).unwrap_err();
            assert_eq!(problem.code, Code::InvalidType, "{text}");
            assert!(problem.text.contains("whole number"), "{}", problem.text);
        }
        for text in ["9223372036854775808", r#""-9223372036854775809""#] {
            assert_eq!(check_int(&sent(text)).unwrap_err().code, Code::OutOfRange, "{text}");
        }
    }

    /// The right-hand sides are what `select '<left>'::jsonb` prints.
    #[test]
    fn numbers_are_written_as_the_database_writes_them() {
        for (left, right) in [
            ("100.5", "100.5"),
            ("1.50", "1.50"),
            ("1e5", "100000"),
            ("1E+5", "100000"),
            ("1.5e-3", "0.0015"),
            ("1.0e2", "100"),
            ("1.23e1", "12.3"),
            ("1.0e-1", "0.10"),
            ("12345e-2", "123.45"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("0e5", "0"),
            ("0e-5", "0.00000"),
            ("0.00e1", "0.0"),
            ("-12e0", "-12"),
            ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
        ] {
            assert_eq!(check_float(&sent(left)).unwrap().to_string(), right, "{left}");
        }
        assert_eq!(check_float(&json!(" 007.50 ")).unwrap().to_string(), "7.50");
    }

    #[test]
    fn the_range_of_floats_is_kept() {
        assert!(check_float(&sent("1.7976931348623157e308")).is_ok());
        assert!(check_float(&sent("5e-324")).is_ok());
        for text in ["1e309", "-1e400", "1e-500", "1e1001", "0e99999999999999999999", &"9".repeat(401)] {
            assert_eq!(check_float(&sent(text)).unwrap_err().code, Code::OutOfRange, "{text}");
        }
    }

    #[test]
    fn other_floats_are_refused() {
        for text in ["", ".5", "5.", "+1", "1,5", "NaN", "inf", "0x10", "1e", "1e+", "--1", "1e5.5"] {
            assert_eq!(check_float(&json!(text)).unwrap_err().code, Code::InvalidType, "{text}");
        }
        assert_eq!(check_float(&json!(true)).unwrap_err().code, Code::InvalidType);
    }
}
