//! Section 2: each parameter: how it may be written, and how it is refused.

use intake_tests::{DEMO_TOKEN, Format, World, in_both_formats};
use serde_json::{Value, json};

use super::{IMPORT, assert_refused, regional, warnings};

in_both_formats!(
    each_parameter_is_checked_and_says_what_it_takes,
    ints_and_words_have_their_spellings,
    an_unknown_parameter_is_a_warning_on_the_job,
    an_external_id_is_echoed,
);

const MODES: [&str; 11] = [
    "email",
    "email_profile",
    "email_sub",
    "phone",
    "phone_sub",
    "profile_id",
    "push_sub",
    "custom",
    "custom_sub",
    "email_phone",
    "email_phone_sub",
];

/// A request for database 1 with one record and these parameters.
fn body(parameters: &Value) -> Value {
    let mut body = json!({"db_id": 1, "data": [{"email": "a@example.com"}]});
    body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
    body
}

/// A request, the status, and what the text tells.
type Row = (Value, u16, Vec<&'static str>);

const INT: &str = "an int from -2147483648 to 2147483647";

fn required() -> Vec<Row> {
    let data = json!([{"email": "a@example.com"}]);
    vec![
        (json!({"data": data}), 400, vec!["db_id", "required", "an int"]),
        (json!({"db_id": null, "data": data}), 400, vec!["db_id", "required"]),
        (body(&json!({"db_id": "one"})), 400, vec!["db_id", "`one`", INT]),
        (body(&json!({"db_id": ""})), 400, vec!["db_id", INT]),
        (body(&json!({"db_id": 1.5})), 400, vec!["db_id", "1.5", INT]),
        (body(&json!({"db_id": true})), 400, vec!["db_id", "true", INT]),
        (body(&json!({"db_id": 3_000_000_000_u32})), 400, vec!["db_id", "3000000000", INT]),
        (body(&json!({"db_id": [1, 2]})), 400, vec!["db_id", "an array", INT]),
        (body(&json!({"db_id": 99})), 403, vec!["db_id", "99"]),
        (json!({"db_id": 1}), 400, vec!["data", "required", "array"]),
        (body(&json!({"data": null})), 400, vec!["data", "array"]),
        (body(&json!({"data": []})), 400, vec!["data", "at least one"]),
        (body(&json!({"data": {"email": "a@example.com"}})), 400, vec!["data", "array", "an object"]),
    ]
}

fn matching() -> Vec<Row> {
    vec![
        (
            body(&json!({"matching": ["email", "phone"]})),
            400,
            [vec!["matching", "array"], MODES.to_vec()].concat(),
        ),
        (body(&json!({"matching": ""})), 400, [vec!["matching"], MODES.to_vec()].concat()),
        (body(&json!({"matching": "name"})), 400, [vec!["matching", "`name`"], MODES.to_vec()].concat()),
        (
            body(&json!({"matching": "custom"})),
            400,
            vec!["field_name", "required", "Custom_ID, crm_code, interests"],
        ),
        (
            body(&json!({"matching": "custom", "field_name": "city"})),
            400,
            vec!["field_name", "`city`", "matchable: Custom_ID"],
        ),
        (
            body(&json!({"matching": "custom", "field_name": "nope"})),
            400,
            vec!["field_name", "`nope`", "matchable: Custom_ID"],
        ),
        (
            body(&json!({"matching": "custom", "field_name": "email"})),
            400,
            vec!["field_name", "system field"],
        ),
        (body(&json!({"matching": "custom", "field_name": ["a", "b"]})), 400, vec!["field_name", "text"]),
        (body(&json!({"matching": "custom_sub"})), 400, vec!["field_name", "required", "id or phone"]),
        (
            body(&json!({"matching": "custom_sub", "field_name": "login"})),
            400,
            vec!["field_name", "`login`", "id, phone"],
        ),
    ]
}

fn optional() -> Vec<Row> {
    let mut rows = vec![
        (body(&json!({"resource_id": "x"})), 400, vec!["resource_id", "`x`", INT]),
        (body(&json!({"resource_id": 77})), 400, vec!["resource_id", "77", "allowed: 28, 29"]),
        (body(&json!({"unknown_fields": "keep"})), 400, vec!["unknown_fields", "`keep`", "reject, ignore"]),
        (body(&json!({"nulls": "keep"})), 400, vec!["nulls", "`keep`", "ignore, clear, reject"]),
        (body(&json!({"external_id": "x".repeat(201)})), 400, vec!["external_id", "201", "200"]),
        (body(&json!({"external_id": ["x", "y"]})), 400, vec!["external_id", "text"]),
        (body(&json!({"format": "yaml"})), 400, vec!["format", "`yaml`", "json, xml"]),
    ];
    for name in ["skip_invalid_subscriptions", "skip_triggers", "detect_geo", "validate_only"] {
        for value in [json!("perhaps"), json!(2), json!(""), json!(["true", "false"]), json!("TRUE")] {
            rows.push((body(&json!({ name: value })), 400, vec![name, "true or false"]));
        }
    }
    rows
}

fn each_parameter_is_checked_and_says_what_it_takes(world: &World) {
    for (body, status, told) in [required(), matching(), optional()].concat() {
        assert_refused(&world.import(&body), status, &told, &body);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0);
}

fn ints_and_words_have_their_spellings(world: &World) {
    for parameters in [
        json!({"db_id": "1"}),
        json!({"db_id": " 1 "}),
        json!({"matching": " email "}),
        json!({"matching": null}),
        json!({"resource_id": 28}),
        json!({"resource_id": " 29"}),
        json!({"resource_id": null}),
        json!({"callback_url": null}),
        json!({"unknown_fields": "reject", "nulls": " clear "}),
        json!({"unknown_fields": null, "nulls": null}),
        json!({"format": format!(" {} ", if world.format() == Format::Json { "json" } else { "xml" })}),
    ] {
        let status = world.completed(&world.import(&body(&parameters)).job_id());
        let told = (&status["db_id"], &status["matching"], &status["failed"], &status["warnings"]);
        assert_eq!(told, (&json!(1), &json!("email"), &json!(0), &json!(0)), "{parameters}: {status}");
    }
}

fn an_unknown_parameter_is_a_warning_on_the_job(world: &World) {
    let parameters =
        json!({"skip_trigers": true, "Matching": "phone", "add_to_segments": [1, 2], "x": {"a": {"b": "c"}}});
    let job = world.import(&body(&parameters)).job_id();
    let status = world.completed(&job);
    assert_eq!((&status["warnings"], &status["created"]), (&json!(4), &json!(1)), "{status}");
    let told = json!({"warnings": status["job_warnings"]});
    let mut names: Vec<&str> = warnings(&told)
        .into_iter()
        .map(|(code, name)| {
            assert_eq!(code, "unknown_parameter");
            name
        })
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["Matching", "add_to_segments", "skip_trigers", "x"]);
    assert!(status["job_warnings"][0]["text"].as_str().unwrap().contains("ignored"), "{status}");
    // In the query it is one too: only token and format are read there.
    let answer = world.post_body(&format!("{IMPORT}?matching=phone&db_id=2"), &body(&json!({})));
    let status = world.completed(&answer.job_id());
    let told = json!({"warnings": status["job_warnings"]});
    assert_eq!(
        warnings(&told),
        [("unknown_parameter", "?matching"), ("unknown_parameter", "?db_id")],
        "{status}"
    );
}

