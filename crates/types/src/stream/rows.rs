//! CSV (RFC 4180): the header row names the fields, each further row is a record. A cell is text, typed by the schema as
//! the text of XML is; an empty one is not sent; one that holds JSON is that, in a column whose field takes it.

use std::fmt::Write as _;

use csv_core::{ReadRecordResult, Reader};
use serde_json::value::RawValue;

use super::{Item, KEPT};
use crate::catalog::Database;
use crate::envelope::shortened;
use crate::{FieldType, Refusal};

/// Columns that a header row may have.
const MOST_COLUMNS: usize = 10_000;
/// Bytes that a row is given before it shows how long it is.
const FIRST_ROOM: usize = 1024;

/// One column.
#[derive(Debug)]
struct Column {
    name: String,
    /// The name as the member of a JSON object.
    member: String,
    /// Its field takes arrays or objects.
    takes_json: bool,
}

#[derive(Debug)]
pub(super) struct Rows<'c> {
    database: &'c Database,
    most_bytes: usize,
    reader: Reader,
    columns: Vec<Column>,
    /// The row at hand: its cells one after the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of `text` is filled, and how many cells there are, kept or not.
    filled: usize,
    cells: usize,
    is_long: bool,
    /// The row as it was sent, the beginning of a long one; with the ends of lines before it.
    sent: Vec<u8>,
    /// Lines that ended before the row at hand, and in it.
    lines: u64,
    inside: u64,
}

