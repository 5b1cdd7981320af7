//! Records of the next chunk, read while one is applied: what applies it waits for the database most of the time. Only where no
//! other import is being applied, which would use that time, too.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use intake_types::Drafts;
use intake_types::catalog::Catalog;

use super::chunk::Chunk;

/// Records from which on it pays to have another thread read them.
const PAYS_FROM: usize = 100;

/// Most bytes of text that are read ahead.
const MOST_BYTES: usize = 1 << 20;

/// Of one import, what was read ahead, if anything.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    read: Mutex<Option<Box<ReadAhead>>>,
    /// Since its first chunk was applied, until the import is dropped.
    turn: OnceLock<Turn>,
}

#[derive(Debug)]
struct ReadAhead {
    range: Range<u32>,
    catalog: Arc<Catalog>,
    drafts: Drafts,
}

impl Ahead {
    /// Whether no other import is being applied; from now on this one is.
    pub(super) fn is_alone(&self, at_work: &Arc<AtWork>) -> bool {
        self.turn.get_or_init(|| at_work.begin()).is_alone()
    }

    /// The records of this chunk, if it is that which was read ahead, by the same catalogue.
    pub(super) fn take(&self, chunk: &Chunk<'_>) -> Option<Drafts> {
        let read = self.lock().take()?;
        (read.range == chunk.range && Arc::ptr_eq(&read.catalog, chunk.catalog)).then_some(read.drafts)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<ReadAhead>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies a chunk; meanwhile the records of the next one are read, if they are to be and it pays.
pub(super) fn beside<T>(chunk: &Chunk<'_>, apply: impl FnOnce() -> T) -> T {
    let next = chunk.next();
    if !chunk.reads_ahead || !pays(&next) {
        return apply();
    }
    thread::scope(|scope| {
        let reader = thread::Builder::new().name("read ahead".to_owned());
        let reader = reader.spawn_scoped(scope, || next.read(&[]));
        let applied = apply();
        // Where there is no thread to be had, it is read later; and what panics over a record does so again then.
        if let Some(drafts) = reader.ok().and_then(|reader| reader.join().ok()) {
            let (range, catalog) = (next.range.clone(), Arc::clone(next.catalog));
            *next.import.ahead.lock() = Some(Box::new(ReadAhead { range, catalog, drafts }));
        }
        applied
    })
}

fn pays(chunk: &Chunk<'_>) -> bool {
    let bytes: usize = chunk.records().iter().map(|record| record.get().len()).sum();
    chunk.range.len() >= PAYS_FROM && bytes <= MOST_BYTES
}

/// How many imports this process is applying, but for those that are applied together.
#[derive(Debug, Default)]
pub(crate) struct AtWork(AtomicUsize);

/// One of them, until it is dropped.
#[derive(Debug)]
struct Turn(Arc<AtWork>);

impl AtWork {
    fn begin(self: &Arc<Self>) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(Arc::clone(self))
    }
}

impl Turn {
    fn is_alone(&self) -> bool {
        self.0.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
