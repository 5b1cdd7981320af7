//! Where in a body something was met, as people count: lines and columns from 1.

use super::Format;
use crate::Refusal;

/// A refusal of `text` because of what is at a byte offset. The column counts characters.
pub(super) fn unreadable(format: Format, text: &str, offset: usize, problem: impl Into<String>) -> Refusal {
    let end = (0..=offset.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let before = text.get(..end).unwrap_or_default();
    let start_of_line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.get(start_of_line..).unwrap_or_default().chars().count() + 1;
    let problem = brief(problem.into());
    Refusal::Unreadable { format: format.name(), problem, line: number(line), column: number(column) }
}

/// The text of a body, which must be UTF-8; a byte order mark is dropped.
pub(super) fn utf8(format: Format, body: &[u8]) -> Result<&str, Refusal> {
    match std::str::from_utf8(body) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let readable = body.get(..error.valid_up_to()).unwrap_or_default();
            let text = std::str::from_utf8(readable).unwrap_or_default();
            Err(unreadable(format, text, text.len(), "not UTF-8"))
        }
    }
}

/// Cuts a problem short that repeats much of the body.
pub(super) fn brief(mut problem: String) -> String {
    const LONGEST: usize = 200;
    if let Some((end, _)) = problem.char_indices().nth(LONGEST) {
        problem.truncate(end);
        problem.push('…');
    }
    problem
}

/// A count as refusals tell it.
pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
