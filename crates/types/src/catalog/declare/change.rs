//! One difference between the catalogue and a declaration: a line for people, and what it could orphan for the store.

use std::fmt;

use crate::{DatabaseId, ResourceId};

/// What sort of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Something new.
    Added,
    /// Something known, altered.
    Altered,
    /// Something that goes.
    Removed,
}

/// One difference. Displays as one line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    kind: ChangeKind,
    line: String,
    orphans: Vec<Orphan>,
}

impl Change {
    pub(super) fn added(line: impl Into<String>) -> Self {
        Self { kind: ChangeKind::Added, line: line.into(), orphans: Vec::new() }
    }

    pub(super) fn altered(line: impl Into<String>) -> Self {
        Self { kind: ChangeKind::Altered, line: line.into(), orphans: Vec::new() }
    }

    pub(super) fn removed(line: impl Into<String>) -> Self {
        Self { kind: ChangeKind::Removed, line: line.into(), orphans: Vec::new() }
    }

    pub(super) fn orphaning(mut self, orphans: impl IntoIterator<Item = Orphan>) -> Self {
        self.orphans.extend(orphans);
        self
    }

    /// What sort of difference it is.
    pub fn kind(&self) -> ChangeKind {
        self.kind
    }

    /// The data that would no longer fit the catalogue, if there is any of it. None for a harmless change.
    pub fn orphans(&self) -> &[Orphan] {
        &self.orphans
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Altered => '~',
            ChangeKind::Removed => '-',
        };
        write!(formatter, "{sign} {}", self.line)
    }
}

/// Data to look for before a change is applied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Orphan {
    /// Profiles of this database.
    Database(DatabaseId),
    /// Values of a profile field, and the keys made of them.
    Field {
        /// Whose.
        database: DatabaseId,
        /// The field.
        name: String,
        /// Its number, as in the keys.
        number: i16,
    },
    /// Profiles that share a value of this system field, which is to be unique.
    SharedValues {
        /// Whose.
        database: DatabaseId,
        /// The field.
        name: String,
    },
    /// Profiles that hold this word in an enum field.
    EnumValue {
        /// Whose.
        database: DatabaseId,
        /// The field.
        name: String,
        /// The word.
        value: String,
    },
    /// Subscriptions to this resource.
    Resource(ResourceId),
    /// Subscriptions to this resource by profiles of this database.
    Attachment {
        /// The resource.
        resource: ResourceId,
        /// The database.
        database: DatabaseId,
    },
    /// Subscriptions to this resource by this channel.
    Channel {
        /// The resource.
        resource: ResourceId,
        /// The channel.
        channel: String,
    },
    /// Subscriptions to this resource with this category switched on.
    Category {
        /// The resource.
        resource: ResourceId,
        /// The category.
        category: String,
    },
    /// Subscriptions to this resource that hold a value of this field.
    SubscriptionField {
        /// The resource.
        resource: ResourceId,
        /// The field.
        name: String,
    },
    /// Subscriptions to this resource that hold this word in an enum field.
    SubscriptionEnumValue {
        /// The resource.
        resource: ResourceId,
        /// The field.
        name: String,
        /// The word.
        value: String,
    },
}

impl fmt::Display for Orphan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(id) => write!(formatter, "profiles of database {id}"),
            Self::Field { database, name, .. } => {
                write!(formatter, "values of field {name} in database {database}")
            }
            Self::SharedValues { database, name } => {
                write!(formatter, "profiles of database {database} that share a value of {name}")
            }
            Self::EnumValue { database, name, value } => {
                write!(formatter, "profiles of database {database} whose {name} is {value}")
            }
            Self::Resource(id) => write!(formatter, "subscriptions to resource {id}"),
            Self::Attachment { resource, database } => {
                write!(formatter, "subscriptions of database {database} to resource {resource}")
            }
            Self::Channel { resource, channel } => {
                write!(formatter, "{channel} subscriptions to resource {resource}")
            }
            Self::Category { resource, category } => {
                write!(formatter, "subscriptions to resource {resource} in category {category}")
            }
            Self::SubscriptionField { resource, name } => {
                write!(formatter, "values of subscription field {name} of resource {resource}")
            }
            Self::SubscriptionEnumValue { resource, name, value } => {
                write!(formatter, "subscriptions to resource {resource} whose {name} is {value}")
            }
        }
    }
}
