//! How one field changes, and which of its data would no longer fit.

use super::{Change, Orphan};
use crate::{DatabaseId, Field, FieldType, ResourceId};

/// What declares the field.
pub(super) enum Owner {
    Database(DatabaseId),
    Resource(ResourceId),
}

impl Owner {
    fn subject(&self, field: &Field) -> String {
        match self {
            Self::Database(id) => format!("database {id}: field {}", field.name),
            Self::Resource(id) => format!("resource {id}: field {}", field.name),
        }
    }

    fn values_of(&self, field: &Field) -> Orphan {
        let name = field.name.clone();
        match *self {
            Self::Database(database) => Orphan::Field { database, name, number: field.number },
            Self::Resource(resource) => Orphan::SubscriptionField { resource, name },
        }
    }

    fn word_of(&self, field: &Field, word: &str) -> Orphan {
        let (name, value) = (field.name.clone(), word.to_owned());
        match *self {
            Self::Database(database) => Orphan::EnumValue { database, name, value },
            Self::Resource(resource) => Orphan::SubscriptionEnumValue { resource, name, value },
        }
    }
}

pub(super) fn changes(owner: &Owner, old: Option<&Field>, new: Option<&Field>) -> Vec<Change> {
    match (old, new) {
        (Some(old), Some(new)) => altered(owner, old, new),
        (None, Some(new)) => vec![Change::added(format!("{} {}", owner.subject(new), described(new)))],
        (Some(old), None) => {
            let line = format!("{} {}", owner.subject(old), described(old));
            vec![Change::removed(line).orphaning([owner.values_of(old)])]
        }
        (None, None) => Vec::new(),
    }
}

fn altered(owner: &Owner, old: &Field, new: &Field) -> Vec<Change> {
    let subject = owner.subject(new);
    let touched = |line: String| Change::altered(line).orphaning([owner.values_of(old)]);
    let mut changes = Vec::new();
    match (&old.field_type, &new.field_type) {
        (FieldType::Enum(was), FieldType::Enum(is)) => {
            changes.extend(words(&subject, was, is).map(|change| {
                let gone = was.iter().filter(|word| !is.contains(word));
                change.orphaning(gone.map(|word| owner.word_of(old, word)))
            }));
        }
        (was, is) if was == is => {}
        (was, is) => changes.push(touched(format!("{subject}: type {} -> {}", was.word(), is.word()))),
    }
    for (what, was, is) in [("matchable", old.matchable, new.matchable), ("unique", old.unique, new.unique)] {
        if was != is {
            changes.push(touched(format!("{subject}: {what} {was} -> {is}")));
        }
    }
    changes
}

/// Words are stored as words, so an order that changes harms no data; but clients may send ordinals.
fn words(subject: &str, old: &[String], new: &[String]) -> Option<Change> {
    if old == new {
        return None;
    }
    let note = if new.starts_with(old) { "" } else { " (ordinals change)" };
    Some(Change::altered(format!("{subject}: values {} -> {}{note}", old.join(", "), new.join(", "))))
}

fn described(field: &Field) -> String {
    let mut text = field.field_type.word().to_owned();
    if let FieldType::Enum(words) = &field.field_type {
        text = format!("{text} ({})", words.join(", "));
    }
    for (what, holds) in [("matchable", field.matchable), ("unique", field.unique)] {
        if holds {
            text = format!("{text}, {what}");
        }
    }
    text
}
