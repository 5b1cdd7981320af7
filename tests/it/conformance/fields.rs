//! Section 5: what each field takes, and what it reads back as.

use intake_tests::{Format, World, in_both_formats};
use serde_json::{Value, json};

use super::by_id;

in_both_formats!(
    each_system_field_takes_its_forms,
    each_custom_type_takes_its_forms,
    fields_that_are_absent_stay_and_arrays_replace,
    phone_stands_before_phones_however_they_are_sent,
);

/// Sends each value to its field, in a profile of its own, and reads what is stored; then posts all that was read again.
fn assert_stored(world: &World, rows: &[(&str, Value, Value)]) {
    let records: Vec<Value> = (0..)
        .zip(rows)
        .map(|(id, (field, sent, _))| {
            let mut record = json!({"Custom_ID": id});
            record[*field] = sent.clone();
            record
        })
        .collect();
    let results = world.import_all(super::custom_id(), &records);
    let mut again = Vec::new();
    for (id, ((field, sent, stored), result)) in (0..).zip(rows.iter().zip(&results)) {
        assert_eq!(result["action"], "created", "{field}: {sent}: {result}");
        let read = by_id(world, id);
        assert_eq!(read.get(*field).unwrap_or(&Value::Null), stored, "{field}: {sent}");
        again.push(read);
    }
    for records in [&records, &again] {
        for (result, row) in world.import_all(super::custom_id(), records).iter().zip(rows) {
            assert_eq!(result["action"], "unchanged", "{row:?}: {result}");
        }
    }
}

fn each_system_field_takes_its_forms(world: &World) {
    let mut rows = vec![
        ("email", json!(" A@Example.COM "), json!("a@example.com")),
        ("email", json!("x@пример.рф"), json!("x@xn--e1afmkfd.xn--p1ai")),
        ("phones", json!(["+7 900 000-00-00", "+79000000001"]), json!(["+79000000000", "+79000000001"])),
        ("phones", json!("+7 (900) 000 00 02"), json!(["+79000000002"])),
        ("phones", json!(["+79000000003", "+7 900 0000003"]), json!(["+79000000003"])),
        ("phones", json!([]), json!([])),
        ("_bdate", json!("2001-12-31"), json!("2001-12-31")),
        ("_bdate", json!(" 2001-12-31T00:00+03:00 "), json!("2001-12-31T00:00+03:00")),
        ("_regdate", json!("2024-05-27T12:00:00.5Z"), json!("2024-05-27T12:00:00.5Z")),
        ("_sex", json!(1), json!("male")),
        ("_sex", json!("2"), json!("female")),
        ("_sex", json!("female"), json!("female")),
        ("_sex", json!(" male "), json!("male")),
        ("_sex", json!(0), Value::Null),
        ("_ip", json!("192.0.2.1"), json!("192.0.2.1")),
        ("_regip", json!(" 2001:0DB8:0:0::1 "), json!("2001:db8::1")),
        ("_tz", json!(" Europe/Moscow "), json!("Europe/Moscow")),
        ("_tz", json!("UTC"), json!("UTC")),
    ];
    let words =
        ["subscribed", "unsubscribed", "complained", "hardbounced", "unconfirmed", "suspended", "invalid"];
    for (ordinal, word) in words.iter().enumerate() {
        for sent in [json!(word), json!(ordinal), json!(ordinal.to_string())] {
            rows.push(("_status", sent, json!(word)));
        }
    }
    for name in [
        "_fname",
        "_lname",
        "_regcity",
        "_regcountry",
        "_regurl",
        "_city",
        "_country",
        "_region",
        "_postal_code",
        "_vendor",
        "_browser",
        "_os",
    ] {
        rows.push((name, json!("Ünïcode ☃ <&> \"'"), json!("Ünïcode ☃ <&> \"'")));
        rows.push((name, json!(""), json!("")));
        rows.push((name, json!(" kept as sent "), json!(" kept as sent ")));
        rows.push((name, json!(190_000), json!("190000")));
    }
    assert_stored(world, &rows);
}

