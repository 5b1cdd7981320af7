//! The fields that every profile has, whatever its database declares.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Field, FieldType};

static IN_ORDER: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let types = [
        ("email", FieldType::Email),
        ("phones", FieldType::Phones),
        ("_fname", FieldType::String),
        ("_lname", FieldType::String),
        ("_bdate", FieldType::Date),
        ("_sex", FieldType::Sex),
        ("_status", FieldType::Status),
        ("_regdate", FieldType::Date),
        ("_regip", FieldType::Ip),
        ("_regcity", FieldType::String),
        ("_regcountry", FieldType::String),
        ("_regurl", FieldType::String),
        ("_ip", FieldType::Ip),
        ("_city", FieldType::String),
        ("_country", FieldType::String),
        ("_region", FieldType::String),
        ("_postal_code", FieldType::String),
        ("_tz", FieldType::TimeZone),
        ("_vendor", FieldType::String),
        ("_browser", FieldType::String),
        ("_os", FieldType::String),
    ];
    types
        .into_iter()
        .map(|(name, field_type)| {
            let name = name.to_owned();
            Field { name, number: 0, field_type, matchable: false, unique: false }
        })
        .collect()
});

static BY_NAME: LazyLock<BTreeMap<String, Field>> =
    LazyLock::new(|| IN_ORDER.iter().map(|field| (field.name.clone(), field.clone())).collect());

/// The system fields by name.
pub(crate) fn system_fields() -> &'static BTreeMap<String, Field> {
    &BY_NAME
}

/// The system fields in the order of the contract.
pub(crate) fn system_fields_in_order() -> &'static [Field] {
    &IN_ORDER
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contract_lists_them() {
        assert_eq!(system_fields().len(), 21);
        assert!(system_fields().iter().all(|(name, field)| *name == field.name && field.number == 0));
        let postal_code = &system_fields()["_postal_code"].field_type;
        assert_eq!(postal_code.check(&json!(190_000), None), Ok(json!("190000")));
    }
}
