//! The codes of a record, failures and warnings.

use std::collections::{BTreeMap, BTreeSet};

use intake_tests::{World, WorldBuilder, fits, in_both_formats, table};
use intake_types::Code;
use serde_json::{Value, json};

use super::{API, cells};

in_both_formats!(with forgetful: every_code_is_produced_as_documented);

/// Dry runs remember nothing from chunk to chunk.
fn forgetful() -> WorldBuilder {
    World::builder().worker_arguments(&["--chunk-records", "1", "--dry-run-bytes", "0"])
}

const IMPORT: &str = "/api/v1.1/profiles/import_batch";
const ADD: &str = "/api/v1.1/profiles/add_batch";
const UPDATE: &str = "/api/v1.1/profiles/update_batch";

/// A request of one record, unless its parameters bring others.
struct Case {
    path: &'static str,
    parameters: Value,
    record: Value,
}

/// The request that produces a code. A code without one does not compile.
fn case(code: Code) -> Case {
    let import = |parameters: Value, record: Value| Case { path: IMPORT, parameters, record };
    let record = |record: Value| import(json!({}), record);
    let john = |field: &str, value: Value| record(json!({"email": "john@example.com", field: value}));
    match code {
        Code::MissingMatchValue => record(json!({"_fname": "John"})),
        Code::InvalidEmail => record(json!({"email": "john.example.com"})),
        Code::InvalidPhone => john("phones", json!(["+79000000000", "12345"])),
        Code::InvalidType => john("Custom_ID", json!("seven")),
        Code::InvalidDate => john("_bdate", json!("2001-02-30")),
        Code::InvalidIp => john("_ip", json!("300.1.1.1")),
        Code::InvalidEnum => john("plan", json!("gold")),
        Code::OutOfRange => john("Custom_ID", json!("9223372036854775808")),
        Code::UnknownField => john("nickname", json!("Jo")),
        Code::NullNotAllowed => {
            import(json!({"nulls": "reject"}), json!({"email": "john@example.com", "city": null}))
        }
        Code::InvalidAction => john("city", json!({"action": "incr", "value": 1})),
        Code::InvalidSubscription => {
            john("subscriptions", json!([{"channel": "sms", "resource_id": 28, "phone": "12345"}]))
        }
        Code::NotAnObject => record(json!("john@example.com")),
        Code::TooDeep => john("address", (0..32).fold(json!("x"), |inner, _| json!({"a": inner}))),
        Code::ProfileNotFound => {
            Case { path: UPDATE, parameters: json!({}), record: json!({"email": "nobody@example.com"}) }
        }
        Code::ProfileExists => {
            Case { path: ADD, parameters: json!({}), record: json!({"email": "owner@example.com"}) }
        }
        Code::ConflictingMatch => import(
            json!({"matching": "email_phone"}),
            json!({"email": "owner@example.com", "phone": "+79000000004"}),
        ),
        Code::NotUnique => john("crm_code", json!("A-1")),
        Code::NotProcessed => john("city", json!("Nowhere")),
        Code::AmbiguousMatch => record(json!({"email": "twin@example.com", "city": "Riga"})),
        Code::NotFindable => import(json!({"matching": "email_sub"}), json!({"email": "jane@example.com"})),
        Code::NullIgnored => john("city", json!(null)),
        Code::FieldIgnored => import(
            json!({"unknown_fields": "ignore"}),
            json!({"email": "john@example.com", "nickname": "Jo"}),
        ),
        Code::SubscriptionSkipped => import(
            json!({"skip_invalid_subscriptions": true}),
            json!({
                "email": "john@example.com",
                "subscriptions": [{"channel": "sms", "resource_id": 28, "phone": "12345"}],
            }),
        ),
        Code::GeoUnavailable => {
            import(json!({"detect_geo": true}), json!({"email": "john@example.com", "_ip": "203.0.113.7"}))
        }
        Code::Superseded => record(json!({"email": "later@example.com", "city": "Riga"})),
        Code::DryRunIncomplete => {
            let moves = |city: &str| json!({"email": "owner@example.com", "city": city});
            import(json!({"validate_only": true, "data": [moves("Riga"), moves("Oslo")]}), Value::Null)
        }
        Code::UnknownParameter => import(json!({"skip_trigers": true}), json!({"email": "john@example.com"})),
    }
}