fn each_custom_type_takes_its_forms(world: &World) {
    let object = json!({"street": {"name": "X", "n": [1, "2"]}, "empty": "", "none": null, "list": []});
    let orders = json!([{"id": 1}, {"id": "2", "lines": [{"sku": "a"}]}, {}]);
    let rows = [
        ("loyalty_points", json!(-5), json!(-5)),
        ("loyalty_points", json!("77"), json!(77)),
        ("loyalty_points", json!(" 0077 "), json!(77)),
        ("loyalty_points", json!(i64::MAX), json!(i64::MAX)),
        ("loyalty_points", json!("-9223372036854775808"), json!(i64::MIN)),
        ("score", json!(100.5), json!(100.5)),
        ("score", json!("100.5"), json!(100.5)),
        ("score", json!("-1e3"), json!(-1000)),
        ("score", json!(7), json!(7)),
        ("city", json!("Riga"), json!("Riga")),
        ("city", json!(""), json!("")),
        ("city", json!(17), json!("17")),
        ("city", json!(true), json!("true")),
        ("birthday", json!("2001-12-31"), json!("2001-12-31")),
        ("birthday", json!("2024-05-27T12:00:00Z"), json!("2024-05-27T12:00:00Z")),
        ("birthday", json!("2024-02-29T23:59:59.123+14:00"), json!("2024-02-29T23:59:59.123+14:00")),
        ("vip", json!(true), json!(true)),
        ("vip", json!("true"), json!(true)),
        ("vip", json!(1), json!(true)),
        ("vip", json!(" 1 "), json!(true)),
        ("vip", json!(false), json!(false)),
        ("vip", json!("false"), json!(false)),
        ("vip", json!(0), json!(false)),
        ("plan", json!("pro"), json!("pro")),
        ("plan", json!(1), json!("free")),
        ("plan", json!("3"), json!("team")),
        ("plan", json!(" team "), json!("team")),
        ("last_ip", json!("127.0.0.1"), json!("127.0.0.1")),
        ("last_ip", json!("::FFFF:1.2.3.4"), json!("::ffff:1.2.3.4")),
        ("interests", json!("tag-1, tag-2"), json!(["tag-1", "tag-2"])),
        ("interests", json!(["b", " a ", "b"]), json!(["b", "a"])),
        ("interests", json!(["one"]), json!(["one"])),
        ("interests", json!(""), json!([])),
        ("interests", json!([]), json!([])),
        ("address", json!({}), json!({})),
        ("address", object.clone(), world.inside_objects(object)),
        ("address", json!({"action": "walk"}), json!({"action": "walk"})),
        ("orders", orders.clone(), world.inside_objects(orders)),
        ("orders", json!([{"id": "only"}]), json!([{"id": "only"}])),
        ("orders", json!([]), json!([])),
    ];
    assert_stored(world, &rows);
    if world.format() == Format::Json {
        // Digits are kept however many there are; XML has no numbers.
        let long = "0.1234567890123456789012345678901234567890";
        let record: Value =
            serde_json::from_str(&format!(r#"{{"Custom_ID": 1000, "score": {long}}}"#)).unwrap();
        world.import_all(super::custom_id(), &[record]);
        assert_eq!(by_id(world, 1000)["score"].to_string(), long);
    }
}

fn fields_that_are_absent_stay_and_arrays_replace(world: &World) {
    let first = json!({
        "Custom_ID": 1, "_fname": "Ann", "city": "Riga", "interests": ["a", "b"], "phones": ["+79000000001"],
        "address": {"a": 1, "b": 2}, "orders": [{"id": 1}, {"id": 2}],
        "subscriptions": [{"channel": "sms", "resource_id": 28, "phone": "+79000000001"}],
    });
    let second = json!({
        "Custom_ID": 1, "_lname": "Doe", "interests": ["c"], "phones": ["+79000000002"], "address": {"c": "3"},
        "orders": [{"id": "3"}], "subscriptions": [],
    });
    let results = world.import_all(super::custom_id(), &[first, second]);
    assert_eq!((&results[0]["action"], &results[1]["action"]), (&json!("created"), &json!("updated")));
    let read = by_id(world, 1);
    for (name, value) in [
        ("_fname", json!("Ann")),
        ("_lname", json!("Doe")),
        ("city", json!("Riga")),
        ("interests", json!(["c"])),
        ("phones", json!(["+79000000002"])),
        ("address", json!({"c": "3"})),
        ("orders", json!([{"id": "3"}])),
    ] {
        assert_eq!(read[name], value, "{name}");
    }
    assert_eq!(read["subscriptions"].as_array().map(Vec::len), Some(1));
    // What is read is told with when it was made and changed, and where there is nothing there is no member.
    assert!(
        read["created_at"].is_string() && read["updated_at"].is_string() && read["profile_id"].is_string()
    );
    assert!(read.get("vip").is_none() && read.get("email").is_none(), "{read}");
}

fn phone_stands_before_phones_however_they_are_sent(world: &World) {
    let (one, two) = ("+79000000001", "+79000000002");
    let rows = [
        (json!({"phone": one, "phones": [two]}), json!([one, two])),
        (json!({"phone": one, "phones": two}), json!([one, two])),
        (json!({"phones": [two, one], "phone": one}), json!([one, two])),
        (json!({"phone": one}), json!([one])),
        (json!({"phone": [one, two]}), json!([one, two])),
    ];
    for (id, (record, phones)) in (0..).zip(rows) {
        let mut record = record;
        record["Custom_ID"] = json!(id);
        let result = &world.import_all(super::custom_id(), std::slice::from_ref(&record))[0];
        assert_eq!(result["action"], "created", "{record}: {result}");
        assert_eq!(by_id(world, id)["phones"], phones, "{record}");
    }
}
