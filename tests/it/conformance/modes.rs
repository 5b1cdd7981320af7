//! Section 4: which of a record's values each mode takes, and where it looks for them.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{ADD, UPDATE, assert_failed, assert_means, assert_refused, made};

in_both_formats!(
    each_mode_searches_its_places_and_no_others,
    addresses_are_taken_in_their_order,
    phones_and_pairs_are_taken_in_their_order,
    two_values_that_mean_two_profiles_conflict,
    a_profile_id_finds_and_never_creates,
    each_mode_says_what_it_needs,
    each_mode_creates_what_it_finds_again,
);

fn email(resource: i32, address: &str) -> Value {
    json!({"channel": "email", "resource_id": resource, "email": address})
}

fn sms(resource: i32, number: &str) -> Value {
    json!({"channel": "sms", "resource_id": resource, "phone": number})
}

fn push(provider: &str, id: &str) -> Value {
    json!({"channel": "push", "resource_id": 28, "provider": provider, "subscription_id": id})
}

fn chat(channel: &str, data: &Value) -> Value {
    json!({"channel": channel, "resource_id": 28, "cc_data": data})
}

/// One profile for each place that a value can be in.
fn holders(world: &World) -> Vec<String> {
    let records = [
        json!({"Custom_ID": 0, "email": "own@example.com"}),
        json!({"Custom_ID": 1, "subscriptions": [email(28, "sub@example.com"), email(29, "sub29@example.com")]}),
        json!({"Custom_ID": 2, "phones": ["+79000000020", "+79000000021"]}),
        json!({"Custom_ID": 3, "subscriptions": [sms(28, "+79000000030"), sms(29, "+79000000031")]}),
        json!({"Custom_ID": 4, "subscriptions": [push("Firefox", "token-4")]}),
        json!({"Custom_ID": 5, "subscriptions": [chat("telegram_bot", &json!({"id": 505}))]}),
        json!({"Custom_ID": 6, "subscriptions": [chat("whatsapp", &json!({"phone": "+79000000060"}))]}),
        json!({"Custom_ID": 7, "subscriptions": [chat("viber", &json!({"phone": "+79000000070"}))]}),
        json!({"Custom_ID": 8, "subscriptions": [chat("notify", &json!({"phone": "+79000000080"}))]}),
        json!({"Custom_ID": 9, "crm_code": "nine", "city": "own@example.com"}),
    ];
    made(world, &records)
}

fn each_mode_searches_its_places_and_no_others(world: &World) {
    let ids = holders(world);
    let whom = |at: usize| Some(ids[at].as_str());
    let by_email = |address: &str| json!({"email": address});
    let emails = |own, sub| {
        vec![
            (by_email(" OWN@example.com"), own),
            (by_email("sub@EXAMPLE.com"), sub),
            (by_email("sub29@example.com"), sub),
            (by_email("nobody@example.com"), None),
        ]
    };
    for (mode, own, sub) in
        [("email", whom(0), whom(1)), ("email_profile", whom(0), None), ("email_sub", None, whom(1))]
    {
        assert_means(world, &json!({"matching": mode}), &emails(own, sub));
    }
    let by_phone = |number: &str| json!({"phone": number});
    let phones = |own, sub| {
        vec![
            (by_phone("+7 900 000-00-20"), own),
            (by_phone("+79000000021"), own),
            (by_phone("+79000000030"), sub),
            (by_phone("+79000000031"), sub),
            // Other channels have phone numbers too, and are not sms.
            (by_phone("+79000000060"), None),
            (by_phone("+79000000099"), None),
        ]
    };
    assert_means(world, &json!({"matching": "phone"}), &phones(whom(2), whom(3)));
    assert_means(world, &json!({"matching": "phone_sub"}), &phones(None, whom(3)));
    let both = |own: bool| {
        let (profile, subscription) = (|at| whom(at).filter(|_| own), |at| whom(at).filter(|_| !own));
        let mut rows = emails(profile(0), subscription(1));
        rows.extend(phones(profile(2), subscription(3)));
        rows
    };
    assert_means(world, &json!({"matching": "email_phone"}), &both(true));
    assert_means(world, &json!({"matching": "email_phone_sub"}), &both(false));
    let token = |provider: &str, id: &str| json!({"provider": provider, "subscription_id": id});
    let tokens = [
        (token("Firefox", "token-4"), whom(4)),
        (token("Chrome", "token-4"), None),
        (token("Firefox", "token-5"), None),
    ];
    assert_means(world, &json!({"matching": "push_sub"}), &tokens);
    let of = |channel: &str, data: Value| json!({"subscriptions": [chat(channel, &data)]});
    let chats =
        [(of("telegram_bot", json!({"id": "505"})), whom(5)), (of("telegram_bot", json!({"id": 506})), None)];
    assert_means(world, &json!({"matching": "custom_sub", "field_name": "id"}), &chats);
    let numbers = [
        (of("whatsapp", json!({"phone": "+7 900 000 00 60"})), whom(6)),
        // The member counts, not the channel.
        (of("whatsapp", json!({"phone": "+79000000070"})), whom(7)),
        (of("viber", json!({"phone": "+79000000080"})), whom(8)),
        // Phones of the profile and of sms are not in any `cc_data`.
        (of("notify", json!({"phone": "+79000000020"})), None),
        (of("notify", json!({"phone": "+79000000030"})), None),
    ];
    assert_means(world, &json!({"matching": "custom_sub", "field_name": "phone"}), &numbers);
    let codes = [(json!({"crm_code": "nine"}), whom(9)), (json!({"crm_code": "own@example.com"}), None)];
    assert_means(world, &json!({"matching": "custom", "field_name": "crm_code"}), &codes);
}

