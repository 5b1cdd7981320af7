//! A record merged into a profile: absent fields stay, arrays replace, subscriptions upsert one by one.

use std::collections::BTreeSet;

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
        Profile { fields: self.stand_ins.iter().cloned().collect(), log, ..Profile::empty(id) }
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
                    store(&mut profile.fields, name, value);
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
}

fn store(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}

impl SubscriptionDraft {
    /// Where it stands in the record.
    fn path(&self) -> String {
        subscription::PATH.item(self.position).to_string()
    }

    /// Gives the paths of what later requests have decided on.
    fn apply_to(&self, profile: &mut Profile, stamp: Stamp) -> Result<Vec<String>, Failure> {
        let is_it = |known: &Subscription| known.is_to(self.resource_id, &self.channel, &self.contact);
        let known = profile.subscriptions.iter().position(is_it);
        let mut merged = known
            .and_then(|position| profile.subscriptions.get(position))
            .cloned()
            .unwrap_or_else(|| self.begun());
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
                    store(&mut merged.custom_fields, name, value);
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
        merged: &mut Subscription,
        is_new: bool,
        log: &mut Log,
        stamp: Stamp,
        superseded: &mut Vec<String>,
    ) {
        merged.cats.extend(self.cats.iter().cloned());
        match self.status {
            // What it begins with is nobody's word: an older request that has one comes before.
            None if is_new => log.unset(Cell::Status(merged)),
            None => {}
            Some(status) => {
                if log.set(Cell::Status(merged), !is_new, stamp) {
                    merged.status = status;
                } else if merged.status != status {
                    superseded.push(format!("{}.status", self.path()));
                }
            }
        }
        if let Some(priority) = self.priority {
            if log.set(Cell::Priority(merged), merged.priority.is_some(), stamp) {
                merged.priority = Some(priority);
            } else if merged.priority != Some(priority) {
                superseded.push(format!("{}.priority", self.path()));
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