/// What cases meet: twins, a holder of a unique value and another of a phone; and a city that the database refuses.
fn people(world: &World) {
    world.database.execute("ALTER TABLE profiles ADD CHECK (fields ->> 'city' <> 'Nowhere')");
    let records = [
        json!({"Custom_ID": 1, "email": "twin@example.com"}),
        json!({"Custom_ID": 2, "email": "twin@example.com"}),
        json!({"Custom_ID": 3, "email": "owner@example.com", "crm_code": "A-1"}),
        json!({"Custom_ID": 4, "phone": "+79000000004"}),
        json!({"Custom_ID": 5, "email": "later@example.com", "city": "Oslo"}),
    ];
    let made = world.import_all(json!({"matching": "custom", "field_name": "Custom_ID"}), &records);
    assert!(made.iter().all(|result| result["action"] == "created"), "{made:?}");
    let later = "UPDATE profiles SET written_by = 'ffffffff-ffff-ffff-ffff-ffffffffffff' WHERE fields ->> 'city' = 'Oslo'";
    world.database.execute(later);
}

/// What the page says of a code: number, `field`, text.
type Documented = BTreeMap<String, (u16, String, String)>;

fn documented() -> Documented {
    let failures = table(API, "Codes of a record").into_iter().map(|row| {
        let [error, code, _when, field, text] = cells(row);
        (code, (error.parse().unwrap(), field, text))
    });
    let warnings = table(API, "Warnings").into_iter().map(|row| {
        let [code, _when, field, text] = cells(row);
        (code, (0, field, text))
    });
    let rows: Vec<_> = failures.chain(warnings).collect();
    let count = rows.len();
    let documented: Documented = rows.into_iter().collect();
    assert_eq!(documented.len(), count, "a code has two rows");
    documented
}

#[test]
fn every_code_has_a_row_and_every_row_a_code() {
    let documented: BTreeSet<(String, u16)> =
        documented().into_iter().map(|(code, (number, ..))| (code, number)).collect();
    let known: BTreeSet<(String, u16)> =
        Code::ALL.iter().map(|code| (code.slug().to_owned(), code.number())).collect();
    let differing: Vec<_> = documented.symmetric_difference(&known).collect();
    assert!(differing.is_empty(), "in docs/api.md or in `Code` alone: {differing:?}");
}

fn every_code_is_produced_as_documented(world: &World) {
    people(world);
    let documented = documented();
    let mut problems = Vec::new();
    for code in Code::ALL {
        let told = told(world, code);
        let Some((number, field, text)) = documented.get(code.slug()) else {
            problems.push(format!("{}: no row\n  for: {told}", code.slug()));
            continue;
        };
        let fits = told["error"] == *number
            && told["code"] == code.slug()
            && fits(field, told["field"].as_str().unwrap_or_default())
            && told["text"].as_str().is_some_and(|told| fits(text, told));
        if !fits {
            problems.push(format!("{}: {number} `{field}` {text}\n  but: {told}", code.slug()));
        }
    }
    assert!(problems.is_empty(), "docs/api.md says otherwise:\n{}", problems.join("\n"));
}

/// What the case of a code is told: `error`, `code`, `field`, `text`, of the record or of one warning.
fn told(world: &World, code: Code) -> Value {
    let Case { path, parameters, record } = case(code);
    let mut body = json!({"db_id": 1, "data": [record]});
    body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    let job = world.post_body(path, &body).job_id();
    let status = world.completed(&job);
    let result = world.results(&job).swap_remove(0);
    if code.number() != 0 {
        assert!(result.get("profile_id").is_none() && result.get("action").is_none(), "{result}");
        return json!({
            "error": result["error"], "code": result["code"], "field": result["field"], "text": result["error_text"],
        });
    }
    assert!(result["profile_id"].is_string(), "{result}");
    let of_job = status.get("job_warnings").and_then(|warnings| warnings.get(0));
    let warning = of_job.unwrap_or(&result["warnings"][0]);
    json!({"error": result["error"], "code": warning["code"], "field": warning["field"], "text": warning["text"]})
}
