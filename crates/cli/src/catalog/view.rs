//! The catalogue in the form of a declaration, as it is written: what has its default is left out.

use std::collections::BTreeMap;

use intake_types::callback::CallbackSecret;
use intake_types::catalog::{Account, Catalog, Database, Resource};
use intake_types::{Field, FieldType};
use serde::Serialize;
use serde_saphyr::{FlowMap, FlowSeq, SpaceAfter, ser_options};

use crate::error::Error;

type Words<'a> = FlowSeq<Vec<&'a str>>;
type Ids = FlowSeq<Vec<i32>>;
type Fields<'a> = Vec<FlowMap<FieldView<'a>>>;

#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    databases: SpaceAfter<Vec<DatabaseView<'a>>>,
    resources: SpaceAfter<Vec<ResourceView<'a>>>,
    accounts: Vec<AccountView<'a>>,
}

#[derive(Debug, Serialize)]
struct DatabaseView<'a> {
    id: i32,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<Words<'a>>,
    fields: Fields<'a>,
}

#[derive(Debug, Serialize)]
struct FieldView<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    field_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Words<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    matchable: bool,
    #[serde(skip_serializing_if = "is_false")]
    unique: bool,
}

#[derive(Debug, Serialize)]
struct ResourceView<'a> {
    id: i32,
    name: &'a str,
    databases: Ids,
    channels: Words<'a>,
    categories: Words<'a>,
    fields: Fields<'a>,
}

#[derive(Debug, Serialize)]
struct AccountView<'a> {
    name: &'a str,
    databases: Ids,
    #[serde(skip_serializing_if = "Option::is_none")]
    callbacks: Option<CallbacksView>,
}

/// The secrets are not shown; what stands for them keeps them when the file is applied.
#[derive(Debug, Serialize)]
struct CallbacksView {
    hosts: FlowSeq<Vec<String>>,
    secret: FlowSeq<Vec<String>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'a> View<'a> {
    pub(super) fn of(catalog: &'a Catalog) -> Self {
        Self {
            databases: SpaceAfter(catalog.databases.values().map(DatabaseView::of).collect()),
            resources: SpaceAfter(catalog.resources.values().map(ResourceView::of).collect()),
            accounts: catalog.accounts.values().map(AccountView::of).collect(),
        }
    }

    pub(super) fn to_yaml(&self) -> Result<String, Error> {
        let options = ser_options! { compact_list_indent: false };
        serde_saphyr::to_string_with_options(self, options).map_err(Error::Unwritable)
    }
}

impl<'a> DatabaseView<'a> {
    fn of(database: &'a Database) -> Self {
        Self {
            id: database.id.0,
            name: &database.name,
            default_region: database.default_region.as_deref(),
            unique: (!database.unique.is_empty()).then(|| words(&database.unique)),
            fields: fields(&database.fields),
        }
    }
}

impl<'a> ResourceView<'a> {
    fn of(resource: &'a Resource) -> Self {
        Self {
            id: resource.id.0,
            name: &resource.name,
            databases: FlowSeq(resource.databases.iter().map(|id| id.0).collect()),
            channels: words(&resource.channels),
            categories: words(&resource.categories),
            fields: fields(&resource.fields),
        }
    }
}

impl<'a> AccountView<'a> {
    fn of(account: &'a Account) -> Self {
        let callbacks = account.callbacks.as_ref().map(|callbacks| CallbacksView {
            hosts: FlowSeq(callbacks.hosts.iter().map(ToString::to_string).collect()),
            secret: FlowSeq(callbacks.secrets.iter().map(CallbackSecret::masked).collect()),
        });
        let databases = FlowSeq(account.databases.iter().map(|id| id.0).collect());
        Self { name: &account.name, databases, callbacks }
    }
}

/// In the order in which they were declared, so that an empty installation gives them the same numbers.
fn fields(fields: &BTreeMap<String, Field>) -> Fields<'_> {
    let mut fields: Vec<&Field> = fields.values().collect();
    fields.sort_by_key(|field| field.number);
    fields.into_iter().map(|field| FlowMap(FieldView::of(field))).collect()
}

impl<'a> FieldView<'a> {
    fn of(field: &'a Field) -> Self {
        let values = match &field.field_type {
            FieldType::Enum(values) => Some(words(values)),
            _ => None,
        };
        Self {
            name: &field.name,
            field_type: field.field_type.word(),
            values,
            matchable: field.matchable,
            unique: field.unique,
        }
    }
}

fn words<'a>(words: impl IntoIterator<Item = &'a String>) -> Words<'a> {
    FlowSeq(words.into_iter().map(String::as_str).collect())
}

#[cfg(test)]
mod tests {
    use intake_types::catalog::Declaration;

    use super::*;

    const DEMO: &str = include_str!("../../../../deploy/demo/catalog.yaml");

    const ODD: &str = r##"
databases:
  - { id: 7, name: "yes", fields: [ { name: "null", type: enum, values: ["1", "a, b", "#x", "- y", "ü:", "it's"] } ] }
resources:
  - { id: 1, name: "@x: [y]", channels: ["on"], categories: ["~", "2020-01-01", "{a}"] }
accounts:
  - { name: "\"quoted\" \\", databases: [7] }
  - name: told
    callbacks: { hosts: [b.example.com, "http://[::1]:9000"], secret: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] }
"##;

    fn catalog(yaml: &str) -> Catalog {
        let declaration: Declaration = serde_saphyr::from_str(yaml).unwrap();
        Catalog::default().declare(&declaration).unwrap().0
    }

    #[test]
    fn what_is_shown_can_be_applied_and_changes_nothing() {
        for yaml in [DEMO, ODD, "databases: []"] {
            let catalog = catalog(yaml);
            let shown = View::of(&catalog).to_yaml().unwrap();
            let declaration = serde_saphyr::from_str(&shown).unwrap();
            let (again, changes) = catalog.declare(&declaration).unwrap();
            assert_eq!((&changes[..], &again), (&[][..], &catalog), "{shown}");
            assert!(!shown.contains("MfKQ"), "{shown}");
        }
    }

    #[test]
    fn no_token_is_shown_and_defaults_are_left_out() {
        let shown = View::of(&catalog(DEMO)).to_yaml().unwrap();
        assert!(!shown.contains("token") && !shown.contains("false") && !shown.contains("default_region"));
        assert!(
            shown.contains("\n      - {name: crm_code, type: string, matchable: true, unique: true}\n"),
            "{shown}"
        );
    }
}
