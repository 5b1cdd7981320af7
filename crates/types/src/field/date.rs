//! Dates: a calendar day, or an RFC 3339 time (the seconds may be missing, as the vendor writes it). Stored as sent.

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, Utc};
use serde_json::Value;

use super::Problem;
use crate::Code;

const ALLOWED: &str = "YYYY-MM-DD or an RFC 3339 time such as 2001-12-31T23:59:59+03:00";

pub(super) fn check(value: &Value) -> Result<Value, Problem> {
    let Value::String(text) = value else {
        return Err(Problem::unfit(Code::InvalidType, value, ALLOWED));
    };
    let text = text.trim();
    if day(text).is_none() && time(text).is_none() {
        return Err(Problem::unfit(Code::InvalidDate, value, ALLOWED));
    }
    Ok(Value::String(text.to_owned()))
}

/// The text by which a stored date is found: the day, or the moment in UTC.
pub(super) fn key_text(stored: &str) -> Option<String> {
    if day(stored).is_some() {
        return Some(stored.to_owned());
    }
    time(stored).map(|time| time.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn day(text: &str) -> Option<NaiveDate> {
    let is_shaped = text.len() == "YYYY-MM-DD".len()
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_shaped.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

fn time(text: &str) -> Option<DateTime<FixedOffset>> {
    if !text.is_ascii() {
        return None;
    }
    let (minutes, rest) = text.split_at_checked("YYYY-MM-DDTHH:MM".len())?;
    if rest.starts_with(['Z', 'z', '+', '-']) {
        return DateTime::parse_from_rfc3339(&format!("{minutes}:00{rest}")).ok();
    }
    DateTime::parse_from_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn days_and_times_are_stored_as_sent() {
        for text in [
            "2001-12-31",
            "2024-02-29",
            "2001-12-31T00:00+03:00",
            "2024-05-27T12:00Z",
            "2024-05-27T12:00:00Z",
            "2024-05-27T12:00:00.123456-11:30",
        ] {
            assert_eq!(check(&json!(text)), Ok(json!(text)));
        }
        assert_eq!(check(&json!(" 2001-12-31 ")), Ok(json!("2001-12-31")));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2001-02-29",
            "2001-13-01",
            "0000-00-00",
            "2001-1-1",
            "+2001-01-01",
            "31.12.2001",
            "2001-12-31T25:00:00Z",
            "2001-12-31T12:00:00",
            "2001-12-31T12:00",
            "2001-12-31T12:00:00−03:00",
            "yesterday",
            "я".repeat(9).as_str(),
        ] {
            assert_eq!(check(&json!(text)).unwrap_err().code, Code::InvalidDate, "{text}");
        }
        assert_eq!(check(&json!(1_700_000_000)).unwrap_err().code, Code::InvalidType);
    }

    #[test]
    fn one_moment_has_one_key() {
        let key = key_text("2001-12-31T00:00+03:00");
        assert_eq!(key.as_deref(), Some("2001-12-30T21:00:00Z"));
        assert_eq!(key_text("2001-12-30T21:00:00.000Z"), key);
        assert_eq!(key_text("2001-12-31").as_deref(), Some("2001-12-31"));
        assert_eq!(key_text("x"), None);
    }
}