fn addresses_are_taken_in_their_order(world: &World) {
    let ids = holders(world);
    let whom = |at: usize| Some(ids[at].as_str());
    let both = |own: &str, sub: &str| json!({"email": own, "subscriptions": [email(28, sub)]});
    let of = |items: &[Value]| json!({"subscriptions": items});
    let nobody = "nobody@example.com";
    let rows = [
        (both("own@example.com", "sub@example.com"), whom(0)),
        (both(nobody, "sub@example.com"), None),
        (of(&[email(28, "sub@example.com")]), whom(1)),
        (of(&[email(28, nobody), email(29, "sub29@example.com")]), whom(1)),
        (of(&[email(28, "own@example.com")]), whom(0)),
    ];
    assert_means(world, &json!({"matching": "email"}), &rows);
    let rows = [
        (both("own@example.com", "sub@example.com"), whom(0)),
        (both("sub@example.com", "own@example.com"), None),
    ];
    assert_means(world, &json!({"matching": "email_profile"}), &rows);
    let rows = [
        (both("own@example.com", "sub@example.com"), whom(1)),
        (both("sub@example.com", nobody), None),
        (json!({"email": "sub@example.com"}), whom(1)),
    ];
    assert_means(world, &json!({"matching": "email_sub"}), &rows);
}

fn phones_and_pairs_are_taken_in_their_order(world: &World) {
    let ids = holders(world);
    let whom = |at: usize| Some(ids[at].as_str());
    let both = |own: &str, sub: &str| json!({"email": own, "subscriptions": [email(28, sub)]});
    let of = |items: &[Value]| json!({"subscriptions": items});
    let (nobody, no_number) = ("nobody@example.com", "+79000000099");
    let phones = |phone: &str, phones: &[&str], sub: &str| json!({"phone": phone, "phones": phones, "subscriptions": [sms(28, sub)]});
    let rows = [
        (phones("+79000000030", &["+79000000020"], no_number), whom(3)),
        (phones(no_number, &["+79000000098", "+79000000021", "+79000000030"], no_number), whom(2)),
        (phones(no_number, &[], "+79000000030"), None),
        (json!({"phones": ["+79000000021"]}), whom(2)),
        (json!({"phones": [], "subscriptions": [sms(28, no_number), sms(29, "+79000000020")]}), whom(2)),
    ];
    assert_means(world, &json!({"matching": "phone"}), &rows);
    let rows = [
        (phones("+79000000020", &[], "+79000000031"), whom(3)),
        (phones("+79000000030", &[], no_number), None),
        (json!({"phone": no_number, "phones": ["+79000000030"]}), whom(3)),
    ];
    assert_means(world, &json!({"matching": "phone_sub"}), &rows);

    let with_push = |provider: &str, id: &str, items: &[Value]| json!({"provider": provider, "subscription_id": id, "subscriptions": items});
    let rows = [
        (with_push("Firefox", "token-4", &[push("Firefox", "none")]), whom(4)),
        (with_push("Firefox", "none", &[push("Firefox", "token-4")]), None),
        (of(&[push("Firefox", "none"), push("Firefox", "token-4")]), whom(4)),
    ];
    assert_means(world, &json!({"matching": "push_sub"}), &rows);
    let rows = [
        (
            json!({"email": "own@example.com", "phone": no_number, "subscriptions": [email(28, nobody)]}),
            whom(0),
        ),
        (json!({"email": nobody, "phones": [no_number, "+79000000020"]}), whom(2)),
        (json!({"email": nobody, "subscriptions": [sms(28, "+79000000020")]}), None),
    ];
    assert_means(world, &json!({"matching": "email_phone"}), &rows);
    let rows = [
        (of(&[email(28, nobody), sms(28, "+79000000030")]), whom(3)),
        (json!({"email": "sub@example.com", "phone": no_number}), whom(1)),
        (both("sub@example.com", nobody), None),
    ];
    assert_means(world, &json!({"matching": "email_phone_sub"}), &rows);
}

