//! Requests that are taken, and every way in which one is refused.

use serde_json::json;

use super::*;
use crate::catalog::{Database, Resource};
use crate::field::{Field, FieldType};
use crate::wire::{Format, Limits, parameters, read};
use crate::{DatabaseId, JobKey};

fn field(name: &str, number: i16, matchable: bool) -> (String, Field) {
    let field = Field { name: name.to_owned(), number, field_type: FieldType::Int, matchable, unique: false };
    (name.to_owned(), field)
}

fn catalog() -> Catalog {
    let database = |id: i32, fields: Vec<(String, Field)>| Database {
        id: DatabaseId(id),
        name: id.to_string(),
        default_region: None,
        unique: std::collections::BTreeSet::new(),
        fields: fields.into_iter().collect(),
    };
    let fields = vec![field("Custom_ID", 1, true), field("crm_code", 2, true), field("city", 3, false)];
    let resource = |id: i32, database: i32| Resource {
        id: ResourceId(id),
        name: id.to_string(),
        databases: [DatabaseId(database)].into(),
        channels: std::collections::BTreeSet::default(),
        categories: std::collections::BTreeSet::default(),
        fields: std::collections::BTreeMap::default(),
    };
    let mut catalog = Catalog::default();
    catalog.databases.insert(DatabaseId(1), database(1, fields));
    catalog.databases.insert(DatabaseId(2), database(2, Vec::new()));
    for resource in [resource(28, 1), resource(29, 1), resource(30, 2)] {
        catalog.resources.insert(resource.id, resource);
    }
    catalog
}

fn account() -> Account {
    let callbacks = json!({"hosts": ["hooks.example.com"], "secrets": [format!("whsec_{}", "A".repeat(32))]});
    serde_json::from_value(json!({"name": "demo", "databases": [1, 2], "callbacks": callbacks})).unwrap()
}

/// Checks a request for database 1 with these members beside `data`, which has `records` of them.
fn check(mut parameters: Value, records: usize) -> Result<Header, Refusal> {
    if records > 0 {
        parameters["data"] = vec![json!({}); records].into();
    }
    check_body(Format::Json, &parameters.to_string(), 1)
}

fn check_body(format: Format, body: &str, database: i32) -> Result<Header, Refusal> {
    let catalog = catalog();
    let envelope = read(format, body.as_bytes(), &Limits::default())?;
    let database = &catalog.databases[&DatabaseId(database)];
    let batch = Batch::check(envelope, Operation::Import, &catalog, &account(), database)?;
    let job =
        JobId::mint(1_700_000_000_000_000_000, 1, "demo", &JobKey::new(b"a key for these tests").unwrap());
    let (header, records) = batch.into_message(job, "demo").into_parts();
    assert_eq!(usize::try_from(header.total).unwrap(), records.len());
    Ok(header)
}

fn refused(parameters: Value, records: usize) -> String {
    check(parameters, records).unwrap_err().to_string()
}

fn warnings(parameters: Value, records: usize) -> Vec<String> {
    let warnings = check(parameters, records).unwrap().warnings;
    assert!(warnings.iter().all(|warning| warning.code == Code::UnknownParameter && warning.field.is_some()));
    warnings.into_iter().map(|warning| warning.text).collect()
}

#[test]
fn everything_has_a_default() {
    let header = check(json!({"token": "t", "format": "xml", "db_id": 1}), 2).unwrap();
    assert_eq!(header.rule, MatchRule::Email);
    assert_eq!((header.total, header.db_id, header.account.as_str()), (2, DatabaseId(1), "demo"));
    assert_eq!((header.unknown_fields, header.nulls), (UnknownFields::Reject, Nulls::Ignore));
    assert!(!header.skip_invalid_subscriptions && !header.skip_triggers && !header.detect_geo);
    assert_eq!((header.operation, header.match_values.len()), (Operation::Import, 0));
    assert_eq!((header.resource_id, header.external_id), (None, None));
    assert_eq!(header.warnings, []);
}

