//! One accepted request as the worker holds it while it applies it chunk by chunk.

use std::ops::Range;
use std::sync::Arc;

use intake_types::{Atlas, Header, Message};
use serde_json::value::RawValue;

/// A message taken apart from the bytes that it came in, so that chunks of it can go to other threads.
#[derive(Debug)]
pub struct Import {
    /// How to apply the records.
    pub header: Header,
    /// The records, as JSON text; as many as `header.total`.
    pub records: Vec<Box<RawValue>>,
    /// Knows where addresses are, if anybody does: one for all chunks.
    pub atlas: Option<Arc<dyn Atlas>>,
}

impl Import {
    /// The JSON text of one record; empty where there is none.
    pub fn text(&self, index: u32) -> &str {
        let record = usize::try_from(index).ok().and_then(|index| self.records.get(index));
        record.map_or("", |record| record.get())
    }

    /// The records of a range of indices; those beyond the end are left out.
    pub(crate) fn slice(&self, range: &Range<u32>) -> Vec<&RawValue> {
        let Ok(start) = usize::try_from(range.start) else { return Vec::new() };
        self.records.iter().skip(start).take(range.len()).map(AsRef::as_ref).collect()
    }
}

impl From<Message<'_>> for Import {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::V1(content) => Self {
                header: content.header,
                records: content.records.into_iter().map(std::borrow::Cow::into_owned).collect(),
                atlas: None,
            },
        }
    }
}
