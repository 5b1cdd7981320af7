//! Bodies as expected, by their format.

mod json;
mod xml;

use super::pattern;
use super::sequence::{self, Item, aligned};
use crate::Answer;

/// Says where a body differs from the expected one.
pub(super) fn compare(expected: &str, answer: &Answer) -> Result<(), String> {
    let content_type = answer.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    match media_type {
        "application/json" => json::compare(expected, &answer.text),
        "application/xml" => xml::compare(expected, &answer.text),
        "application/x-ndjson" => records(expected, &answer.text),
        _ => lines(expected, &answer.text, pattern::fits),
    }
}

fn records(expected: &str, actual: &str) -> Result<(), String> {
    for line in sequence::of(expected) {
        if let Item::One(line) = line {
            json::pattern(line)?;
        }
    }
    lines(expected, actual, |expected, actual| json::compare(expected, actual).is_ok())
}

fn lines(expected: &str, actual: &str, fits: impl Fn(&str, &str) -> bool) -> Result<(), String> {
    let actual: Vec<&str> = actual.trim_end().lines().collect();
    let fits = |expected: &&str, actual: &&str| fits(expected, actual);
    if aligned(&sequence::of(expected), &actual, &fits) {
        Ok(())
    } else {
        Err("the lines are other ones".to_owned())
    }
}
