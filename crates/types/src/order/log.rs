//! Who wrote what of one profile.

use std::collections::BTreeMap;

use super::{Cell, Entry, Stamp};

/// Who wrote what of one profile.
///
/// Most cells are of one request: what has a value and is not listed was set by it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Log {
    pub(super) base: Stamp,
    /// By the text of the cell.
    pub(super) listed: BTreeMap<String, Entry>,
}

impl Log {
    /// Of a profile that this request makes.
    pub(crate) fn begun(stamp: Stamp) -> Self {
        Self { base: stamp, listed: BTreeMap::new() }
    }

    /// Whether this request comes after the one that most cells are of, and has set none of the others yet.
    pub(crate) fn is_before(&self, stamp: Stamp) -> bool {
        self.base < stamp && self.listed.values().all(|entry| entry.set != stamp)
    }

    /// The request that most cells are of.
    pub(crate) fn base(&self) -> Stamp {
        self.base
    }

    /// Whether all of it was written by requests before this one. More than [`Self::is_before`], which asks of those that set.
    pub(crate) fn is_all_before(&self, stamp: Stamp) -> bool {
        self.base < stamp && self.listed.values().all(|entry| entry.last() < stamp)
    }

    /// Whether most cells are of this request, and all others of requests before it: it has set nothing but plain values.
    pub(crate) fn is_last_of(&self, stamp: Stamp) -> bool {
        self.base == stamp && self.listed.values().all(|entry| entry.last() < stamp)
    }

    /// Has most cells be of this request, which is about to replace all that have a value but these.
    pub(crate) fn rebase<'a>(&mut self, stamp: Stamp, kept: impl IntoIterator<Item = Cell<'a>>) {
        for cell in kept {
            self.listed.entry(cell.text().into_owned()).or_insert(Entry::set(self.base));
        }
        self.base = stamp;
    }

    /// How a cell came to its value, or to none.
    pub(crate) fn entry(&self, cell: Cell<'_>, has_value: bool) -> Entry {
        // Of most profiles nothing is listed, and nobody needs the text.
        let listed = if self.listed.is_empty() { None } else { self.listed.get(cell.text().as_ref()) };
        match listed {
            Some(entry) => entry.clone(),
            None if has_value => Entry::set(self.base),
            None => Entry::default(),
        }
    }

    /// Whether a request may set a cell that knows no functions; then it has.
    pub(crate) fn set(&mut self, cell: Cell<'_>, has_value: bool, stamp: Stamp) -> bool {
        let may = self.entry(cell, has_value).set <= stamp;
        if may {
            self.enter(cell, true, Entry::set(stamp));
        }
        may
    }

    /// Says that a cell has a value which nobody has set.
    pub(crate) fn unset(&mut self, cell: Cell<'_>) {
        self.enter(cell, true, Entry::default());
    }

    /// Enters how a cell came to its value, or to none.
    pub(crate) fn enter(&mut self, cell: Cell<'_>, has_value: bool, entry: Entry) {
        if has_value && entry.is_plain() && entry.set == self.base {
            if !self.listed.is_empty() {
                self.listed.remove(cell.text().as_ref());
            }
        } else {
            self.listed.insert(cell.text().into_owned(), entry);
        }
    }
}

#[cfg(test)]
impl Log {
    /// Takes a cell off the list.
    pub(crate) fn forget(&mut self, cell: Cell<'_>) {
        self.listed.remove(cell.text().as_ref());
    }

    /// What is listed.
    pub(crate) fn listed(&self) -> &BTreeMap<String, Entry> {
        &self.listed
    }
}