fn two_values_that_mean_two_profiles_conflict(world: &World) {
    let ids = holders(world);
    let own = json!({"email": "own@example.com", "phone": "+79000000020"});
    let both = [ids[0].as_str(), ids[2].as_str()];
    let result = &world.import_all(json!({"matching": "email_phone"}), std::slice::from_ref(&own))[0];
    assert_failed(result, "conflicting_match", None, &both, &own);
    let sub = json!({"subscriptions": [email(28, "sub@example.com"), sms(28, "+79000000030")]});
    for path in [ADD, UPDATE, super::IMPORT] {
        let parameters = json!({"matching": "email_phone_sub"});
        let result = &world.batch_all(path, parameters, std::slice::from_ref(&sub))[0];
        assert_failed(result, "conflicting_match", None, &[&ids[1], &ids[3]], &(path, &sub));
    }
    // Neither was touched; and where one profile carries both, it is the one that is meant.
    let shared = [
        json!({"Custom_ID": 20, "email": "own@example.com", "phone": "+79000000200"}),
        json!({"Custom_ID": 21, "phone": "+79000000200"}),
    ];
    let shared = made(world, &shared);
    let one = json!({"email": "own@example.com", "phone": "+79000000200", "city": "Riga"});
    let result = &world.import_all(json!({"matching": "email_phone"}), &[one])[0];
    assert_eq!((&result["action"], &result["profile_id"]), (&json!("updated"), &json!(shared[0])));
    assert!(result.get("warnings").is_none(), "{result}");
}

fn a_profile_id_finds_and_never_creates(world: &World) {
    let ids = holders(world);
    let by = json!({"matching": "profile_id"});
    let unknown = "019d0000-0000-7000-8000-000000000000";
    let records = [
        json!({"profile_id": ids[0], "city": "Riga"}),
        json!({"profile_id": ids[0].to_uppercase(), "city": "Riga"}),
        json!({"profile_id": unknown, "city": "Riga"}),
        json!({"profile_id": "no id", "city": "Riga"}),
    ];
    let results = world.import_all(by.clone(), &records);
    assert_eq!((&results[0]["action"], &results[1]["action"]), (&json!("updated"), &json!("unchanged")));
    let id = unknown.replace('-', "");
    assert_failed(&results[2], "profile_not_found", Some("profile_id"), &[&id], &records[2]);
    assert_failed(&results[3], "profile_not_found", Some("profile_id"), &["no id"], &records[3]);
    assert_eq!(world.batch_all(UPDATE, by.clone(), &records[..1])[0]["action"], "unchanged");
    let add = json!({"db_id": 1, "matching": "profile_id", "data": records[..1]});
    assert_refused(&world.post_body(ADD, &add), 400, &["matching", "profile_id", "add_batch"], &add);
    // In the other modes it is what `profiles/get` shows, and decides nothing.
    let stray = json!({"profile_id": unknown, "email": "stray@example.com"});
    assert_eq!(world.import_all(json!({}), &[stray])[0]["action"], "created");
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 11);
}