fn an_external_id_is_echoed(world: &World) {
    let longest = "я".repeat(200);
    for (sent, echoed) in [
        (json!("order 7"), json!("order 7")),
        (json!(longest), json!(longest)),
        (json!(""), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let status = world.completed(&world.import(&body(&json!({"external_id": sent}))).job_id());
        assert_eq!(status["external_id"], echoed, "{sent}");
    }
    assert_eq!(world.completed(&world.import(&body(&json!({}))).job_id())["external_id"], Value::Null);
}

#[test]
fn any_member_may_be_named_where_there_is_a_custom_channel() {
    let world = regional().start();
    let parameters = json!({"matching": "custom_sub", "field_name": "whatever"});
    assert_eq!(world.import(&body(&parameters)).status, 202);
    let world = World::start();
    assert_eq!(world.import(&body(&parameters)).status, 400);
}

#[test]
fn a_parameter_is_sent_once() {
    let world = World::start();
    let bearer = format!("Bearer {DEMO_TOKEN}");
    for (media_type, body, name) in [
        ("application/json", r#"{"db_id":1,"db_id":2,"data":[{"email":"a@example.com"}]}"#, "db_id"),
        ("application/json", r#"{"db_id":1,"data":[{"email":"a@example.com"}],"data":[]}"#, "data"),
        (
            "application/xml",
            "<xml><db_id>1</db_id><db_id>2</db_id><data><email>a@example.com</email></data></xml>",
            "db_id",
        ),
    ] {
        let headers = [("content-type", media_type), ("authorization", bearer.as_str())];
        assert_refused(&world.post(IMPORT, &headers, body.as_bytes()), 400, &[name], &body);
    }
}
