//! Sections 2 and 4: `resource_id` narrows the subscription half of a match to one resource.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, assert_means, made, regional, warnings};

in_both_formats!(with regional: it_narrows_each_mode_that_looks_at_subscriptions, it_narrows_what_a_record_means);

fn on(resource: i32, channel: &str, name: &str, value: &str) -> Value {
    let mut subscription = json!({"channel": channel, "resource_id": resource});
    match channel {
        "pager" | "whatsapp" => subscription["cc_data"] = json!({name: value}),
        _ => subscription[name] = json!(value),
    }
    subscription
}

fn it_narrows_each_mode_that_looks_at_subscriptions(world: &World) {
    let ids = made(
        world,
        &[
            json!({"Custom_ID": 1, "email": "a@example.com", "phones": ["+79000000001"], "subscriptions": [
                on(28, "email", "email", "a28@example.com"), on(28, "sms", "phone", "+79000000028"),
                on(28, "pager", "line", "p28"),
            ]}),
            json!({"Custom_ID": 2, "subscriptions": [on(29, "sms", "phone", "+79000000029"), on(29, "pager", "line", "p29")]}),
        ],
    );
    let (first, second) = (Some(ids[0].as_str()), Some(ids[1].as_str()));
    let email = |text: &str| json!({"email": text});
    let phone = |text: &str| json!({"phone": text});
    let line = |resource: i32, text: &str| json!({"subscriptions": [on(resource, "pager", "line", text)]});
    let of = |mode: &str, resource: &str| json!({"matching": mode, "resource_id": resource});
    // The profile's own values count whatever the resource.
    assert_means(
        world,
        &of("email", "28"),
        &[(email("a@example.com"), first), (email("a28@example.com"), first)],
    );
    assert_means(
        world,
        &of("email", " 29 "),
        &[(email("a@example.com"), first), (email("a28@example.com"), None)],
    );
    assert_means(
        world,
        &of("email_sub", "28"),
        &[(email("a@example.com"), None), (email("a28@example.com"), first)],
    );
    assert_means(world, &of("email_sub", "29"), &[(email("a28@example.com"), None)]);
    let phones = |own, on_28, on_29| {
        [(phone("+79000000001"), own), (phone("+79000000028"), on_28), (phone("+79000000029"), on_29)]
    };
    assert_means(world, &of("phone", "28"), &phones(first, first, None));
    assert_means(world, &of("phone", "29"), &phones(first, None, second));
    assert_means(world, &of("phone_sub", "28"), &phones(None, first, None));
    assert_means(world, &of("phone_sub", "29"), &phones(None, None, second));
    assert_means(world, &of("email_phone_sub", "29"), &phones(None, None, second));
    let lines =
        |resource: i32| json!({"matching": "custom_sub", "field_name": "line", "resource_id": resource});
    assert_means(world, &lines(28), &[(line(28, "p28"), first), (line(28, "p29"), None)]);
    assert_means(world, &lines(29), &[(line(29, "p28"), None), (line(29, "p29"), second)]);
}

fn it_narrows_what_a_record_means(world: &World) {
    let narrowed = json!({"resource_id": 28, "matching": "phone_sub"});
    let on_28 = [json!({"subscriptions": [on(28, "sms", "phone", "+79000000001")]})];
    assert_eq!(world.import_all(narrowed.clone(), &on_28)[0]["action"], "created");
    assert_eq!(world.import_all(narrowed.clone(), &on_28)[0]["action"], "unchanged");
    // A number on another resource would never be found again, so it is no match value.
    let on_29 = json!({"subscriptions": [on(29, "sms", "phone", "+79000000001")]});
    let result = &world.import_all(narrowed, std::slice::from_ref(&on_29))[0];
    assert_failed(result, "missing_match_value", Some("phones"), &["sms subscription"], &on_29);
    // Modes that look at no subscription say that they have no use for it.
    for parameters in [
        json!({"matching": "email_profile", "resource_id": 28}),
        json!({"matching": "email_phone", "resource_id": 28}),
        json!({"matching": "custom", "field_name": "Custom_ID", "resource_id": 28}),
    ] {
        let mut body = json!({"db_id": 1, "data": [{"email": "a@example.com", "Custom_ID": 1}]});
        body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let status = world.completed(&world.import(&body).job_id());
        let told = json!({"warnings": status["job_warnings"]});
        assert_eq!(warnings(&told), [("unknown_parameter", "resource_id")], "{parameters}: {status}");
    }
}
