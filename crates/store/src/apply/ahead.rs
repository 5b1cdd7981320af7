//! Records of the next chunk, read while one is applied: what applies it waits for the database most of the time.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use intake_types::Drafts;
use intake_types::catalog::Catalog;

use super::chunk::Chunk;

/// Of one import, what was read ahead, if anything.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Mutex<Option<Box<ReadAhead>>>);

#[derive(Debug)]
struct ReadAhead {
    range: Range<u32>,
    catalog: Arc<Catalog>,
    drafts: Drafts,
}

impl ReadAhead {
    fn is_of(&self, chunk: &Chunk<'_>) -> bool {
        self.range == chunk.range && Arc::ptr_eq(&self.catalog, chunk.catalog)
    }
}

impl Ahead {
    /// The records of this chunk, if they were read ahead, by the same catalogue. What is not to come any more is dropped.
    pub(super) fn take(&self, chunk: &Chunk<'_>) -> Option<Drafts> {
        let read = self.lock().take_if(|read| read.range.start <= chunk.range.start)?;
        if !read.is_of(chunk) {
            return None;
        }
        tracing::debug!(chunk.first_index = read.range.start, "the records were read ahead");
        Some(read.drafts)
    }

    pub(super) fn holds(&self, chunk: &Chunk<'_>) -> bool {
        self.lock().as_ref().is_some_and(|read| read.is_of(chunk))
    }

    pub(super) fn put(&self, chunk: &Chunk<'_>, drafts: Drafts) {
        let (range, catalog) = (chunk.range.clone(), Arc::clone(chunk.catalog));
        *self.lock() = Some(Box::new(ReadAhead { range, catalog, drafts }));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<ReadAhead>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies a chunk, and meanwhile reads the records of the next one, if it is known and they are not read yet. Whoever waits for
/// the one waits for the other.
pub(super) fn while_reading_next<T>(chunk: &Chunk<'_>, apply: impl FnOnce() -> T) -> T {
    let ahead = &chunk.import.ahead;
    let Some(next) = chunk.next().filter(|next| !ahead.holds(next)) else { return apply() };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("read ahead".to_owned());
        let reading = thread.spawn_scoped(scope, || next.read(&[]));
        let applied = apply();
        // Where there is no thread to be had, it is read later; and what panics over a record does so again then.
        if let Some(drafts) = reading.ok().and_then(|reading| reading.join().ok()) {
            ahead.put(&next, drafts);
        }
        applied
    })
}