#[test]
fn both_formats_make_the_same_header() {
    let json = json!({
        "matching": "custom", "field_name": "Custom_ID", "field_value": "7", "resource_id": 28, "detect_geo": "1",
        "skip_triggers": true, "skip_invalid_subscriptions": 1, "unknown_fields": "ignore", "nulls": "clear",
        "validate_only": "true", "external_id": "nightly", "colour": "red", "data": [{}],
    });
    let xml = "<xml><data/><colour>red</colour><matching> custom </matching><field_name>Custom_ID</field_name>\
        <field_value>7</field_value><resource_id>28</resource_id><detect_geo>true</detect_geo>\
        <skip_triggers>1</skip_triggers><skip_invalid_subscriptions>true</skip_invalid_subscriptions>\
        <unknown_fields>ignore</unknown_fields><nulls>clear</nulls><validate_only>1</validate_only>\
        <external_id>nightly</external_id></xml>";
    let header = check_body(Format::Json, &json.to_string(), 1).unwrap();
    assert_eq!(check_body(Format::Xml, xml, 1).unwrap(), header);
    assert_eq!(header.rule, MatchRule::Custom { field: "Custom_ID".to_owned() });
    assert_eq!(json!(header.match_values), json!({"field_value": "7"}));
    assert_eq!(header.resource_id, Some(ResourceId(28)));
    assert!(
        header.skip_invalid_subscriptions
            && header.skip_triggers
            && header.detect_geo
            && header.validate_only
    );
    assert_eq!((header.unknown_fields, header.nulls), (UnknownFields::Ignore, Nulls::Clear));
    assert_eq!(header.external_id.as_deref(), Some("nightly"));
}

#[test]
fn data_is_required() {
    insta::assert_snapshot!(refused(json!({}), 0), @"data: required: an array of records");
    insta::assert_snapshot!(refused(json!({"data": []}), 0), @"data: holds no record; at least one is needed");
    let xml = check_body(Format::Xml, "<xml><data array='true'/></xml>", 1).unwrap_err();
    assert_eq!(xml.to_string(), refused(json!({"data": []}), 0));
}

#[test]
fn matching_is_a_known_word() {
    insta::assert_snapshot!(refused(json!({"matching": "e-mail"}), 1), @"matching: `e-mail` is unknown; allowed: email, email_profile, email_sub, phone, phone_sub, profile_id, push_sub, custom, custom_sub, email_phone, email_phone_sub");
    assert!(
        refused(json!({"matching": ["email"]}), 1)
            .starts_with("matching: an array is no word; allowed: email")
    );
    for word in MatchRule::WORDS {
        let named = if word == "custom_sub" { "id" } else { "Custom_ID" };
        let header = check(json!({"matching": word, "field_name": named}), 1).unwrap();
        assert_eq!(header.rule.word(), word);
    }
}

#[test]
fn custom_sub_names_what_channels_have() {
    let custom_sub = |name: Value| json!({"matching": "custom_sub", "field_name": name});
    insta::assert_snapshot!(refused(custom_sub(json!(" ")), 1), @"field_name: required by matching `custom_sub`: a member of `cc_data`, such as id or phone");
    insta::assert_snapshot!(refused(custom_sub(json!("login")), 1), @"field_name: `login` is in no `cc_data`: no resource of database 1 has a custom channel; allowed: id, phone");
    assert!(check(custom_sub(json!("phone")), 1).is_ok());
}

#[test]
fn an_id_names_nobody_new() {
    let catalog = catalog();
    let body = br#"{"matching": "profile_id", "data": [{}]}"#;
    let envelope = read(Format::Json, body, &Limits::default()).unwrap();
    let database = &catalog.databases[&DatabaseId(1)];
    let refused = Batch::check(envelope, Operation::Add, &catalog, &account(), database);
    insta::assert_snapshot!(refused.unwrap_err(), @"matching: `profile_id` names a profile that is there, and add_batch makes new ones; use another");
}

