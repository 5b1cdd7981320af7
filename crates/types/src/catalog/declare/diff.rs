//! How two catalogues differ, in a fixed order: databases, resources, accounts, tokens, each by id or name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::field_diff::{self, Owner};
use super::{Change, Orphan, callbacks};
use crate::catalog::{Account, Catalog, Database, Resource};
use crate::{Field, TokenHash};

pub(super) fn changes(current: &Catalog, target: &Catalog) -> Vec<Change> {
    let mut changes = Vec::new();
    for (old, new) in pairs(&current.databases, &target.databases) {
        database(old, new, &mut changes);
    }
    for (old, new) in pairs(&current.resources, &target.resources) {
        resource(old, new, &mut changes);
    }
    for (old, new) in pairs(&current.accounts, &target.accounts) {
        account(old, new, current, &mut changes);
    }
    for (hash, name) in &target.tokens {
        if current.tokens.get(hash) != Some(name) {
            changes.push(Change::added(format!("account {name:?}: token {}", fingerprint(hash))));
        }
    }
    changes
}

/// What is on the left, on the right or on both, by key.
fn pairs<'a, K: Ord, V>(
    left: &'a BTreeMap<K, V>,
    right: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (Option<&'a V>, Option<&'a V>)> {
    let keys: BTreeSet<&K> = left.keys().chain(right.keys()).collect();
    keys.into_iter().map(|key| (left.get(key), right.get(key)))
}

fn database(old: Option<&Database>, new: Option<&Database>, changes: &mut Vec<Change>) {
    let Some(new) = new else {
        changes.extend(old.map(|old| {
            let line = format!("database {} {:?}", old.id, old.name);
            Change::removed(line).orphaning([Orphan::Database(old.id)])
        }));
        return;
    };
    let subject = format!("database {}", new.id);
    if let Some(old) = old {
        renamed(&subject, &old.name, &new.name, changes);
        if old.default_region != new.default_region {
            let [old, new] = [old, new].map(|side| side.default_region.as_deref().unwrap_or("none"));
            changes.push(Change::altered(format!("{subject}: default_region {old} -> {new}")));
        }
        changes.extend(unique(&subject, old, new));
    } else {
        let unique =
            if new.unique.is_empty() { String::new() } else { format!(" (unique {})", list(&new.unique)) };
        changes.push(Change::added(format!("{subject} {:?}{unique}", new.name)));
    }
    fields(&Owner::Database(new.id), old.map(|old| &old.fields), &new.fields, changes);
}

/// What becomes unique must not be shared by then.
fn unique(subject: &str, old: &Database, new: &Database) -> Option<Change> {
    if old.unique == new.unique {
        return None;
    }
    let (was, is) = (list(&old.unique), list(&new.unique));
    let begun = new.unique.difference(&old.unique);
    let shared = begun.map(|name| Orphan::SharedValues { database: new.id, name: name.clone() });
    Some(Change::altered(format!("{subject}: unique {was} -> {is}")).orphaning(shared))
}

fn resource(old: Option<&Resource>, new: Option<&Resource>, changes: &mut Vec<Change>) {
    let Some(new) = new else {
        changes.extend(old.map(|old| {
            let line = format!("resource {} {:?}", old.id, old.name);
            Change::removed(line).orphaning([Orphan::Resource(old.id)])
        }));
        return;
    };
    let resource = new.id;
    let subject = format!("resource {resource}");
    if let Some(old) = old {
        renamed(&subject, &old.name, &new.name, changes);
        let databases = sets(&subject, "databases", &old.databases, &new.databases, |&database| {
            Orphan::Attachment { resource, database }
        });
        let channels = sets(&subject, "channels", &old.channels, &new.channels, |channel| Orphan::Channel {
            resource,
            channel: channel.clone(),
        });
        let categories = sets(&subject, "categories", &old.categories, &new.categories, |category| {
            Orphan::Category { resource, category: category.clone() }
        });
        changes.extend([databases, channels, categories].into_iter().flatten());
    } else {
        let (channels, databases) = (list(&new.channels), list(&new.databases));
        changes.push(Change::added(format!(
            "{subject} {:?} (channels {channels}; categories {}; databases {databases})",
            new.name,
            list(&new.categories)
        )));
    }
    fields(&Owner::Resource(resource), old.map(|old| &old.fields), &new.fields, changes);
}

fn account(old: Option<&Account>, new: Option<&Account>, current: &Catalog, changes: &mut Vec<Change>) {
    match (old, new) {
        (Some(old), Some(new)) => {
            let subject = format!("account {:?}", new.name);
            if old.databases != new.databases {
                let (old, new) = (list(&old.databases), list(&new.databases));
                changes.push(Change::altered(format!("{subject}: databases {old} -> {new}")));
            }
            changes.extend(callbacks::changes(&subject, old.callbacks.as_ref(), new.callbacks.as_ref()));
        }
        (None, Some(new)) => {
            let subject = format!("account {:?}", new.name);
            changes.push(Change::added(format!("{subject} (databases {})", list(&new.databases))));
            changes.extend(callbacks::changes(&subject, None, new.callbacks.as_ref()));
        }
        (Some(old), None) => {
            changes.push(Change::removed(format!("account {:?}", old.name)));
            let tokens = current.tokens.iter().filter(|(_, owner)| **owner == old.name);
            changes.extend(tokens.map(|(hash, owner)| {
                Change::removed(format!("account {owner:?}: token {}", fingerprint(hash)))
            }));
        }
        (None, None) => {}
    }
}

fn fields(
    owner: &Owner,
    old: Option<&BTreeMap<String, Field>>,
    new: &BTreeMap<String, Field>,
    changes: &mut Vec<Change>,
) {
    let none = BTreeMap::new();
    for (old, new) in pairs(old.unwrap_or(&none), new) {
        changes.extend(field_diff::changes(owner, old, new));
    }
}

fn renamed(subject: &str, old: &str, new: &str, changes: &mut Vec<Change>) {
    if old != new {
        changes.push(Change::altered(format!("{subject}: name {old:?} -> {new:?}")));
    }
}

/// A change of one set, and what its lost items orphan.
fn sets<T: Ord + Display>(
    subject: &str,
    what: &str,
    old: &BTreeSet<T>,
    new: &BTreeSet<T>,
    orphan: impl Fn(&T) -> Orphan,
) -> Option<Change> {
    let line = format!("{subject}: {what} {} -> {}", list(old), list(new));
    (old != new).then(|| Change::altered(line).orphaning(old.difference(new).map(orphan)))
}

fn list<T: Display>(items: &BTreeSet<T>) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Enough of a token's hash to tell tokens apart, too little to be of use.
fn fingerprint(hash: &TokenHash) -> String {
    let [first, second, third, fourth, ..] = hash.0;
    format!("{:08x}", u32::from_be_bytes([first, second, third, fourth]))
}
