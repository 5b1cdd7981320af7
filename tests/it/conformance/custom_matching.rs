//! Section 4: fields of every type that can be matched by, a region for phone numbers, custom channels.

use intake_tests::{World, in_both_formats};
use serde_json::{Value, json};

use super::{assert_failed, assert_means, by_id, made, regional, warnings};

in_both_formats!(
    with regional:
    one_value_has_many_spellings_in_each_type,
    tags_are_present_together,
    numbers_without_a_plus_are_dialled_in_the_region,
    members_of_custom_channels_are_matched_by,
    several_carriers_of_a_custom_value_take_the_oldest,
);

fn one_value_has_many_spellings_in_each_type(world: &World) {
    let stored = json!({
        "Custom_ID": 77, "amount": "1.50", "login": "Ann", "day": "2001-12-31T00:00:00+03:00", "level": "mid",
        "host": "2001:db8::1", "passport": "123",
    });
    let id = &made(world, &[stored])[0];
    let it = Some(id.as_str());
    let rows = [
        ("Custom_ID", vec![(json!(77), it), (json!("77"), it), (json!(" 077"), it), (json!("78"), None)]),
        ("amount", vec![(json!(1.5), it), (json!("15e-1"), it), (json!("1.51"), None)]),
        ("login", vec![(json!("Ann"), it), (json!("ann"), None)]),
        ("day", vec![(json!("2001-12-30T21:00:00Z"), it), (json!("2001-12-31"), None)]),
        ("level", vec![(json!("mid"), it), (json!(2), it), (json!("2"), it), (json!("low"), None)]),
        ("host", vec![(json!("2001:0DB8:0:0::1"), it), (json!("127.0.0.1"), None)]),
        ("passport", vec![(json!(123), it), (json!("-123"), None)]),
    ];
    for (field, values) in rows {
        let rows: Vec<(Value, Option<&str>)> =
            values.into_iter().map(|(value, whom)| (json!({field: value}), whom)).collect();
        assert_means(world, &json!({"matching": "custom", "field_name": field}), &rows);
    }
    let blanks = json!({"matching": "custom", "field_name": "\n Custom_ID "});
    assert_means(world, &blanks, &[(json!({"Custom_ID": 77}), it), (json!({"Custom_ID": 78}), None)]);
    // A value that the field cannot hold is no match value but an error of its own.
    let wrong = json!({"Custom_ID": "seventy"});
    let result = &world.import_all(super::custom_id(), std::slice::from_ref(&wrong))[0];
    assert_failed(result, "invalid_type", Some("Custom_ID"), &["whole number"], &wrong);
    let empty = json!({"login": {"action": "unset"}});
    let by_login = json!({"matching": "custom", "field_name": "login"});
    let result = &world.import_all(by_login, std::slice::from_ref(&empty))[0];
    assert_failed(result, "missing_match_value", Some("login"), &["`login`"], &empty);
}

fn tags_are_present_together(world: &World) {
    let ids = made(
        world,
        &[
            json!({"Custom_ID": 1, "labels": ["tag-1", "tag-2", "tag-3"]}),
            json!({"Custom_ID": 2, "labels": "tag-2, tag-4"}),
        ],
    );
    let (first, second) = (Some(ids[0].as_str()), Some(ids[1].as_str()));
    let tags = |value: Value| json!({"labels": value});
    let rows = [
        (tags(json!("tag-1, tag-2")), first),
        (tags(json!(["tag-3", "tag-1"])), first),
        (tags(json!(" tag-4 ,tag-2")), second),
        (tags(json!("tag-1, tag-4")), None),
        (tags(json!("tag-1, tag-9")), None),
        (tags(json!("tag-4")), second),
    ];
    let by_tags = json!({"matching": "custom", "field_name": "labels"});
    assert_means(world, &by_tags, &rows);
    // The value that is sent is stored too.
    let results = world.import_all(
        by_tags.clone(),
        &[tags(json!("tag-1, tag-2")), tags(json!("x, y")), tags(json!("y, x"))],
    );
    let actions: Vec<_> = results.iter().map(|result| &result["action"]).collect();
    assert_eq!(actions, [&json!("updated"), &json!("created"), &json!("updated")]);
    assert_eq!(results[1]["profile_id"], results[2]["profile_id"]);
    assert_eq!(by_id(world, 1)["labels"], json!(["tag-1", "tag-2"]));
    let none = tags(json!(""));
    let result = &world.import_all(by_tags, std::slice::from_ref(&none))[0];
    assert_failed(result, "missing_match_value", Some("labels"), &["`labels`"], &none);
}

