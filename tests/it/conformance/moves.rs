//! Section 4: values that move: what a profile gives up is free, what it keeps still finds it.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_means, by_id, custom_id, made};

in_both_formats!(
    what_is_replaced_or_cleared_is_free,
    what_a_subscription_holds_stays,
    a_unique_value_can_be_handed_on,
);

fn what_is_replaced_or_cleared_is_free(world: &World) {
    let before = [
        json!({"Custom_ID": 1, "email": "old@example.com", "phones": ["+79000000001", "+79000000002"]}),
        json!({"Custom_ID": 2, "email": "cleared@example.com", "phones": ["+79000000003", "+79000000004"], "interests": ["a", "b"]}),
        json!({"Custom_ID": 3, "crm_code": "three"}),
    ];
    let ids = made(world, &before);
    let whom = |at: usize| Some(ids[at].as_str());
    made(
        world,
        &[json!({"Custom_ID": 1, "email": "new@example.com", "phones": ["+79000000002", "+79000000005"]})],
    );
    let second = json!({
        "Custom_ID": 2, "email": null, "phones": {"action": "delete", "value": "+79000000004"},
        "interests": {"action": "delete", "value": ["b"]},
    });
    let mut clearing = custom_id();
    clearing["nulls"] = json!("clear");
    assert_eq!(world.import_all(clearing, &[second])[0]["action"], "updated");
    let by_email = |address: &str| json!({"email": address});
    let rows = [
        (by_email("old@example.com"), None),
        (by_email("new@example.com"), whom(0)),
        (by_email("cleared@example.com"), None),
    ];
    assert_means(world, &json!({"matching": "email"}), &rows);
    let by_phone = |number: &str| json!({"phone": number});
    let rows = [
        (by_phone("+79000000001"), None),
        (by_phone("+79000000002"), whom(0)),
        (by_phone("+79000000003"), whom(1)),
        (by_phone("+79000000004"), None),
        (by_phone("+79000000005"), whom(0)),
    ];
    assert_means(world, &json!({"matching": "phone"}), &rows);
    let by_tag = json!({"matching": "custom", "field_name": "interests"});
    assert_means(
        world,
        &by_tag,
        &[(json!({"interests": "a"}), whom(1)), (json!({"interests": ["b"]}), None)],
    );
    // The number that it is matched by in one mode is an ordinary value in another.
    let by_code = json!({"matching": "custom", "field_name": "crm_code"});
    let renumbered = world.import_all(by_code, &[json!({"crm_code": "three", "Custom_ID": 33})]);
    assert_eq!(renumbered[0]["profile_id"], ids[2]);
    assert_means(
        world,
        &custom_id(),
        &[(json!({"Custom_ID": 3}), None), (json!({"Custom_ID": 33}), whom(2))],
    );
    // What is free makes somebody new.
    let result = &world.import_all(json!({}), &[by_email("old@example.com")])[0];
    assert_eq!(result["action"], "created");
}

fn what_a_subscription_holds_stays(world: &World) {
    let email = |address: &str| json!({"channel": "email", "resource_id": 28, "email": address});
    let sms = |number: &str| json!({"channel": "sms", "resource_id": 28, "phone": number});
    let chat = |id: i32| json!({"channel": "telegram_bot", "resource_id": 28, "cc_data": {"id": id}});
    let before = json!({
        "Custom_ID": 1, "email": "both@example.com", "phone": "+79000000001",
        "subscriptions": [email("both@example.com"), sms("+79000000001"), chat(1)],
    });
    let after = json!({
        "Custom_ID": 1, "email": "new@example.com", "phones": [],
        "subscriptions": [email("more@example.com"), chat(2)],
    });
    let ids = made(world, &[before, after]);
    assert_eq!(ids[0], ids[1]);
    let it = Some(ids[0].as_str());
    let by_email = |address: &str| json!({"email": address});
    let both = by_email("both@example.com");
    assert_means(
        world,
        &json!({"matching": "email"}),
        &[(both.clone(), it), (by_email("more@example.com"), it)],
    );
    assert_means(
        world,
        &json!({"matching": "email_profile"}),
        &[(both.clone(), None), (by_email("new@example.com"), it)],
    );
    assert_means(
        world,
        &json!({"matching": "email_sub"}),
        &[(both, it), (by_email("new@example.com"), None)],
    );
    let by_phone = [(json!({"phone": "+79000000001"}), it)];
    assert_means(world, &json!({"matching": "phone"}), &by_phone);
    assert_means(world, &json!({"matching": "phone_sub"}), &by_phone);
    let by_phone = [(json!({"phone": "+79000000001"}), None)];
    assert_means(world, &json!({"matching": "email_phone"}), &by_phone);
    let chats = [1, 2].map(|id| (json!({"subscriptions": [chat(id)]}), it));
    assert_means(world, &json!({"matching": "custom_sub", "field_name": "id"}), &chats);
    assert_eq!(by_id(world, 1)["subscriptions"].as_array().map(Vec::len), Some(5));
}

fn a_unique_value_can_be_handed_on(world: &World) {
    made(world, &[json!({"Custom_ID": 1, "crm_code": "X"}), json!({"Custom_ID": 2, "crm_code": "Y"})]);
    let swap: [Value; 5] = [
        json!({"Custom_ID": 1, "crm_code": {"action": "unset"}}),
        json!({"Custom_ID": 2, "crm_code": "X"}),
        json!({"Custom_ID": 1, "crm_code": {"action": "set", "value": "Y"}}),
        json!({"Custom_ID": 3, "crm_code": "Y"}),
        json!({"Custom_ID": 3, "crm_code": "Z"}),
    ];
    let results = world.import_all(custom_id(), &swap);
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "", "", "not_unique", ""], "{results:?}");
    let codes = [1, 2, 3].map(|id| by_id(world, id)["crm_code"].clone());
    assert_eq!(codes, [json!("Y"), json!("X"), json!("Z")]);
}
