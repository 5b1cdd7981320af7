//! A log as it is stored: the request that most cells are of, and the others as JSON where there are any.
//!
//! `{"set":{"<stamp>":["city","status\t28\temail\ta@b.c"]},"then":{"points":{"set":…,"folded":…,"before":5,"then":[…]}}}`

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Cell, Entry, Log, Stamp};
use crate::Profile;

/// Most bytes of a log that remembers functions: a profile is read and written with its log.
const MOST_BYTES: usize = 256 << 10;

/// A log in few bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedLog {
    /// Who set all that has a value and is not among the rest.
    pub base: Stamp,
    /// The rest, as JSON.
    pub rest: Option<String>,
}

/// The cells that are listed, as they are written.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    set: BTreeMap<String, Vec<&'a str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    then: BTreeMap<&'a str, &'a Entry>,
}

/// The same as they are read.
#[derive(Default, Deserialize)]
struct Rest {
    #[serde(default)]
    set: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    then: BTreeMap<String, Entry>,
}

impl PackedLog {
    /// The log of a profile. `None` never: everything in it has a form in JSON.
    pub fn of(profile: &Profile) -> Option<Self> {
        let mut log = rebased(profile);
        if log.listed.is_empty() {
            return Some(Self { base: log.base, rest: None });
        }
        let mut text = serde_json::to_string(&Listed::of(&log)).ok()?;
        if text.len() > MOST_BYTES {
            log.to_mut().listed.values_mut().filter(|entry| !entry.is_plain()).for_each(Entry::forget);
            text = serde_json::to_string(&Listed::of(&log)).ok()?;
        }
        Some(Self { base: log.base, rest: Some(text) })
    }

    /// Reads it back; `None` where it is no log.
    pub fn unpack(&self) -> Option<Log> {
        let rest: Rest = match &self.rest {
            Some(text) => serde_json::from_str(text).ok()?,
            None => Rest::default(),
        };
        let mut listed = rest.then;
        for (stamp, cells) in rest.set {
            let stamp = Stamp::from_short(&stamp)?;
            listed.extend(cells.into_iter().map(|cell| (cell, Entry::set(stamp))));
        }
        Some(Log { base: self.base, listed })
    }
}

impl<'a> Listed<'a> {
    fn of(log: &'a Log) -> Self {
        let (mut set, mut then) = (BTreeMap::<Stamp, Vec<&str>>::new(), BTreeMap::new());
        for (cell, entry) in &log.listed {
            if entry.is_plain() {
                set.entry(entry.set).or_default().push(cell);
            } else {
                then.insert(cell.as_str(), entry);
            }
        }
        Self { set: set.into_iter().map(|(stamp, cells)| (stamp.short(), cells)).collect(), then }
    }
}

/// The same log, listing as few cells as can be.
fn rebased(profile: &Profile) -> Cow<'_, Log> {
    let Log { base, listed } = &profile.log;
    let cells = || Cell::with_values(&profile.fields, &profile.subscriptions);
    if listed.is_empty() || cells().nth(2 * listed.len()).is_some() {
        // No other request can have more of them than the one that has those which are not listed.
        return Cow::Borrowed(&profile.log);
    }
    let cells: Vec<_> = cells().map(Cell::text).collect();
    let of = |cell: &str| match listed.get(cell) {
        None => Some(*base),
        Some(entry) => entry.is_plain().then_some(entry.set),
    };
    let mut counts: HashMap<Stamp, usize> = HashMap::new();
    for stamp in cells.iter().filter_map(|cell| of(cell)) {
        *counts.entry(stamp).or_default() += 1;
    }
    let new_base = counts.into_iter().max_by_key(|(stamp, count)| (*count, *stamp));
    let new_base = new_base.map_or(*base, |(stamp, _)| stamp);
    let mut log = profile.log.clone();
    log.base = new_base;
    for cell in cells {
        match of(&cell) {
            Some(stamp) if stamp == new_base => {
                log.listed.remove(cell.as_ref());
            }
            Some(stamp) => {
                log.listed.insert(cell.into_owned(), Entry::set(stamp));
            }
            None => {}
        }
    }
    Cow::Owned(log)
}
