//! The records of an XML body: each `data` element becomes JSON text as soon as it ends.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::read::Problem;
use super::tree::{Content, Tree};
use crate::Refusal;
use crate::wire::position::number;

/// What a `data` element says that only counts when it is the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alone {
    Record,
    NoRecords,
    Null,
    NoArray,
}

/// The records read so far.
pub(super) struct Records<'a> {
    tree: Tree<'a>,
    limit: usize,
    count: usize,
    kept: Vec<Cow<'a, RawValue>>,
    alone: Alone,
}

impl<'a> Records<'a> {
    pub(super) fn new(limit: usize) -> Self {
        Self { tree: Tree::default(), limit, count: 0, kept: Vec::new(), alone: Alone::Record }
    }

    /// The elements of the record at hand.
    pub(super) fn tree(&mut self) -> &mut Tree<'a> {
        &mut self.tree
    }

    /// Keeps the record at hand, if it is within the limit; counts it anyway.
    pub(super) fn close_record(&mut self) -> Result<(), Problem> {
        self.count += 1;
        let Some(root) = self.tree.root() else { return Ok(()) };
        let is_blank = match &root.content {
            Content::Empty => true,
            Content::Text(text) => text.trim().is_empty(),
            Content::Elements | Content::Null | Content::EmptyObject => false,
        };
        self.alone = match (root.array, &root.content) {
            (Some(true), Content::Empty) => Alone::NoRecords,
            (None | Some(false), Content::Null) => Alone::Null,
            (Some(false), _) => Alone::NoArray,
            _ => Alone::Record,
        };
        if self.count <= self.limit {
            let json = if is_blank { "{}".to_owned() } else { self.tree.to_json() };
            let record = RawValue::from_string(json).map_err(|error| error.to_string())?;
            self.kept.push(Cow::Owned(record));
        }
        Ok(())
    }

    /// All of them; `None` when there is no `data`.
    pub(super) fn finish(self) -> Result<Option<Vec<Cow<'a, RawValue>>>, Refusal> {
        if self.count > self.limit {
            let (sent, limit) = (number(self.count), number(self.limit));
            return Err(Refusal::TooLarge { what: "records", sent, limit });
        }
        let refused =
            |kind| Err(Refusal::parameter("data", format!("must be an array of records, got {kind}")));
        match (self.count, self.alone) {
            (0, _) => Ok(None),
            (1, Alone::NoRecords) => Ok(Some(Vec::new())),
            (1, Alone::Null) => refused("null"),
            (1, Alone::NoArray) => refused("an object"),
            _ => Ok(Some(self.kept)),
        }
    }
}