impl<'c> Rows<'c> {
    pub(super) fn new(database: &'c Database, most_bytes: usize) -> Self {
        let mut reader = Reader::new();
        // Before its first byte it would leave out a byte order mark, which has been left out already; an empty line is none.
        let _begun = reader.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            database,
            most_bytes,
            reader,
            columns: Vec::new(),
            text: vec![0; most_bytes.min(FIRST_ROOM)],
            ends: vec![0; 64],
            filled: 0,
            cells: 0,
            is_long: false,
            sent: Vec::new(),
            lines: 0,
            inside: 0,
        }
    }

    pub(super) fn feed<E: From<Refusal>>(
        &mut self,
        mut bytes: &[u8],
        take: &mut impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(rest) = self.read(bytes) {
            bytes = rest;
            self.end_row(None, take)?;
        }
        Ok(())
    }

    pub(super) fn finish<E: From<Refusal>>(
        mut self,
        take: &mut impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.is_long && self.sent.iter().all(|byte| is_line_end(*byte)) {
            return Ok(());
        }
        // The end of a line ends a row, but not inside quotes.
        let ended = self.read(b"\n").is_some();
        let problem = (!ended).then_some("has a quote that nothing closes");
        self.end_row(problem, take)
    }

    /// Reads on; the rest after the end of a row, or `None` when there is no end of one.
    fn read<'b>(&mut self, mut bytes: &'b [u8]) -> Option<&'b [u8]> {
        // To the reader no bytes at all are the end of the text.
        while !bytes.is_empty() {
            if self.cells >= self.ends.len() {
                self.ends.resize((self.ends.len() * 2).min(MOST_COLUMNS + 1), 0);
            }
            let text = self.text.get_mut(self.filled..).unwrap_or_default();
            // Of more cells than the header row may have the last place is written over.
            let from = self.cells.min(self.ends.len().saturating_sub(1));
            let ends = self.ends.get_mut(from..).unwrap_or_default();
            let (result, read, written, ended) = self.reader.read_record(bytes, text, ends);
            self.keep(bytes.get(..read).unwrap_or_default());
            bytes = bytes.get(read..).unwrap_or_default();
            self.filled += written;
            self.cells += ended;
            match result {
                ReadRecordResult::InputEmpty => return None,
                ReadRecordResult::OutputFull => self.make_room(),
                ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::Record | ReadRecordResult::End => return Some(bytes),
            }
        }
        None
    }

    fn keep(&mut self, read: &[u8]) {
        let room = KEPT.saturating_sub(self.sent.len()).min(read.len());
        self.sent.extend_from_slice(read.get(..room).unwrap_or_default());
        self.inside += read.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
    }

    fn make_room(&mut self) {
        if self.text.len() < self.most_bytes {
            self.text.resize((self.text.len() * 2).min(self.most_bytes), 0);
        } else {
            // What there is of it will not be looked at.
            self.is_long = true;
            self.filled = 0;
        }
    }

    /// Hands on the row that has ended, or takes it for the header row, and makes ready for the next.
    fn end_row<E: From<Refusal>>(
        &mut self,
        problem: Option<&str>,
        take: &mut impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.sent.iter().take_while(|byte| is_line_end(**byte)).filter(|byte| **byte == b'\n');
        let line = self.lines + u64::try_from(before.count()).unwrap_or_default() + 1;
        let long = || format!("has more than {} bytes", self.most_bytes);
        let problem = problem.map(str::to_owned).or_else(|| self.is_long.then(long));
        if self.columns.is_empty() {
            if let Some(problem) = problem {
                return Err(Refusal::parameter("header row", problem).into());
            }
            self.columns = self.header()?;
        } else {
            let record = problem.map_or_else(|| self.record(), Err);
            take(record.map_or_else(
                |problem| {
                    let sent = self.sent.trim_ascii();
                    Item::unreadable(sent, format!("the row at line {line} {problem}"))
                },
                |record| Item { record, problem: None },
            ))?;
        }
        self.lines += self.inside;
        (self.inside, self.filled, self.cells, self.is_long) = (0, 0, 0, false);
        self.sent.clear();
        if self.text.len() > KEPT {
            self.text = vec![0; self.most_bytes.min(FIRST_ROOM)];
        }
        Ok(())
    }

    fn cell(&self, number: usize) -> &[u8] {
        let start =
            number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.ends.get(number).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }

    fn header(&self) -> Result<Vec<Column>, Refusal> {
        let wrong = |problem: String| Refusal::parameter("header row", problem);
        if self.cells > MOST_COLUMNS {
            return Err(wrong(format!("{} columns sent, {MOST_COLUMNS} allowed", self.cells)));
        }
        let mut columns: Vec<Column> = Vec::with_capacity(self.cells);
        let mut names = std::collections::BTreeSet::new();
        for number in 0..self.cells {
            let name = std::str::from_utf8(self.cell(number)).map(str::trim);
            let name =
                name.map_err(|_error| wrong(format!("the name of column {} is not UTF-8", number + 1)))?;
            if name.is_empty() {
                return Err(wrong(format!("column {} has no name", number + 1)));
            }
            if !names.insert(name.to_owned()) {
                return Err(wrong(format!("the column `{}` is there more than once", shortened(name))));
            }
            let member = serde_json::Value::from(name).to_string();
            columns.push(Column { name: name.to_owned(), member, takes_json: self.takes_json(name) });
        }
        if let [only] = columns.as_slice()
            && only.name.contains([';', '\t'])
        {
            let problem = format!("one column, `{}`: cells must be parted by commas", shortened(&only.name));
            return Err(wrong(problem));
        }
        Ok(columns)
    }

    /// Whether a column is of a field that takes arrays or objects.
    fn takes_json(&self, name: &str) -> bool {
        let field = self.database.field(name);
        name == "subscriptions"
            || field.is_some_and(|field| match field.field_type {
                FieldType::Tags | FieldType::Object | FieldType::ArrObject | FieldType::Phones => true,
                FieldType::Int
                | FieldType::Float
                | FieldType::String
                | FieldType::Date
                | FieldType::Bool
                | FieldType::Enum(_)
                | FieldType::Ip
                | FieldType::Email
                | FieldType::Sex
                | FieldType::Status
                | FieldType::TimeZone => false,
            })
    }

    /// The row as a record, or what is wrong with it.
    fn record(&self) -> Result<Box<RawValue>, String> {
        if self.cells != self.columns.len() {
            let (cells, columns) = (self.cells, self.columns.len());
            return Err(format!("does not fit the header row (cells: {cells}, columns: {columns})"));
        }
        let mut text = String::from("{");
        for (number, column) in self.columns.iter().enumerate() {
            let cell = std::str::from_utf8(self.cell(number))
                .map_err(|_error| format!("is not UTF-8 in the column `{}`", shortened(&column.name)))?;
            if cell.is_empty() {
                continue;
            }
            let comma = if text.len() > 1 { "," } else { "" };
            let written = match column.json(cell) {
                Some(json) => write!(text, "{comma}{}:{json}", column.member),
                None => write!(text, "{comma}{}:{}", column.member, serde_json::Value::from(cell)),
            };
            if written.is_err() || text.len() > self.most_bytes {
                return Err(format!("makes a record of more than {} bytes", self.most_bytes));
            }
        }
        text.push('}');
        RawValue::from_string(text).map_err(|error| format!("cannot be written as JSON: {error}"))
    }
}

impl Column {
    /// The JSON that a cell holds, where the field takes it.
    fn json<'t>(&self, cell: &'t str) -> Option<&'t str> {
        let is_json = self.takes_json && cell.trim_start().starts_with(['[', '{']);
        is_json.then(|| serde_json::from_str::<&RawValue>(cell).ok()).flatten().map(RawValue::get)
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
