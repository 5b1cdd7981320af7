//! Which fields there are.

use intake_tests::{DEMO_TOKEN, OTHER_TOKEN, World, in_both_formats};
use serde_json::{Value, json};

in_both_formats!(
    a_database_tells_its_fields,
    a_resource_tells_its_subscription_fields,
    what_is_not_open_to_the_token_is_like_what_there_is_not,
    wrong_parameters_are_named,
    a_parameter_of_another_request_is_a_warning,
);

const OF_DATABASE: &str = "/api/v1.1/databases/fields_get";
const OF_RESOURCE: &str = "/api/v1.1/resources/fields_get";

fn fields(world: &World, path: &str, body: &Value) -> Vec<Value> {
    let answer = world.post_body(path, body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.value();
    assert_eq!((&answer["error"], &answer["error_text"]), (&json!(0), &json!("Successful operation")));
    assert!(answer.get("warnings").is_none(), "{answer}");
    answer["fields"].as_array().unwrap().clone()
}

fn custom(name: &str, word: &str) -> Value {
    json!({"name": name, "type": word, "category": "custom", "matchable": false, "unique": false})
}

fn a_database_tells_its_fields(world: &World) {
    let told = fields(world, OF_DATABASE, &json!({"db_id": 1}));
    let (system, declared) = told.split_at(21);
    assert!(system.iter().all(|field| field["category"] == "system" && field["unique"] == false));
    let names: Vec<&Value> = system.iter().take(4).map(|field| &field["name"]).collect();
    assert_eq!(names, ["email", "phones", "_fname", "_lname"]);
    let sex = system.iter().find(|field| field["name"] == "_sex").unwrap();
    assert_eq!((&sex["type"], &sex["values"]), (&json!("sex"), &json!(["male", "female"])));
    let status = system.iter().find(|field| field["name"] == "_status").unwrap();
    assert_eq!(status["values"].as_array().unwrap().len(), 7);

    let with = |mut field: Value, name: &str, value: Value| {
        field[name] = value;
        field
    };
    let crm_code = with(custom("crm_code", "string"), "matchable", json!(true));
    let wanted = [
        with(custom("Custom_ID", "int"), "matchable", json!(true)),
        custom("city", "string"),
        custom("loyalty_points", "int"),
        custom("score", "float"),
        custom("vip", "bool"),
        with(custom("plan", "enum"), "values", json!(["free", "pro", "team"])),
        custom("birthday", "date"),
        custom("last_ip", "ip"),
        with(custom("interests", "tags"), "matchable", json!(true)),
        custom("address", "object"),
        custom("orders", "arr_object"),
        with(crm_code, "unique", json!(true)),
    ];
    assert_eq!(declared, wanted);
    assert_eq!(fields(world, OF_DATABASE, &json!({"db_id": "2"})), system);
}

fn a_resource_tells_its_subscription_fields(world: &World) {
    let wanted = [custom("custom_field", "string"), custom("source", "string")];
    for body in [
        json!({"resource_id": 28}),
        json!({"id": 28}),
        json!({"id": "28", "resource_id": 28, "channel": "telegram_bot"}),
    ] {
        assert_eq!(fields(world, OF_RESOURCE, &body), wanted, "{body}");
    }
    assert!(fields(world, &format!("{OF_RESOURCE}/"), &json!({"id": 29, "channel": "sms"})).is_empty());
}

fn what_is_not_open_to_the_token_is_like_what_there_is_not(world: &World) {
    for (path, name, closed) in [(OF_DATABASE, "db_id", 1), (OF_RESOURCE, "resource_id", 28)] {
        let ask = |id: i32| world.post_body_as(OTHER_TOKEN, path, &json!({ name: id }));
        let (closed, missing) = (ask(closed), ask(9999));
        assert_eq!((closed.status, missing.status), (403, 403), "{path}");
        let text = |answer: &Value| answer["error_text"].as_str().unwrap().replace(char::is_numeric, "");
        assert_eq!(text(&closed.value()), text(&missing.value()));
        assert!(text(&closed.value()).contains(name));
        let unknown = world.post_body_as("nonsense", path, &json!({ name: closed.status }));
        assert_eq!((unknown.status, &unknown.value()["error"]), (401, &json!(401)));
    }
    assert_eq!(world.post_body_as(OTHER_TOKEN, OF_DATABASE, &json!({"db_id": 2})).status, 200);
}

fn wrong_parameters_are_named(world: &World) {
    let cases = [
        (OF_DATABASE, json!({}), "db_id"),
        (OF_DATABASE, json!({"db_id": "one"}), "db_id"),
        (OF_DATABASE, json!({"id": 1}), "db_id"),
        (OF_RESOURCE, json!({}), "resource_id"),
        (OF_RESOURCE, json!({"resource_id": "news"}), "resource_id"),
        (OF_RESOURCE, json!({"id": true}), "id"),
        (OF_RESOURCE, json!({"id": 28, "resource_id": 29}), "id"),
        (OF_RESOURCE, json!({"id": 29, "channel": "push"}), "allowed: email, sms"),
        (OF_RESOURCE, json!({"id": 29, "channel": ""}), "channel"),
    ];
    for (path, body, about) in cases {
        let answer = world.post_body(path, &body);
        assert_eq!((answer.status, &answer.value()["error"]), (400, &json!(400)), "{body}");
        let answer = answer.value();
        assert!(answer["error_text"].as_str().unwrap().contains(about), "{body}: {answer}");
    }
}

fn a_parameter_of_another_request_is_a_warning(world: &World) {
    let answer = world.post_body(OF_DATABASE, &json!({"db_id": 1, "channel": "email"})).value();
    assert_eq!(answer["warnings"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["warnings"][0]["field"], "channel");
    // An import knows neither of the two that `resources/fields_get` takes.
    let import = json!({"db_id": 1, "id": 28, "channel": "email", "data": [{"email": "a@example.com"}]});
    let status = world.completed(&world.import(&import).job_id());
    assert_eq!(status["warnings"], 2, "{status}");
}

#[test]
fn the_token_is_taken_from_the_three_places_and_get_is_no_way_to_ask() {
    let world = World::start();
    let json_type = ("content-type", "application/json");
    let ask = |path: &str, body: &Value| world.post(path, &[json_type], body.to_string().as_bytes()).status;
    assert_eq!(ask(OF_RESOURCE, &json!({"id": 28})), 401);
    assert_eq!(ask(OF_RESOURCE, &json!({"id": 28, "token": DEMO_TOKEN})), 200);
    assert_eq!(ask(&format!("{OF_RESOURCE}?token={DEMO_TOKEN}"), &json!({"id": 28})), 200);
    assert_eq!(world.get(OF_DATABASE, Some(DEMO_TOKEN)).status, 405);
    assert_eq!(world.post(OF_DATABASE, &[], b"{}").status, 415);
}

#[test]
fn fields_are_told_while_the_database_is_away() {
    let world = World::builder().with_database_relay().start();
    world.cut_database();
    assert_eq!(fields(&world, OF_DATABASE, &json!({"db_id": 1})).len(), 33);
    world.restore_database();
}
