//! What holds for every type of field.

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::*;

fn all_types() -> Vec<FieldType> {
    let words = ["free", "pro", "2", "team"].map(str::to_owned).to_vec();
    vec![
        FieldType::Int,
        FieldType::Float,
        FieldType::String,
        FieldType::Date,
        FieldType::Bool,
        FieldType::Enum(words),
        FieldType::Ip,
        FieldType::Tags,
        FieldType::Object,
        FieldType::ArrObject,
        FieldType::Email,
        FieldType::Phones,
        FieldType::Sex,
        FieldType::Status,
        FieldType::TimeZone,
    ]
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-9_i64..9).prop_map(Value::from),
        r"-?[0-9]{1,20}(\.[0-9]{1,20})?".prop_map(Value::from),
        r"-?(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|text| text.parse::<Number>().map_or(Value::from(text), Value::Number)),
        any::<String>().prop_map(Value::from),
        r"[ ,a-zA-Z0-9@._+:-]{0,30}".prop_map(Value::from),
        r" ?[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?(Z|[+-]0[0-9]:00))?"
            .prop_map(Value::from),
        r"[A-Za-z0-9.+-]{1,9}@[A-Za-zäя0-9-]{1,9}\.[a-zя]{2,5}".prop_map(Value::from),
        r"\+7 ?9[0-9]{9}".prop_map(Value::from),
        any::<std::net::IpAddr>().prop_map(|ip| Value::from(ip.to_string().to_uppercase())),
        prop::sample::select(vec!["male", "female", "subscribed", "pro", "true", "Europe/Moscow", "UTC"])
            .prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((r"[a-z\x00]{0,4}", inner), 0..5)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_stored_value_is_stored_as_itself(value in values()) {
        for field_type in all_types() {
            if let Ok(stored) = field_type.check(&value, Some("RU")) {
                prop_assert_eq!(field_type.check(&stored, Some("RU")), Ok(stored.clone()), "{:?}", field_type);
                prop_assert!(!stored.to_string().contains("\\u0000"));
            }
        }
    }

    #[test]
    fn a_problem_is_told_in_few_words(value in values()) {
        for field_type in all_types() {
            if let Err(problem) = field_type.check(&value, None) {
                prop_assert!(problem.text.chars().count() < 400, "{}", problem.text);
                prop_assert!(!problem.text.contains('\0') && !problem.path.contains('\0'));
                prop_assert_eq!(problem.code.number(), 400);
            }
        }
    }
}

#[test]
fn an_empty_text_is_a_value_of_few_types() {
    for field_type in all_types() {
        let is_fine = matches!(field_type, FieldType::String | FieldType::Tags);
        assert_eq!(field_type.check(&json!(""), None).is_ok(), is_fine, "{field_type:?}");
    }
}

#[test]
fn null_is_always_itself() {
    for field_type in all_types() {
        assert_eq!(field_type.check(&Value::Null, None), Ok(Value::Null));
    }
}

#[test]
fn words_are_told_apart() {
    let words: std::collections::BTreeSet<&str> = all_types().iter().map(FieldType::word).collect();
    assert_eq!(words.len(), all_types().len());
    assert_eq!(FieldType::Sex.values(), ["male", "female"]);
    assert_eq!(FieldType::Status.values().len(), 7);
    assert!(FieldType::Int.values().is_empty());
}

#[test]
fn fields_survive_storage() {
    for (number, field_type) in (1..).zip(all_types()) {
        let matchable = field_type.is_matchable();
        let field = Field { name: "x".to_owned(), number, field_type, matchable, unique: matchable };
        let stored = serde_json::to_value(&field).unwrap();
        assert_eq!(serde_json::from_value::<Field>(stored).unwrap(), field);
    }
    let field = Field {
        name: "plan".to_owned(),
        number: 3,
        field_type: FieldType::Enum(vec!["free".to_owned()]),
        matchable: false,
        unique: false,
    };
    let stored =
        json!({"name": "plan", "number": 3, "type": {"enum": ["free"]}, "matchable": false, "unique": false});
    assert_eq!(serde_json::to_value(field).unwrap(), stored);
}
