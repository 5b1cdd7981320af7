//! NDJSON: a JSON value a line. Lines without one are skipped.

use serde_json::value::RawValue;

use super::{Item, KEPT};
use crate::wire::without_place;

#[derive(Debug)]
pub(super) struct Lines {
    most_bytes: usize,
    /// Of the line at hand, from 1.
    number: u64,
    /// What is there of it.
    line: Vec<u8>,
    /// It is longer than allowed: the rest is not kept.
    is_long: bool,
}

impl Lines {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { most_bytes, number: 1, line: Vec::new(), is_long: false }
    }

    pub(super) fn feed<E>(
        &mut self,
        mut bytes: &[u8],
        take: &mut impl FnMut(Item) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (piece, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            self.keep(piece);
            if let Some(item) = self.item() {
                take(item)?;
            }
            self.number += 1;
        }
        self.keep(bytes);
        Ok(())
    }

    pub(super) fn finish<E>(mut self, take: &mut impl FnMut(Item) -> Result<(), E>) -> Result<(), E> {
        self.item().map_or(Ok(()), take)
    }

    fn keep(&mut self, piece: &[u8]) {
        // A line of blanks holds nothing, however long it is.
        let piece = if self.line.is_empty() { piece.trim_ascii_start() } else { piece };
        self.is_long |= self.line.len() + piece.len() > self.most_bytes;
        let most = if self.is_long { KEPT } else { self.most_bytes };
        let room = most.saturating_sub(self.line.len()).min(piece.len());
        self.line.extend_from_slice(piece.get(..room).unwrap_or_default());
    }

    /// The record of the line that has ended, if it holds one.
    fn item(&mut self) -> Option<Item> {
        let item = if self.is_long {
            let problem = format!("line {} has more than {} bytes", self.number, self.most_bytes);
            Some(Item::unreadable(&self.line, problem))
        } else {
            read(self.line.trim_ascii(), self.number)
        };
        self.is_long = false;
        self.line.clear();
        // One long line is no reason to hold its memory for all others.
        self.line.shrink_to(KEPT);
        item
    }
}

fn read(line: &[u8], number: u64) -> Option<Item> {
    if line.is_empty() {
        return None;
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => {
            let problem = format!("line {number} is not UTF-8 after its byte {}", error.valid_up_to());
            return Some(Item::unreadable(line, problem));
        }
    };
    Some(match serde_json::from_str::<&RawValue>(text) {
        Ok(record) => Item { record: record.to_owned(), problem: None },
        Err(error) => {
            let (problem, column) = (error.to_string(), error.column());
            let problem = format!("line {number} is no JSON: {} at column {column}", without_place(&problem));
            Item::unreadable(line, problem)
        }
    })
}
