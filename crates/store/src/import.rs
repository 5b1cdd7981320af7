//! One accepted request as the worker holds it while it applies it chunk by chunk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use intake_types::plan::Overlay;
use intake_types::{Atlas, Header, PartV1, V1};
use serde_json::value::RawValue;

use crate::apply::Ahead;

/// A message taken apart from the bytes that it came in, so that chunks of it can go to other threads.
#[derive(Debug)]
pub struct Import {
    /// How to apply the records; its total is that of the job.
    pub header: Header,
    /// The position in the job of the first record here.
    pub first_index: u32,
    /// The records, as JSON text: all of the job, or those of one part of a stream.
    pub records: Vec<Box<RawValue>>,
    /// What is wrong with those that were no JSON, by position in the job.
    pub unreadable: BTreeMap<u32, String>,
    /// Knows where addresses are, if anybody does: one for all chunks.
    pub atlas: Option<Arc<dyn Atlas>>,
    /// Of a dry run: what chunks foretold so far. One for all chunks of a job, and a new one for each delivery.
    pub overlay: Arc<Mutex<Overlay>>,
    /// Whether the last chunk wanted to claim values that others carry: the one after it most likely does too.
    pub meets_others: AtomicBool,
    /// The records of the chunk that is expected next, if they were read already.
    pub(crate) ahead: Ahead,
}

impl Import {
    pub(crate) fn new(
        header: Header,
        first_index: u32,
        records: Vec<Box<RawValue>>,
        unreadable: BTreeMap<u32, String>,
        overlay: Arc<Mutex<Overlay>>,
    ) -> Self {
        let (meets_others, ahead) = (AtomicBool::new(false), Ahead::default());
        Self { header, first_index, records, unreadable, atlas: None, overlay, meets_others, ahead }
    }

    /// A part of the streamed job of this header; `overlay` is the same for all parts of the job.
    pub fn of_part(header: Header, part: PartV1<'_>, overlay: Arc<Mutex<Overlay>>) -> Self {
        let PartV1 { first_index, records, unreadable, .. } = part;
        Self::new(header, first_index, owned(records), unreadable, overlay)
    }

    /// The position after that of the last record here.
    pub fn end(&self) -> u32 {
        self.first_index.saturating_add(u32::try_from(self.records.len()).unwrap_or(u32::MAX))
    }

    /// Whether both are whole, write what they say, and look for profiles in the same places of the same database, so that
    /// they can be applied together.
    pub fn is_like(&self, other: &Self) -> bool {
        let places = |import: &Self| import.header.rule.places(import.header.resource_id);
        let is_plain = |import: &Self| {
            !import.header.validate_only && import.first_index == 0 && import.end() == import.header.total
        };
        let is_same = self.header.db_id == other.header.db_id && places(self) == places(other);
        is_same && is_plain(self) && is_plain(other)
    }

    /// The JSON text of one record; empty where it is not here.
    pub fn text(&self, index: u32) -> &str {
        let offset = index.checked_sub(self.first_index).and_then(|offset| usize::try_from(offset).ok());
        offset.and_then(|offset| self.records.get(offset)).map_or("", |record| record.get())
    }

    /// The records of a range of positions in the job; those that are not here are left out.
    pub(crate) fn slice(&self, range: &Range<u32>) -> Vec<&RawValue> {
        let offset =
            range.start.checked_sub(self.first_index).and_then(|offset| usize::try_from(offset).ok());
        let Some(offset) = offset else { return Vec::new() };
        self.records.iter().skip(offset).take(range.len()).map(AsRef::as_ref).collect()
    }
}

impl From<V1<'_>> for Import {
    fn from(V1 { header, records }: V1<'_>) -> Self {
        let overlay = Arc::new(Mutex::new(Overlay::new(0)));
        Self::new(header, 0, owned(records), BTreeMap::new(), overlay)
    }
}

fn owned(records: Vec<Cow<'_, RawValue>>) -> Vec<Box<RawValue>> {
    records.into_iter().map(Cow::into_owned).collect()
}
