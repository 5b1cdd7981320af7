//! The catalogue that a sound declaration asks for, with numbers for its fields.

use std::collections::BTreeMap;

use super::{Catalog, Declaration, FieldDeclaration, callbacks};
use crate::catalog::{Account, Database, Resource};
use crate::{Field, FieldType, TokenHash};

/// Largest number of a field. Leaves room for the kinds of key that are no custom fields.
const LARGEST_NUMBER: i16 = 32_000;

pub(super) fn build(current: &Catalog, declaration: &Declaration) -> Result<Catalog, Vec<String>> {
    let mut problems = Vec::new();
    let mut target = Catalog::default();
    for (at, declared) in declaration.databases.iter().enumerate() {
        let known = current.databases.get(&declared.id).map(|database| &database.fields);
        let fields = numbered(&format!("databases[{at}]"), known, &declared.fields, &mut problems);
        let (id, name, default_region) =
            (declared.id, declared.name.clone(), declared.default_region.clone());
        let unique = declared.unique.iter().cloned().collect();
        target.databases.insert(id, Database { id, name, default_region, unique, fields });
    }
    for (at, declared) in declaration.resources.iter().enumerate() {
        let known = current.resources.get(&declared.id).map(|resource| &resource.fields);
        let resource = Resource {
            id: declared.id,
            name: declared.name.clone(),
            databases: declared.databases.iter().copied().collect(),
            channels: declared.channels.iter().cloned().collect(),
            categories: declared.categories.iter().cloned().collect(),
            fields: numbered(&format!("resources[{at}]"), known, &declared.fields, &mut problems),
        };
        target.resources.insert(declared.id, resource);
    }
    for declared in &declaration.accounts {
        let known = current.accounts.get(&declared.name).and_then(|account| account.callbacks.as_ref());
        let account = Account {
            name: declared.name.clone(),
            databases: declared.databases.iter().copied().collect(),
            callbacks: declared.callbacks.as_ref().map(|declared| callbacks::build(declared, known)),
        };
        target.accounts.insert(declared.name.clone(), account);
    }
    target.tokens = tokens(current, declaration);
    if problems.is_empty() { Ok(target) } else { Err(problems) }
}

/// The tokens of accounts that stay, and those of the file.
fn tokens(current: &Catalog, declaration: &Declaration) -> BTreeMap<TokenHash, String> {
    let stays = |name: &String| declaration.accounts.iter().any(|account| account.name == *name);
    let kept =
        current.tokens.iter().filter(|(_, name)| stays(name)).map(|(hash, name)| (*hash, name.clone()));
    let declared = declaration.accounts.iter().flat_map(|account| {
        account.tokens.iter().map(|token| (TokenHash::of(&token.0), account.name.clone()))
    });
    kept.chain(declared).collect()
}

/// Fields with their numbers. Fields that go now still count, so that no number means two fields in one diff.
fn numbered(
    path: &str,
    known: Option<&BTreeMap<String, Field>>,
    declared: &[FieldDeclaration],
    problems: &mut Vec<String>,
) -> BTreeMap<String, Field> {
    let mut last = known.into_iter().flat_map(BTreeMap::values).map(|field| field.number).max().unwrap_or(0);
    let mut fields = BTreeMap::new();
    for field in declared {
        let Some(field_type) = field_type(field) else { continue };
        let number = known.and_then(|known| known.get(&field.name)).map_or_else(
            || {
                last = last.saturating_add(1);
                last
            },
            |known| known.number,
        );
        let (matchable, unique) = (field.matchable, field.unique);
        fields.insert(
            field.name.clone(),
            Field { name: field.name.clone(), number, field_type, matchable, unique },
        );
    }
    if last > LARGEST_NUMBER {
        problems.push(format!("{path}.fields: there are no numbers left for new fields"));
    }
    fields
}

/// The words of the types that a custom field may have.
pub(super) const TYPE_WORDS: [&str; 10] =
    ["int", "float", "string", "date", "bool", "enum", "ip", "tags", "object", "arr_object"];

pub(super) fn field_type(field: &FieldDeclaration) -> Option<FieldType> {
    match field.field_type.as_str() {
        "int" => Some(FieldType::Int),
        "float" => Some(FieldType::Float),
        "string" => Some(FieldType::String),
        "date" => Some(FieldType::Date),
        "bool" => Some(FieldType::Bool),
        "enum" => Some(FieldType::Enum(field.values.clone())),
        "ip" => Some(FieldType::Ip),
        "tags" => Some(FieldType::Tags),
        "object" => Some(FieldType::Object),
        "arr_object" => Some(FieldType::ArrObject),
        _ => None,
    }
}