fn each_mode_says_what_it_needs(world: &World) {
    let elsewhere = json!({
        "city": "own@example.com", "vip": true,
        "subscriptions": [chat("telegram_bot", &json!({"id": 1}))],
    });
    let own = json!({"email": "own@example.com", "phone": "+79000000020"});
    let rows = [
        (json!({"matching": "email"}), &elsewhere, "email", ["`email`", "email subscription"]),
        (json!({"matching": "email_profile"}), &elsewhere, "email", ["`email`", "needs"]),
        (json!({"matching": "email_sub"}), &elsewhere, "email", ["email subscription", "`email`"]),
        (json!({"matching": "phone"}), &elsewhere, "phones", ["`phones`", "sms subscription"]),
        (json!({"matching": "phone_sub"}), &elsewhere, "phones", ["sms subscription", "`phone`"]),
        (json!({"matching": "profile_id"}), &elsewhere, "profile_id", ["`profile_id`", "needs"]),
        (json!({"matching": "push_sub"}), &own, "subscription_id", ["`provider`", "push subscription"]),
        (json!({"matching": "custom", "field_name": "crm_code"}), &own, "crm_code", ["`crm_code`", "needs"]),
        (
            json!({"matching": "custom_sub", "field_name": "phone"}),
            &elsewhere,
            "subscriptions",
            ["cc_data", "`phone`"],
        ),
        (json!({"matching": "email_phone"}), &elsewhere, "email", ["`email`", "`phones`"]),
        (json!({"matching": "email_phone_sub"}), &elsewhere, "email", ["sms subscription", "`phones`"]),
    ];
    for (parameters, record, field, told) in rows {
        let result = &world.import_all(parameters.clone(), std::slice::from_ref(record))[0];
        assert_failed(result, "missing_match_value", Some(field), &told, &parameters);
    }
    for empty in ["", " "] {
        let sent = json!({"profile_id": empty});
        let result = &world.import_all(json!({"matching": "profile_id"}), std::slice::from_ref(&sent))[0];
        assert_failed(result, "missing_match_value", Some("profile_id"), &["`profile_id`"], &sent);
    }
    for (sent, field) in
        [(json!({"provider": "Firefox"}), "subscription_id"), (json!({"subscription_id": "x"}), "provider")]
    {
        let result = &world.import_all(json!({"matching": "push_sub"}), std::slice::from_ref(&sent))[0];
        assert_failed(result, "missing_match_value", Some(field), &["missing"], &sent);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), 0);
}

fn each_mode_creates_what_it_finds_again(world: &World) {
    let rows = [
        (json!({"matching": "email"}), json!({"email": "a@example.com"})),
        (json!({"matching": "email_profile"}), json!({"email": "b@example.com"})),
        (json!({"matching": "email_sub"}), json!({"subscriptions": [email(28, "c@example.com")]})),
        (json!({"matching": "phone"}), json!({"phone": "+79000000001"})),
        (json!({"matching": "phone_sub"}), json!({"subscriptions": [sms(28, "+79000000002")]})),
        (json!({"matching": "push_sub"}), json!({"subscriptions": [push("Firefox", "d")]})),
        (json!({"matching": "custom", "field_name": "Custom_ID"}), json!({"Custom_ID": 77})),
        (
            json!({"matching": "custom_sub", "field_name": "id"}),
            json!({"subscriptions": [chat("telegram_bot", &json!({"id": 1}))]}),
        ),
        (json!({"matching": "email_phone"}), json!({"email": "e@example.com", "phone": "+79000000003"})),
        (json!({"matching": "email_phone_sub"}), json!({"subscriptions": [sms(28, "+79000000004")]})),
    ];
    for (parameters, record) in &rows {
        let results = world.import_all(parameters.clone(), &[record.clone(), record.clone()]);
        let actions: Vec<_> = results.iter().map(|result| &result["action"]).collect();
        assert_eq!(actions, [&json!("created"), &json!("unchanged")], "{parameters}: {results:?}");
        assert!(results.iter().all(|result| result.get("warnings").is_none()), "{parameters}: {results:?}");
    }
    // What does not carry its value where the mode looks is made all the same, and told.
    let lost = [
        (json!({"matching": "email_sub"}), json!({"email": "f@example.com"})),
        (json!({"matching": "phone_sub"}), json!({"phones": ["+79000000005"]})),
        (json!({"matching": "push_sub"}), json!({"provider": "Firefox", "subscription_id": "g"})),
        (json!({"matching": "email_phone_sub"}), json!({"email": "h@example.com"})),
    ];
    for (parameters, record) in &lost {
        let result = &world.import_all(parameters.clone(), std::slice::from_ref(record))[0];
        assert_eq!(
            (&result["action"], &result["warnings"][0]["code"]),
            (&json!("created"), &json!("not_findable"))
        );
        assert_means(world, parameters, &[(record.clone(), None)]);
    }
}
