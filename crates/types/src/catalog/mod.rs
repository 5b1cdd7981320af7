//! The catalogue: which databases, fields, resources, accounts and tokens there are.
//!
//! Declared in a YAML file ([`Declaration`]), kept in PostgreSQL, held as a snapshot by gateways and workers.

mod by_name;
mod declare;
mod definitions;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use declare::{
    AccountDeclaration, CallbacksDeclaration, Change, ChangeKind, DatabaseDeclaration, Declaration,
    FieldDeclaration, Orphan, ResourceDeclaration, Token,
};

use self::definitions::Definitions;
use crate::callback::Callbacks;
use crate::field::system_fields;
use crate::{DatabaseId, Field, ResourceId, TokenHash};

/// A database of profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its id.
    pub id: DatabaseId,
    /// Its name, for people.
    pub name: String,
    /// ISO 3166 country for phone numbers without `+`.
    #[serde(default)]
    pub default_region: Option<String>,
    /// System fields whose values no two profiles may share.
    #[serde(default)]
    pub unique: BTreeSet<String>,
    /// Custom fields by name.
    #[serde(with = "by_name")]
    pub fields: BTreeMap<String, Field>,
}

impl Database {
    /// The system fields that can be declared unique: those whose values are identities.
    pub const CAN_BE_UNIQUE: [&str; 2] = ["email", "phones"];

    /// The system or custom field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name).or_else(|| system_fields().get(name))
    }

    /// The custom fields that profiles can be matched by.
    pub fn matchable_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.values().filter(|field| field.matchable)
    }

    /// Whether no two profiles may share a value of a field, be it a system field or a custom one.
    pub fn is_unique(&self, field: &Field) -> bool {
        field.unique || (field.is_system() && self.unique.contains(&field.name))
    }

    /// Whether there is any such field.
    pub fn has_unique(&self) -> bool {
        !self.unique.is_empty() || self.fields.values().any(|field| field.unique)
    }
}

/// Something that profiles subscribe to, such as a newsletter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// Its name, for people.
    pub name: String,
    /// The databases whose profiles may subscribe.
    pub databases: BTreeSet<DatabaseId>,
    /// The channels that it reaches people by.
    pub channels: BTreeSet<String>,
    /// The categories that a subscription may switch on.
    pub categories: BTreeSet<String>,
    /// Subscription fields by name.
    #[serde(with = "by_name")]
    pub fields: BTreeMap<String, Field>,
}

/// Whoever holds tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name, unique.
    pub name: String,
    /// The databases that its tokens open.
    pub databases: BTreeSet<DatabaseId>,
    /// Whom it may have told that a job has ended; none where nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callbacks: Option<Callbacks>,
}

/// All that is declared, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Databases by id.
    pub databases: BTreeMap<DatabaseId, Database>,
    /// Resources by id.
    pub resources: BTreeMap<ResourceId, Resource>,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// The account that each live token belongs to.
    pub tokens: BTreeMap<TokenHash, String>,
    definitions: Definitions,
}

impl Catalog {
    /// The account that a token opens.
    pub fn account_of(&self, token: &str) -> Option<&Account> {
        self.tokens.get(&TokenHash::of(token)).and_then(|name| self.accounts.get(name))
    }

    /// A database, if this account may use it.
    pub fn database_for(&self, account: &Account, id: DatabaseId) -> Option<&Database> {
        account.databases.contains(&id).then(|| self.databases.get(&id)).flatten()
    }

    /// A resource, if this account may use a database that it is attached to.
    pub fn resource_for(&self, account: &Account, id: ResourceId) -> Option<&Resource> {
        let resource = self.resources.get(&id)?;
        let mut databases = resource.databases.iter();
        databases.any(|database| self.database_for(account, *database).is_some()).then_some(resource)
    }
}
