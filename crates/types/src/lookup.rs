//! A question for profiles: the match value that a request names, as keys to look up.

use crate::batch::{matching, resource};
use crate::catalog::{Catalog, Database};
use crate::{Envelope, Key, Refusal, Sources};

/// The match value of a `profiles/get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The values; a profile that carries one of them is meant.
    pub keys: Vec<Key>,
    /// The places in which they count; `None`: wherever a profile carries them.
    pub places: Option<Sources>,
}

impl Lookup {
    /// Reads the question from a request for `database`, which the caller has found to be the account's.
    ///
    /// # Errors
    /// When the matching is unknown, or its value is missing or not one that its field could hold.
    pub fn of(envelope: &Envelope<'_>, catalog: &Catalog, database: &Database) -> Result<Self, Refusal> {
        let rule = matching::rule(envelope, database)?;
        let name = rule.parameter();
        let wrong = |problem: String| Refusal::parameter(name, problem);
        let value = envelope
            .sent(name)
            .ok_or_else(|| wrong(format!("required by matching `{}`: the value to look for", rule.word())))?;
        let field = database.field(rule.field());
        let field = field.ok_or_else(|| wrong(format!("database {} has no such field", database.id)))?;
        let stored = field
            .field_type
            .check(value, database.default_region.as_deref())
            .map_err(|problem| wrong(problem.text))?;
        let places = rule.places(resource(envelope, catalog, database)?);
        Ok(Self { keys: rule.keys(database, &stored), places })
    }
}