fn numbers_without_a_plus_are_dialled_in_the_region(world: &World) {
    let sms = json!({"channel": "sms", "resource_id": 28, "phone": "8 (999) 765-43-21"});
    let whatsapp = json!({"channel": "whatsapp", "resource_id": 28, "cc_data": {"phone": "9990000000"}});
    let stored = json!({"Custom_ID": 1, "phone": "8 999 123-45-67", "subscriptions": [sms, whatsapp]});
    let id = &made(world, &[stored])[0];
    let it = Some(id.as_str());
    let number = |text: &str| json!({"phone": text});
    let rows = [
        (number("+79991234567"), it),
        (number("9991234567"), it),
        (number("79991234567"), it),
        (number("+7 999 765 43 21"), it),
        (number("+12025550123"), None),
    ];
    assert_means(world, &json!({"matching": "phone"}), &rows);
    let read = by_id(world, 1);
    assert_eq!(read["phones"], json!(["+79991234567"]));
    let phones: Vec<_> = read["subscriptions"].as_array().unwrap().iter().collect();
    assert!(phones.iter().any(|one| one["phone"] == "+79997654321"), "{read}");
    assert!(phones.iter().any(|one| one["cc_data"]["phone"] == "+79990000000"), "{read}");
    assert_eq!(world.profiles(json!({"matching": "phone", "phone": "8 999 123 45 67"})).len(), 1);
    let wrong = number("12345");
    let result = &world.import_all(json!({"matching": "phone"}), std::slice::from_ref(&wrong))[0];
    assert_failed(result, "invalid_phone", Some("phone"), &["a number of RU"], &wrong);
}

fn members_of_custom_channels_are_matched_by(world: &World) {
    let on = |channel: &str, data: Value| json!({"channel": channel, "resource_id": 28, "cc_data": data});
    let of = |channel: &str, data: Value| json!({"subscriptions": [on(channel, data)]});
    let ids = made(
        world,
        &[
            json!({"Custom_ID": 1, "subscriptions": [on("pager", json!({"line": 7, "desk": "A"}))]}),
            json!({"Custom_ID": 2, "subscriptions": [on("carrier_pigeon", json!({"ring": "R-1"}))]}),
            json!({"Custom_ID": 3, "subscriptions": [on("telegram_bot", json!({"id": 5}))]}),
        ],
    );
    let whom = |at: usize| Some(ids[at].as_str());
    let by = |member: &str| json!({"matching": "custom_sub", "field_name": member});
    let rows = [
        (of("pager", json!({"line": "7"})), whom(0)),
        (of("carrier_pigeon", json!({"line": 7})), whom(0)),
        (of("pager", json!({"line": "8", "desk": "A"})), None),
    ];
    assert_means(world, &by("line"), &rows);
    assert_means(world, &by(" desk "), &[(of("pager", json!({"desk": "A"})), whom(0))]);
    assert_means(
        world,
        &by("ring"),
        &[(of("pager", json!({"ring": "R-1"})), whom(1)), (of("pager", json!({"ring": "r-1"})), None)],
    );
    assert_means(
        world,
        &by("id"),
        &[(of("telegram_bot", json!({"id": "5"})), whom(2)), (of("pager", json!({"id": 5})), whom(2))],
    );
    let lacking = of("pager", json!({"desk": "A"}));
    let result = &world.import_all(by("line"), std::slice::from_ref(&lacking))[0];
    assert_failed(result, "missing_match_value", Some("subscriptions"), &["cc_data", "`line`"], &lacking);
}

fn several_carriers_of_a_custom_value_take_the_oldest(world: &World) {
    let ids = made(world, &[json!({"Custom_ID": 1, "amount": 5}), json!({"Custom_ID": 2, "amount": "5.0"})]);
    let by_amount = json!({"matching": "custom", "field_name": "amount"});
    let result = &world.import_all(by_amount, &[json!({"amount": "5", "city": "Riga"})])[0];
    assert_eq!((&result["action"], &result["profile_id"]), (&json!("updated"), &json!(ids[0])));
    assert_eq!(warnings(result), [("ambiguous_match", "")]);
    assert!(result["warnings"][0]["text"].as_str().unwrap().contains(&ids[1]));
}
