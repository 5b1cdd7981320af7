//! A record merged into a profile: absent fields stay, arrays replace, subscriptions upsert one by one.

use std::collections::BTreeSet;

use super::reader::{fail, skipped};
use super::{Draft, SubscriptionDraft};
use crate::{Code, Failure, Problem, Profile, ProfileId, Subscription, SubscriptionStatus, Warning};

/// Most subscriptions of one profile, which is held and copied whole while records are applied to it.
const MOST_SUBSCRIPTIONS: usize = 10_000;

impl Draft {
    /// The profile that the record makes, before it is merged in.
    pub fn begin(&self, id: ProfileId) -> Profile {
        Profile { fields: self.stand_ins.iter().cloned().collect(), ..Profile::empty(id) }
    }

    /// Merges the record into a profile: absent fields stay, arrays replace, subscriptions upsert one by one. With
    /// `skip_invalid` a subscription that cannot be merged is left out; gives a warning of each.
    ///
    /// # Errors
    /// When a function's result cannot be stored; the profile is then half merged.
    pub fn apply_to(&self, profile: &mut Profile, skip_invalid: bool) -> Result<Vec<Warning>, Failure> {
        for (name, assignment) in &self.fields {
            assignment.apply_to(&mut profile.fields, name).map_err(|problem| problem_of(name, problem))?;
        }
        let mut warnings = Vec::new();
        for wanted in &self.subscriptions {
            match wanted.apply_to(profile) {
                Ok(()) => {}
                Err(failure) if skip_invalid => warnings.push(skipped(failure)),
                Err(failure) => return Err(failure),
            }
        }
        Warning::limit(&mut warnings);
        Ok(warnings)
    }
}

impl SubscriptionDraft {
    fn apply_to(&self, profile: &mut Profile) -> Result<(), Failure> {
        let is_it = |known: &Subscription| known.is_to(self.resource_id, &self.channel, &self.contact);
        let known = profile.subscriptions.iter().position(is_it);
        let mut merged = known
            .and_then(|position| profile.subscriptions.get(position))
            .cloned()
            .unwrap_or_else(|| self.begun());
        merged.status = self.status.unwrap_or(merged.status);
        merged.priority = self.priority.or(merged.priority);
        merged.cats.extend(self.cats.iter().cloned());
        for (name, assignment) in &self.custom_fields {
            assignment.apply_to(&mut merged.custom_fields, name).map_err(|problem| {
                let path = format!("{}.custom_fields.{name}", self.path);
                Failure { code: Code::InvalidSubscription, ..problem_of(&path, problem) }
            })?;
        }
        if let Some(known) = known.and_then(|position| profile.subscriptions.get_mut(position)) {
            *known = merged;
            return Ok(());
        }
        if profile.subscriptions.len() >= MOST_SUBSCRIPTIONS {
            let text = format!("the profile has {MOST_SUBSCRIPTIONS} subscriptions, and may have no more");
            return Err(fail(Code::InvalidSubscription, &self.path, text));
        }
        profile.subscriptions.push(merged);
        Ok(())
    }

    /// The subscription before anything of it is set.
    fn begun(&self) -> Subscription {
        Subscription {
            resource_id: self.resource_id,
            channel: self.channel.clone(),
            contact: self.contact.clone(),
            status: SubscriptionStatus::Subscribed,
            priority: None,
            custom_fields: serde_json::Map::new(),
            cats: BTreeSet::new(),
        }
    }
}

fn problem_of(path: &str, Problem { code, path: below, text }: Problem) -> Failure {
    Failure { code, field: Some(format!("{path}{below}")), text }
}