#[test]
fn custom_names_a_matchable_field() {
    let custom = |name: Value| refused(json!({"matching": "custom", "field_name": name}), 1);
    insta::assert_snapshot!(custom(Value::Null), @"field_name: required by matching `custom`: the name of a custom field; matchable: Custom_ID, crm_code");
    insta::assert_snapshot!(custom(json!("city")), @"field_name: `city` is not declared matchable; matchable: Custom_ID, crm_code");
    insta::assert_snapshot!(custom(json!("_fname")), @"field_name: `_fname` is a system field, matching `custom` takes a custom one; matchable: Custom_ID, crm_code");
    insta::assert_snapshot!(custom(json!("x".repeat(1000))), @"field_name: database 1 has no field `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`; matchable: Custom_ID, crm_code");
    insta::assert_snapshot!(custom(json!(7)), @"field_name: must be text, got 7");
    let body = r#"{"matching": "custom", "field_name": "Custom_ID", "data": [{}]}"#;
    insta::assert_snapshot!(check_body(Format::Json, body, 2).unwrap_err(), @"field_name: database 2 has no field `Custom_ID`; matchable: none");
}

#[test]
fn a_match_value_needs_exactly_one_record() {
    for name in ["field_value", "email", "phone", "profile_id", "provider", "subscription_id"] {
        assert!(refused(json!({name: "x"}), 2).starts_with(&format!("{name}: a match value beside `data`")));
        assert!(check(json!({name: null}), 2).is_ok());
        assert!(refused(json!({name: {}}), 1).ends_with("got an object"));
    }
    insta::assert_snapshot!(refused(json!({"email": "a@example.com"}), 2), @"email: a match value beside `data` is allowed with exactly one record, got 2; put it into the records");
    insta::assert_snapshot!(refused(json!({"email": 7}), 1), @"email: must be text, got 7");
    insta::assert_snapshot!(refused(json!({"field_value": {"a": 1}}), 1), @"field_value: must be text, a number or an array of tags, got an object");
    assert!(refused(json!({"field_value": [[1]]}), 1).ends_with("got an array"));
    let values = |parameters| json!(check(parameters, 1).unwrap().match_values);
    assert_eq!(values(json!({"email": "A@b.c"})), json!({"email": "A@b.c"}));
    assert_eq!(values(json!({"matching": "email_profile", "email": "A@b.c"})), json!({"email": "A@b.c"}));
    let custom = json!({"matching": "custom", "field_name": "Custom_ID", "field_value": 7});
    assert_eq!(values(custom), json!({"field_value": 7}));
    assert_eq!(values(json!({"phone": "+79000000000"})), json!({}));
    let both = json!({"matching": "email_phone", "email": "A@b.c", "phone": "+79000000000"});
    assert_eq!(values(both), json!({"email": "A@b.c", "phone": "+79000000000"}));
}

