//! A record merged into a profile: absent fields stay, arrays replace, subscriptions upsert one by one.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::reader::{fail, skipped};
use super::{Draft, SubscriptionDraft, subscription};
use crate::order::{Cell, Write};
use crate::{
    Code, Failure, Log, Problem, Profile, ProfileId, Stamp, Subscription, SubscriptionStatus, Warning,
};

/// Most subscriptions of one profile, which is held and copied whole while records are applied to it.
const MOST_SUBSCRIPTIONS: usize = 10_000;

impl Draft {
    /// The profile that the record makes, before it is merged in.
    pub fn begin(&self, id: ProfileId, stamp: Stamp) -> Profile {
        let mut log = Log::begun(stamp);
        for (name, _) in &self.stand_ins {
            // They change nothing of a profile that is met, as this one would be had an older request made it.
            log.unset(Cell::Field(name));
        }
        Profile { fields: Arc::new(self.stand_ins.iter().cloned().collect()), log, ..Profile::empty(id) }
    }

    /// Merges the record into a profile: absent fields stay, arrays replace, subscriptions upsert one by one. With
    /// `skip_invalid` a subscription that cannot be merged is left out; gives a warning of each. What requests have written
    /// that were accepted after the one with this stamp stays as it is, and a warning tells of it.
    ///
    /// # Errors
    /// When a function's result cannot be stored; the profile is then half merged.
    pub fn apply_to(
        &self,
        profile: &mut Profile,
        stamp: Stamp,
        skip_invalid: bool,
    ) -> Result<Vec<Warning>, Failure> {
        self.rebase(profile, stamp);
        let mut superseded = Vec::new();
        for (name, assignment) in &self.fields {
            let cell = Cell::Field(name);
            let current = profile.fields.get(name);
            let write = profile.log.entry(cell, current.is_some()).write(current, stamp, assignment);
            match write.map_err(|problem| problem_of(name, problem))? {
                Write::Superseded if assignment.leaves(current) => {}
                Write::Superseded => superseded.push(name.clone()),
                Write::Done { value, entry } => {
                    profile.log.enter(cell, value.is_some(), entry);
                    if current != value.as_deref() {
                        store(Arc::make_mut(&mut profile.fields), name, value);
                    }
                }
            }
        }
        let mut warnings = Vec::new();
        for wanted in &self.subscriptions {
            match wanted.apply_to(profile, stamp) {
                Ok(mut late) => superseded.append(&mut late),
                Err(failure) if skip_invalid => warnings.push(skipped(failure)),
                Err(failure) => return Err(failure),
            }
        }
        Warning::limit(&mut warnings);
        warnings.extend(Warning::superseded(&superseded));
        Ok(warnings)
    }

    /// Has the log list what the record leaves as it is rather than what it replaces, where that is less: a record that comes
    /// again mostly replaces nearly all.
    fn rebase(&self, profile: &mut Profile, stamp: Stamp) {
        let cells = || Cell::with_values(&profile.fields, &profile.subscriptions);
        let most = cells().count() / 2;
        let at_most =
            self.fields.len() + self.subscriptions.iter().map(SubscriptionDraft::cells).sum::<usize>();
        if at_most <= most || !profile.log.is_before(stamp) {
            return;
        }
        let replaced = self.fields.iter().filter(|(_, assignment)| assignment.replaces());
        let mut replaced: Vec<&str> = replaced.map(|(name, _)| name.as_str()).collect();
        replaced.sort_unstable();
        // Those that the record has for the subscription whose cells come next.
        let mut wanted: (*const Subscription, Vec<&SubscriptionDraft>) = (std::ptr::null(), Vec::new());
        let is_kept = |cell: &Cell<'_>| match cell {
            Cell::Field(name) => replaced.binary_search(name).is_err(),
            Cell::Status(of) | Cell::Priority(of) | Cell::Custom(of, _) => {
                if !std::ptr::eq(wanted.0, *of) {
                    wanted = (*of, self.subscriptions.iter().filter(|wanted| wanted.is_for(of)).collect());
                }
                !wanted.1.iter().any(|wanted| wanted.replaces(*cell))
            }
        };
        let kept: Vec<Cell<'_>> = cells().filter(is_kept).take(most + 1).collect();
        if kept.len() <= most {
            profile.log.rebase(stamp, kept);
        }
    }
}

