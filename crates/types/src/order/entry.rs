//! What is known of how one cell came to its value, and writing to it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Stamp;
use crate::Problem;
use crate::draft::Assignment;

/// Most functions that are remembered of a cell.
const MOST_FUNCTIONS: usize = 16;
/// Most that a value may weigh which is remembered as it was before functions.
const MOST_WEIGHT: usize = 4096;

/// How a cell came to its value: set, then changed by functions.
///
/// The last functions are remembered, at most 16 (what one request adds, however often, is one) and none on a value of more
/// than some 4 KiB; those before are folded into one value. What comes late and belongs before the fold cannot be put in its
/// place any more: a function is done at the fold, which for numbers is the same; a value that is older than a folded function
/// is superseded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Who set it, or took it away.
    pub(super) set: Stamp,
    /// Up to whom functions are folded; never less than `set`.
    pub(super) folded: Stamp,
    /// The value at the fold, where there are functions after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// The functions after it, in the order of acceptance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    then: Vec<(Stamp, Assignment)>,
}

/// What comes of a write.
#[derive(Debug)]
pub(crate) enum Write<'a> {
    /// A later request has decided on the cell.
    Superseded,
    /// The cell has this value now, or none.
    Done {
        /// Its value: that of the assignment itself where nothing comes after it.
        value: Option<Cow<'a, Value>>,
        /// How it came to it.
        entry: Entry,
    },
}

impl Entry {
    /// Of a cell that was set and not changed since.
    pub(super) fn set(stamp: Stamp) -> Self {
        Self { set: stamp, folded: stamp, before: None, then: Vec::new() }
    }

    /// Whether it was set and not changed since.
    pub(super) fn is_plain(&self) -> bool {
        self.then.is_empty() && self.set == self.folded
    }

    /// Who wrote to it last.
    pub(super) fn last(&self) -> Stamp {
        self.then.iter().map(|(stamp, _)| *stamp).fold(self.set.max(self.folded), Stamp::max)
    }

    /// Writes to a cell of this value, in the name of the request with this stamp.
    ///
    /// # Errors
    /// When a function's result cannot be stored.
    pub(crate) fn write<'a>(
        self,
        current: Option<&Value>,
        stamp: Stamp,
        assignment: &'a Assignment,
    ) -> Result<Write<'a>, Problem> {
        match assignment {
            Assignment::Set(value) => self.replace(stamp, Some(value)),
            Assignment::Clear => self.replace(stamp, None),
            function => self.change(current, stamp, function),
        }
    }

    fn replace(mut self, stamp: Stamp, base: Option<&Value>) -> Result<Write<'_>, Problem> {
        if stamp < self.folded {
            return Ok(Write::Superseded);
        }
        (self.set, self.folded) = (stamp, stamp);
        self.then.retain(|(later, _)| *later > stamp);
        if self.then.is_empty() {
            self.before = None;
            return Ok(Write::Done { value: base.map(Cow::Borrowed), entry: self });
        }
        self.done(base.cloned())
    }

    fn change(
        mut self,
        current: Option<&Value>,
        stamp: Stamp,
        assignment: &Assignment,
    ) -> Result<Write<'static>, Problem> {
        if stamp < self.set {
            return Ok(Write::Superseded);
        }
        let base = if self.then.is_empty() { current.cloned() } else { self.before.take() };
        if stamp < self.folded {
            let base = assignment.result(base.as_ref())?;
            return self.done(base);
        }
        let place = self.then.partition_point(|(other, _)| *other <= stamp);
        let is_last = place == self.then.len();
        self.remember(place, stamp, assignment);
        if is_last {
            // All others are in the value already.
            let value = assignment.result(current)?;
            self.before = base;
            self.fold()?;
            return Ok(Write::Done { value: value.map(Cow::Owned), entry: self });
        }
        self.done(base)
    }

    /// Enters a function: as one with that before it where both are of one request, between which nothing can come.
    fn remember(&mut self, place: usize, stamp: Stamp, function: &Assignment) {
        let before = place.checked_sub(1).and_then(|place| self.then.get_mut(place));
        let same = before.filter(|(other, _)| *other == stamp);
        match same.and_then(|(_, same)| Some((same.joined(function)?, same))) {
            Some((joined, same)) => *same = joined,
            None => self.then.insert(place, (stamp, function.clone())),
        }
    }

    /// Does the functions anew, on this value.
    fn done(mut self, base: Option<Value>) -> Result<Write<'static>, Problem> {
        let mut value = base.clone();
        for (_, function) in &self.then {
            value = function.result(value.as_ref())?;
        }
        self.before = base;
        self.fold()?;
        Ok(Write::Done { value: value.map(Cow::Owned), entry: self })
    }

    /// Forgets all functions: the cell's value has them.
    pub(super) fn forget(&mut self) {
        self.folded = self.then.drain(..).map(|(stamp, _)| stamp).fold(self.folded, Stamp::max);
        self.before = None;
    }

    /// Forgets functions that are too many.
    fn fold(&mut self) -> Result<(), Problem> {
        let is_heavy = |entry: &Self| {
            let functions = entry.then.iter().map(|(_, function)| function.weight());
            let before = entry.before.as_ref().map_or(0, crate::draft::weight);
            functions.sum::<usize>() + before > MOST_WEIGHT
        };
        while self.then.len() > MOST_FUNCTIONS || (!self.then.is_empty() && is_heavy(self)) {
            let (stamp, function) = self.then.remove(0);
            // The value of the whole is known already.
            if !self.then.is_empty() {
                self.before = function.result(self.before.as_ref())?;
            }
            self.folded = self.folded.max(stamp);
        }
        if self.then.is_empty() {
            self.before = None;
        }
        Ok(())
    }
}
