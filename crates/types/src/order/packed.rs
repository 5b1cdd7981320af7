//! A log as it is stored: the request that most cells are of, and the others as JSON where there are any.
//!
//! `{"set":{"<stamp>":["city","status\t28\temail\ta@b.c"]},"then":{"points":{"set":…,"folded":…,"before":5,"then":[…]}}}`

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

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rest {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    set: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    then: BTreeMap<String, Entry>,
}

impl PackedLog {
    /// The log of a profile. `None` never: everything in it has a form in JSON.
    pub fn of(profile: &Profile) -> Option<Self> {
        if profile.log.listed.is_empty() {
            return Some(Self { base: profile.log.base, rest: None });
        }
        let Log { base, listed } = rebased(profile);
        let mut rest = Rest::default();
        for (cell, entry) in listed {
            if entry.is_plain() {
                rest.set.entry(entry.set.short()).or_default().push(cell);
            } else {
                rest.then.insert(cell, entry);
            }
        }
        if rest.set.is_empty() && rest.then.is_empty() {
            return Some(Self { base, rest: None });
        }
        let mut text = serde_json::to_string(&rest).ok()?;
        if text.len() > MOST_BYTES {
            rest.then.values_mut().for_each(Entry::forget);
            text = serde_json::to_string(&rest).ok()?;
        }
        Some(Self { base, rest: Some(text) })
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

/// The same log, listing as few cells as can be.
fn rebased(profile: &Profile) -> Log {
    let Log { base, listed } = &profile.log;
    let cells = with_values(profile);
    if cells.len() > 2 * listed.len() {
        // No other request can have more of them than the one that has those which are not listed.
        return profile.log.clone();
    }
    let cells: Vec<_> = cells.into_iter().map(Cell::text).collect();
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
    log
}

/// The cells of a profile that have a value.
fn with_values(profile: &Profile) -> Vec<Cell<'_>> {
    let mut cells: Vec<Cell<'_>> = profile.fields.keys().map(|name| Cell::Field(name)).collect();
    for subscription in &profile.subscriptions {
        cells.push(Cell::Status(subscription));
        cells.extend(subscription.priority.map(|_| Cell::Priority(subscription)));
        cells.extend(subscription.custom_fields.keys().map(|name| Cell::Custom(subscription, name)));
    }
    cells
}
