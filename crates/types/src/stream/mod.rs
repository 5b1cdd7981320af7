//! Records out of a body that is never held whole: the lines of NDJSON, the rows of CSV.
//!
//! Beside the first stages of the flow, for streams: `bytes -> records -> Message`. Text is handed in piece by piece,
//! wherever it happens to be divided; a record is handed on as soon as its end is seen. What cannot be read as one fails as
//! one: its place is taken by its text, with what is wrong.

mod lines;
mod rows;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};

use crate::Refusal;
use crate::catalog::Database;

/// The languages that streams are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// `application/x-ndjson`: a record a line.
    Ndjson,
    /// `text/csv`: the first row names the fields, each further one is a record.
    Csv,
}

/// One record of a stream.
#[derive(Debug)]
pub struct Item {
    /// Its JSON text; of one that cannot be read what was sent, as a JSON string.
    pub record: Box<RawValue>,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

/// What is kept of a text that is no record, in bytes.
const KEPT: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Item {
    fn unreadable(sent: &[u8], problem: String) -> Self {
        let kept = sent.get(..KEPT).unwrap_or(sent);
        let record =
            to_raw_value(&String::from_utf8_lossy(kept)).unwrap_or_else(|_never| RawValue::NULL.to_owned());
        Self { record, problem: Some(problem) }
    }
}

/// Makes records of text.
#[derive(Debug)]
pub struct Splitter<'c> {
    /// How much of a byte order mark was seen; `None` once that does not matter any more.
    mark: Option<usize>,
    text: Text<'c>,
    empty: bool,
}

#[derive(Debug)]
enum Text<'c> {
    Lines(lines::Lines),
    Rows(Box<rows::Rows<'c>>),
}

impl<'c> Splitter<'c> {
    /// A splitter of records for `database`, each of at most `most_bytes` of text.
    pub fn new(format: StreamFormat, database: &'c Database, most_bytes: usize) -> Self {
        let text = match format {
            StreamFormat::Ndjson => Text::Lines(lines::Lines::new(most_bytes)),
            StreamFormat::Csv => Text::Rows(Box::new(rows::Rows::new(database, most_bytes))),
        };
        Self { mark: Some(0), text, empty: true }
    }

    /// Takes some more text; `take` gets each record that ends in it.
    ///
    /// # Errors
    /// What `take` fails with; a header row that will not do.
    pub fn feed<E: From<Refusal>>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = self.after_mark(bytes);
        self.pass(&bytes, &mut take)
    }

    /// Takes the end of the text.
    ///
    /// # Errors
    /// As [`Self::feed`]; and when there was no record.
    pub fn finish<E: From<Refusal>>(mut self, mut take: impl FnMut(Item) -> Result<(), E>) -> Result<(), E> {
        let half = self.mark.take().and_then(|seen| BYTE_ORDER_MARK.get(..seen)).unwrap_or_default();
        self.pass(half, &mut take)?;
        let mut empty = self.empty;
        let mut take = |item| {
            empty = false;
            take(item)
        };
        match self.text {
            Text::Lines(lines) => lines.finish(&mut take)?,
            Text::Rows(rows) => rows.finish(&mut take)?,
        }
        if empty {
            return Err(Refusal::parameter("data", "the body holds no record; at least one is needed").into());
        }
        Ok(())
    }

    fn pass<E: From<Refusal>>(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let empty = &mut self.empty;
        let mut take = |item| {
            *empty = false;
            take(item)
        };
        match &mut self.text {
            Text::Lines(lines) => lines.feed(bytes, &mut take),
            Text::Rows(rows) => rows.feed(bytes, &mut take),
        }
    }

    /// Leaves out a byte order mark, which may come in pieces.
    fn after_mark<'b>(&mut self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(seen) = self.mark else { return Cow::Borrowed(bytes) };
        let missing = BYTE_ORDER_MARK.get(seen..).unwrap_or_default();
        if let Some(rest) = bytes.strip_prefix(missing) {
            self.mark = None;
            return Cow::Borrowed(rest);
        }
        if missing.starts_with(bytes) {
            self.mark = Some(seen + bytes.len());
            return Cow::Borrowed(&[]);
        }
        self.mark = None;
        let half = BYTE_ORDER_MARK.get(..seen).unwrap_or_default();
        if half.is_empty() { Cow::Borrowed(bytes) } else { Cow::Owned([half, bytes].concat()) }
    }
}
