//! The vendor's request examples.

use super::*;

static JSON: &str = r#"{
"token": "abcdefghijklmnqrstuvwxyz",
"db_id": 1,
"matching": "custom",
"field_name": "Custom_ID",
"skip_triggers": true,
"data": [
{
"_fname": "Lala",
"_lname": "Doe",
"Custom_ID": 77,
"email": "example@example.com",
"subscriptions": [
{
"channel": "email",
"email_data": {
"email": "example@example.com"
},
"resource_id": 28,
"custom_fields": {
"custom_field": "test value"
},
"cats": [
"category_1",
"category_2"
]
}
]
},
{
"_fname": "Victor",
"Custom_ID": 88,
"email": "example@example.com"
}
]
}"#;

const XML: &str = "<xml>
<token>abcdefghijklmnqrstuvwxyz</token>
<db_id>1</db_id>
<matching>custom</matching>
<field_name>Custom_ID</field_name>
<skip_triggers>true</skip_triggers>
<data>
<_fname>Lala</_fname>
<_lname>Doe</_lname>
<Custom_ID>77</Custom_ID>
<email>example@example.com</email>
<subscriptions array='true'>
<channel>email</channel>
<email_data>
<email>example@example.com</email>
</email_data>
<resource_id>28</resource_id>
<custom_fields>
<custom_field>test value</custom_field>
</custom_fields>
<cats>category_1</cats>
<cats>category_2</cats>
</subscriptions>
</data>
<data>
<_fname>Alex</_fname>
<Custom_ID>345</Custom_ID>
<email>example@example.com</email>
</data>
</xml>";

/// Scalars as XML has them.
fn untyped(value: Value) -> Value {
    match value {
        Value::Bool(flag) => Value::from(flag.to_string()),
        Value::Number(number) => Value::from(number.to_string()),
        Value::Array(items) => items.into_iter().map(untyped).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, untyped(value))).collect(),
        other => other,
    }
}

#[test]
fn both_examples_say_the_same() {
    let (json, xml) = (untyped(read_json(JSON).unwrap()), read_xml(XML).unwrap());
    assert_eq!(json["parameters"], xml["parameters"]);
    assert_eq!(json["data"][0], xml["data"][0]);
    assert_eq!(xml["data"][1], json!({"_fname": "Alex", "Custom_ID": "345", "email": "example@example.com"}));
    assert_eq!(
        json["data"][1],
        json!({"_fname": "Victor", "Custom_ID": "88", "email": "example@example.com"})
    );
}

#[test]
fn json_records_are_borrowed_as_sent() {
    let envelope = read(Format::Json, JSON.as_bytes(), &Limits::default()).unwrap();
    let records = envelope.data.unwrap();
    assert_eq!(
        records[1].get(),
        "{\n\"_fname\": \"Victor\",\n\"Custom_ID\": 88,\n\"email\": \"example@example.com\"\n}"
    );
    assert!(records.iter().all(|record| JSON.as_bytes().as_ptr_range().contains(&record.get().as_ptr())));
}