#[test]
fn what_is_not_used_is_warned_of() {
    let unused =
        json!({"phone": "+7", "field_name": "Custom_ID", "matching": "email_profile", "resource_id": 28});
    insta::assert_snapshot!(warnings(unused, 1).join("\n"), @r"
    `field_name` was ignored: matching `email_profile` does not use it
    `phone` was ignored: matching `email_profile` does not use it
    `resource_id` was ignored: matching `email_profile` does not use it
    ");
    let unknown = json!({"colour": null, "x".repeat(1000): [1, 2]});
    insta::assert_snapshot!(warnings(unknown, 2).join("\n"), @r"
    unknown parameter `colour` was ignored
    unknown parameter `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` was ignored
    ");
    assert_eq!(
        warnings(json!({"resource_id": "29", "validate_only": false, "callback_url": null}), 2),
        [""; 0]
    );
}

#[test]
fn resources_belong_to_the_database() {
    insta::assert_snapshot!(refused(json!({"resource_id": 30}), 1), @"resource_id: database 1 has no resource 30; allowed: 28, 29");
    insta::assert_snapshot!(refused(json!({"resource_id": "news"}), 1), @"resource_id: must be an int from -2147483648 to 2147483647, got `news`");
}

#[test]
fn a_callback_goes_to_a_host_of_the_account() {
    insta::assert_snapshot!(refused(json!({"callback_url": "https://example.com"}), 1), @"callback_url: `https://example.com` is not allowed for this account; allowed: https://hooks.example.com");
    let header = check(json!({"callback_url": "https://hooks.example.com/a"}), 1).unwrap();
    assert_eq!(header.callback_url.as_deref(), Some("https://hooks.example.com/a"));
}

#[test]
fn words_and_flags_are_checked() {
    insta::assert_snapshot!(refused(json!({"unknown_fields": "drop"}), 1), @"unknown_fields: `drop` is not allowed; allowed: reject, ignore");
    insta::assert_snapshot!(refused(json!({"nulls": 1}), 1), @"nulls: 1 is not allowed; allowed: ignore, clear, reject");
    insta::assert_snapshot!(refused(json!({"validate_only": "maybe"}), 1), @"validate_only: must be true or false, got `maybe`");
    insta::assert_snapshot!(refused(json!({"skip_triggers": "yes"}), 1), @"skip_triggers: must be true or false, got `yes`");
    insta::assert_snapshot!(refused(json!({"detect_geo": 2}), 1), @"detect_geo: must be true or false, got 2");
    insta::assert_snapshot!(refused(json!({"skip_invalid_subscriptions": []}), 1), @"skip_invalid_subscriptions: must be true or false, got an array");
    insta::assert_snapshot!(refused(json!({"external_id": "ж".repeat(201)}), 1), @"external_id: `жжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжж…` has 201 characters, 200 are allowed");
    insta::assert_snapshot!(refused(json!({"external_id": true}), 1), @"external_id: must be text or a number, got true");
    let numbered = check(json!({"external_id": 7}), 1).unwrap().external_id;
    assert_eq!(numbered.as_deref(), Some("7"));
    assert!(check(json!({"external_id": "ж".repeat(200)}), 1).is_ok());
}

#[test]
fn a_stream_is_checked_without_its_records() {
    let catalog = catalog();
    let check = |query: &[(&str, &str)]| -> Result<Header, Refusal> {
        let pairs = query.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let envelope = parameters(pairs)?;
        let terms = Terms::of_stream(
            &envelope,
            Operation::Import,
            &catalog,
            &account(),
            &catalog.databases[&DatabaseId(1)],
        )?;
        let key = JobKey::new(b"a key for these tests").unwrap();
        Ok(terms.into_stream_header(JobId::mint(1_700_000_000_000_000_000, 1, "demo", &key), "demo"))
    };
    let text = |query: &[(&str, &str)]| check(query).map(|_| ()).unwrap_err().to_string();
    let header = check(&[
        ("matching", " custom "),
        ("field_name", "Custom_ID"),
        ("skip_triggers", "1"),
        ("nulls", "clear"),
        ("x", "y"),
    ])
    .unwrap();
    assert!(header.streamed && header.skip_triggers && header.nulls == Nulls::Clear);
    assert_eq!(header.rule, MatchRule::Custom { field: "Custom_ID".to_owned() });
    assert_eq!(header.warnings.len(), 1);
    assert_eq!(
        text(&[("email", "a@example.com")]),
        "email: a match value beside the records is not allowed in a stream; put it into the records"
    );
    assert!(text(&[("data", "[]")]).starts_with("data: the records are the body"));
    assert!(text(&[("x", "1"), ("x", "2")]).ends_with("send it once"));
    assert!(text(&[("x", &"y".repeat(65 * 1024))]).ends_with("allowed for a parameter"));
    let many: Vec<(String, String)> = (0..101).map(|number| (number.to_string(), String::new())).collect();
    assert!(matches!(parameters(many).map(|_| ()), Err(Refusal::TooLarge { what: "parameters", .. })));
}
