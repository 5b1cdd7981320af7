//! A question for fields: which ones the profiles of a database, or the subscriptions to a resource, have.

use std::collections::BTreeMap;

use crate::batch::unknown_parameters;
use crate::catalog::{Account, Catalog, Database, Resource};
use crate::envelope::shortened;
use crate::field::{listed, system_fields_in_order};
use crate::{Envelope, Field, Refusal, ResourceId, Warning};

/// Parameters of every request for fields.
const KNOWN: [&str; 2] = ["token", "format"];

/// The answer to a `fields_get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The fields: the system's first, then custom ones in the order in which they were declared.
    pub fields: Vec<Field>,
    /// What the client should know.
    pub warnings: Vec<Warning>,
}

impl Listing {
    /// The fields of the profiles of `database`, which the caller has found to be the account's.
    pub fn of_database(envelope: &Envelope<'_>, database: &Database) -> Self {
        let fields = system_fields_in_order().iter().chain(in_order(&database.fields));
        let fields = fields.map(|field| Field { unique: database.is_unique(field), ..field.clone() });
        Self { fields: fields.collect(), warnings: warnings(envelope, &["db_id"]) }
    }

    /// The fields of the subscriptions to the resource that the request names. They are the same in all its channels.
    ///
    /// # Errors
    /// [`Refusal::Parameter`] when no resource is named, or a channel that it has not; [`Refusal::NoResource`] when the
    /// account may not use it.
    pub fn of_resource(
        envelope: &Envelope<'_>,
        catalog: &Catalog,
        account: &Account,
    ) -> Result<Self, Refusal> {
        let id = resource_id(envelope)?;
        let resource = catalog.resource_for(account, id).ok_or(Refusal::NoResource(id))?;
        check_channel(envelope, resource)?;
        let fields = in_order(&resource.fields).into_iter().cloned().collect();
        Ok(Self { fields, warnings: warnings(envelope, &["resource_id", "id", "channel"]) })
    }
}

/// The vendor's name for it here is `id`.
fn resource_id(envelope: &Envelope<'_>) -> Result<ResourceId, Refusal> {
    match (envelope.int("resource_id")?, envelope.int("id")?) {
        (Some(resource_id), Some(id)) if resource_id != id => {
            let problem = format!("{id} is not the {resource_id} of resource_id; send one of the two");
            Err(Refusal::parameter("id", problem))
        }
        (Some(id), _) | (None, Some(id)) => Ok(ResourceId(id)),
        (None, None) => {
            let problem = "required: the id of a resource, an int (`id` is taken too)";
            Err(Refusal::parameter("resource_id", problem))
        }
    }
}

fn check_channel(envelope: &Envelope<'_>, resource: &Resource) -> Result<(), Refusal> {
    match envelope.text("channel")?.map(str::trim) {
        Some(channel) if !resource.channels.contains(channel) => {
            let allowed = listed(&resource.channels);
            let channel = shortened(channel);
            let problem = format!("resource {} has no channel `{channel}`; allowed: {allowed}", resource.id);
            Err(Refusal::parameter("channel", problem))
        }
        _ => Ok(()),
    }
}

/// Numbers are given in the order of declaration, and kept.
fn in_order(fields: &BTreeMap<String, Field>) -> Vec<&Field> {
    let mut fields: Vec<&Field> = fields.values().collect();
    fields.sort_by_key(|field| field.number);
    fields
}

