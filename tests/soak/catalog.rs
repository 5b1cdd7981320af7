//! The catalogue of the soak: what it begins with, and what it becomes in the middle.

use intake_types::catalog::{Catalog, Declaration};
use serde_json::{Value, json};

/// A field that is not there at first: records that have it fail until it is declared, and can be retried then.
pub(crate) const LATER: &str = "later";

/// What it begins with.
pub(crate) fn first() -> Declaration {
    read(declared())
}

/// What it becomes.
pub(crate) fn mended() -> Declaration {
    let mut declared = declared();
    for database in declared["databases"].as_array_mut().into_iter().flatten() {
        let fields = database["fields"].as_array_mut().expect("it has fields");
        fields.push(json!({"name": LATER, "type": "string"}));
    }
    read(declared)
}

/// What records are drafted by at the end.
pub(crate) fn catalog() -> Catalog {
    Catalog::default().declare(&mended()).expect("it can be declared").0
}

fn declared() -> Value {
    serde_saphyr::from_str(include_str!("catalog.yaml")).expect("it is YAML")
}

fn read(declared: Value) -> Declaration {
    serde_json::from_value(declared).expect("it is a declaration")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use intake_broker::{Class, Lane};

    use super::*;

    #[test]
    fn each_account_has_lanes_of_its_own() {
        let accounts = catalog().accounts;
        let lanes: BTreeSet<_> = accounts.keys().map(|name| Lane::of(Class::Small, name)).collect();
        assert_eq!((accounts.len(), lanes.len()), (4, 4));
    }
}