fn store(fields: &mut Map<String, Value>, name: &str, value: Option<Cow<'_, Value>>) {
    match value.map(Cow::into_owned) {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}

impl SubscriptionDraft {
    /// Where it stands in the record.
    fn path(&self) -> String {
        subscription::PATH.item(self.position).to_string()
    }

    fn is_for(&self, subscription: &Subscription) -> bool {
        subscription.is_to(self.resource_id, &self.channel, &self.contact)
    }

    /// How many cells it writes to, at most.
    fn cells(&self) -> usize {
        2 + self.custom_fields.len()
    }

    /// Whether it replaces this cell of its subscription, whatever happens: a function can fail, and all of it then.
    fn replaces(&self, cell: Cell<'_>) -> bool {
        let is_written = match cell {
            Cell::Field(_) => false,
            Cell::Status(_) => self.status.is_some(),
            Cell::Priority(_) => self.priority.is_some(),
            Cell::Custom(_, name) => self.custom_fields.iter().any(|(written, _)| written == name),
        };
        is_written && self.custom_fields.iter().all(|(_, assignment)| assignment.replaces())
    }

    /// Gives the paths of what later requests have decided on.
    fn apply_to(&self, profile: &mut Profile, stamp: Stamp) -> Result<Vec<String>, Failure> {
        let known = profile.subscriptions.iter().position(|known| self.is_for(known));
        let mut merged = known
            .and_then(|position| profile.subscriptions.get(position))
            .cloned()
            .unwrap_or_else(|| Arc::new(self.begun()));
        let mut superseded = Vec::new();
        let mut written = Vec::with_capacity(self.custom_fields.len());
        for (name, assignment) in &self.custom_fields {
            let path = || format!("{}.custom_fields.{name}", self.path());
            let current = merged.custom_fields.get(name);
            let write = profile
                .log
                .entry(Cell::Custom(&merged, name), current.is_some())
                .write(current, stamp, assignment);
            let write = write.map_err(|problem| Failure {
                code: Code::InvalidSubscription,
                ..problem_of(&path(), problem)
            })?;
            match write {
                Write::Superseded if assignment.leaves(current) => {}
                Write::Superseded => superseded.push(path()),
                Write::Done { value, entry } => {
                    written.push((name, value.is_some(), entry));
                    if current != value.as_deref() {
                        store(&mut Arc::make_mut(&mut merged).custom_fields, name, value);
                    }
                }
            }
        }
        if known.is_none() && profile.subscriptions.len() >= MOST_SUBSCRIPTIONS {
            let text = format!("the profile has {MOST_SUBSCRIPTIONS} subscriptions, and may have no more");
            return Err(fail(Code::InvalidSubscription, self.path(), text));
        }
        for (name, has_value, entry) in written {
            profile.log.enter(Cell::Custom(&merged, name), has_value, entry);
        }
        self.set_state(&mut merged, known.is_none(), &mut profile.log, stamp, &mut superseded);
        match known.and_then(|position| profile.subscriptions.get_mut(position)) {
            Some(known) => *known = merged,
            None => profile.subscriptions.push(merged),
        }
        Ok(superseded)
    }

    fn set_state(
        &self,
        merged: &mut Arc<Subscription>,
        is_new: bool,
        log: &mut Log,
        stamp: Stamp,
        superseded: &mut Vec<String>,
    ) {
        if !self.cats.is_subset(&merged.cats) {
            Arc::make_mut(merged).cats.extend(self.cats.iter().cloned());
        }
        match self.status {
            // What it begins with is nobody's word: an older request that has one comes before.
            None if is_new => log.unset(Cell::Status(merged)),
            None => {}
            Some(status) => {
                let may = log.set(Cell::Status(merged), !is_new, stamp);
                if merged.status != status {
                    if may {
                        Arc::make_mut(merged).status = status;
                    } else {
                        superseded.push(format!("{}.status", self.path()));
                    }
                }
            }
        }
        if let Some(priority) = self.priority {
            let may = log.set(Cell::Priority(merged), merged.priority.is_some(), stamp);
            if merged.priority != Some(priority) {
                if may {
                    Arc::make_mut(merged).priority = Some(priority);
                } else {
                    superseded.push(format!("{}.priority", self.path()));
                }
            }
        }
    }

    /// The subscription before anything of it is set.
    fn begun(&self) -> Subscription {
        Subscription {
            resource_id: self.resource_id,
            channel: self.channel.clone(),
            contact: self.contact.clone(),
            status: SubscriptionStatus::Subscribed,
            priority: None,
            custom_fields: Map::new(),
            cats: BTreeSet::new(),
        }
    }
}

fn problem_of(path: &str, Problem { code, path: below, text }: Problem) -> Failure {
    Failure { code, field: Some(format!("{path}{below}")), text }
}