fn warnings(envelope: &Envelope<'_>, known: &[&str]) -> Vec<Warning> {
    let known = [&KNOWN, known].concat();
    let mut warnings = unknown_parameters(envelope, &known);
    warnings.truncate(Envelope::MOST_TOLD);
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{DatabaseId, FieldType};

    fn catalog() -> Catalog {
        let field = |name: &str, number: i16| Field {
            name: name.to_owned(),
            number,
            field_type: FieldType::String,
            matchable: false,
            unique: false,
        };
        let fields = [field("a", 2), field("b", 1), field("_os", 3)];
        let fields: BTreeMap<String, Field> =
            fields.into_iter().map(|field| (field.name.clone(), field)).collect();
        let mut catalog = Catalog::default();
        let database = Database {
            id: DatabaseId(1),
            name: "Demo".to_owned(),
            default_region: None,
            unique: std::collections::BTreeSet::new(),
            fields: fields.clone(),
        };
        catalog.databases.insert(database.id, database);
        for (id, database) in [(28, 1), (30, 2)] {
            let resource = Resource {
                id: ResourceId(id),
                name: id.to_string(),
                databases: [DatabaseId(database)].into(),
                channels: ["email".to_owned(), "sms".to_owned()].into(),
                categories: std::collections::BTreeSet::default(),
                fields: fields.clone(),
            };
            catalog.resources.insert(resource.id, resource);
        }
        catalog
    }

    fn envelope(parameters: &Value) -> Envelope<'static> {
        let members = parameters.as_object().unwrap();
        let parameters = members.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Envelope { parameters, data: None }
    }

    fn of_resource(parameters: &Value) -> Result<Listing, Refusal> {
        let account = Account { name: "demo".to_owned(), databases: [DatabaseId(1)].into(), callbacks: None };
        Listing::of_resource(&envelope(parameters), &catalog(), &account)
    }

    fn names(listing: &Listing) -> Vec<&str> {
        listing.fields.iter().map(|field| field.name.as_str()).collect()
    }

    #[test]
    fn a_database_lists_its_system_fields_and_then_its_own_in_order() {
        let listing =
            Listing::of_database(&envelope(&json!({"db_id": 1})), &catalog().databases[&DatabaseId(1)]);
        let names = names(&listing);
        assert_eq!(names[..4], ["email", "phones", "_fname", "_lname"]);
        assert_eq!(names[names.len() - 3..], ["b", "a", "_os"]);
        assert!(listing.fields.iter().take(21).all(Field::is_system));
        assert!(!listing.fields.iter().skip(21).any(Field::is_system));
        assert!(listing.warnings.is_empty());
    }

    #[test]
    fn a_resource_goes_by_either_name_and_one_of_its_channels() {
        for parameters in [
            json!({"resource_id": 28}),
            json!({"id": "28", "channel": " sms "}),
            json!({"resource_id": 28, "id": 28, "channel": null}),
        ] {
            assert_eq!(names(&of_resource(&parameters).unwrap()), ["b", "a", "_os"], "{parameters}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (parameters, text) in [
            (json!({}), "resource_id: required: the id of a resource, an int (`id` is taken too)"),
            (
                json!({"id": 28, "resource_id": 29}),
                "id: 28 is not the 29 of resource_id; send one of the two",
            ),
            (json!({"id": 30}), "resource_id: no resource 30 that this token may use"),
            (json!({"id": 77}), "resource_id: no resource 77 that this token may use"),
            (
                json!({"id": 28, "channel": "push"}),
                "channel: resource 28 has no channel `push`; allowed: email, sms",
            ),
            (json!({"id": 28, "channel": 1}), "channel: must be text, got 1"),
        ] {
            assert_eq!(of_resource(&parameters).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn a_parameter_of_another_request_is_told() {
        let listing = of_resource(&json!({"id": 28, "db_id": 1})).unwrap();
        assert_eq!(listing.warnings.len(), 1);
        assert_eq!(listing.warnings[0].field.as_deref(), Some("db_id"));
        let import = Envelope { data: Some(Vec::new()), ..envelope(&json!({})) };
        let listing = Listing::of_database(&import, &catalog().databases[&DatabaseId(1)]);
        assert_eq!(listing.warnings[0].field.as_deref(), Some("data"));
        let many: Value =
            (0..50).map(|n| (n.to_string(), json!(1))).collect::<serde_json::Map<_, _>>().into();
        let listing = Listing::of_database(&envelope(&many), &catalog().databases[&DatabaseId(1)]);
        assert_eq!(listing.warnings.len(), Envelope::MOST_TOLD);
    }
}
