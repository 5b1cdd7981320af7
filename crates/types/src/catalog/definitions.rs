//! Digests of what is declared: whether anything that bears on the records of a database is still the same.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Value, to_value};
use sha2::{Digest, Sha256};

use super::{Catalog, Database, Resource};
use crate::DatabaseId;

/// Made when first asked for, since few ask. A catalogue that was asked must not be changed any more.
#[derive(Debug, Default)]
pub(super) struct Definitions(OnceLock<BTreeMap<DatabaseId, [u8; 32]>>);

impl Catalog {
    /// The digest of a database's definition and of those of the resources that are attached to it, but for their names.
    pub(crate) fn definition(&self, database: &Database) -> Option<[u8; 32]> {
        let all = self.definitions.0.get_or_init(|| {
            let databases = self.databases.values();
            databases.filter_map(|database| Some((database.id, self.digest(database)?))).collect()
        });
        all.get(&database.id).copied()
    }

    fn digest(&self, database: &Database) -> Option<[u8; 32]> {
        let attached = |resource: &&Resource| resource.databases.contains(&database.id);
        let mut definitions = vec![to_value(database).ok()?];
        for resource in self.resources.values().filter(attached) {
            definitions.push(to_value(resource).ok()?);
        }
        for definition in definitions.iter_mut().filter_map(Value::as_object_mut) {
            definition.remove("name");
        }
        Some(Sha256::digest(serde_json::to_vec(&definitions).ok()?).into())
    }
}

/// A copy may be changed.
impl Clone for Definitions {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// They follow from the rest of the catalogue.
impl PartialEq for Definitions {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Definitions {}
