//! The catalogue as an operator writes it in YAML, and what applying it changes.
//!
//! A declaration is the whole truth about databases, fields, resources and accounts: what it leaves out goes. Tokens
//! are the exception. They are also made by the command line, and a token in a file is a convenience for development,
//! so applying a file only ever adds tokens; revoking one is an act of its own (`intake token revoke`), and whoever
//! revokes a token that a file names takes it out of the file too, or the next apply brings it back. A token goes by
//! itself only with its account.

mod callbacks;
mod change;
mod check;
mod diff;
mod field_diff;
mod target;

use std::fmt;

use serde::Deserialize;

pub use callbacks::CallbacksDeclaration;
pub use change::{Change, ChangeKind, Orphan};

use super::Catalog;
use crate::{DatabaseId, ResourceId};

/// The catalogue as it is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The databases.
    #[serde(default)]
    pub databases: Vec<DatabaseDeclaration>,
    /// The resources.
    #[serde(default)]
    pub resources: Vec<ResourceDeclaration>,
    /// The accounts.
    #[serde(default)]
    pub accounts: Vec<AccountDeclaration>,
}

/// One database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseDeclaration {
    /// Its id, from 1, unique among databases.
    pub id: DatabaseId,
    /// Its name, unique among databases.
    pub name: String,
    /// ISO 3166 country for phone numbers without `+`, in capitals.
    #[serde(default)]
    pub default_region: Option<String>,
    /// System fields whose values no two profiles may share: email, phones.
    #[serde(default)]
    pub unique: Vec<String>,
    /// Custom profile fields.
    #[serde(default)]
    pub fields: Vec<FieldDeclaration>,
}

/// One field of a database, or of a resource's subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDeclaration {
    /// Its name, unique among the fields beside it.
    pub name: String,
    /// The word of a custom field type.
    #[serde(rename = "type")]
    pub field_type: String,
    /// The words of an `enum`, in the order of their ordinals.
    #[serde(default)]
    pub values: Vec<String>,
    /// Whether `matching: custom` may name it.
    #[serde(default)]
    pub matchable: bool,
    /// Whether two profiles may not share a value.
    #[serde(default)]
    pub unique: bool,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceDeclaration {
    /// Its id, from 1, unique among resources.
    pub id: ResourceId,
    /// Its name, unique among resources.
    pub name: String,
    /// The databases whose profiles may subscribe.
    #[serde(default)]
    pub databases: Vec<DatabaseId>,
    /// Channels: the vendor's, or lower-case words for custom ones.
    pub channels: Vec<String>,
    /// Categories.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Custom subscription fields.
    #[serde(default)]
    pub fields: Vec<FieldDeclaration>,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountDeclaration {
    /// Its name, unique.
    pub name: String,
    /// The databases that its tokens open.
    #[serde(default)]
    pub databases: Vec<DatabaseId>,
    /// Whom it may have told that a job has ended.
    #[serde(default)]
    pub callbacks: Option<CallbacksDeclaration>,
    /// Tokens to add.
    #[serde(default)]
    pub tokens: Vec<Token>,
}

/// A token, or another secret, in a file. Does not show itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

impl Catalog {
    /// What the catalogue becomes by a declaration, and how that differs from what it is now.
    ///
    /// Fields that are known by name keep their numbers; new ones get the next number of their database or resource.
    ///
    /// # Errors
    /// Everything that is wrong with the declaration, each with its path in the file.
    pub fn declare(&self, declaration: &Declaration) -> Result<(Self, Vec<Change>), Vec<String>> {
        let problems = check::problems(declaration, self);
        if !problems.is_empty() {
            return Err(problems);
        }
        let target = target::build(self, declaration)?;
        let changes = diff::changes(self, &target);
        Ok((target, changes))
    }
}

#[cfg(test)]
mod tests;
