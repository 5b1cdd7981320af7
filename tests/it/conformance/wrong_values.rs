//! Section 5: what each field refuses: the code, the path, and what is allowed instead.

use intake_tests::{DEMO_TOKEN, Format, World, in_both_formats};
use serde_json::{Value, json};

use super::assert_failed;

in_both_formats!(system_fields_say_what_they_take, custom_types_say_what_they_take);

/// A field, what is sent, the code, the path below the field, and what the text tells.
type Row = (&'static str, Value, &'static str, &'static str, &'static [&'static str]);

/// Sends each value in a record of its own between records that are well: each fails alone.
fn assert_refused_alone(world: &World, rows: &[Row]) {
    let mut records = Vec::new();
    for (at, (field, sent, ..)) in rows.iter().enumerate() {
        let mut record = json!({"Custom_ID": 2 * at, "_fname": "X"});
        record[*field] = sent.clone();
        records.push(record);
        records.push(json!({"Custom_ID": 2 * at + 1}));
    }
    let results = world.import_all(super::custom_id(), &records);
    for (pair, row) in results.chunks(2).zip(rows) {
        let (field, _, code, below, told) = row;
        assert_failed(&pair[0], code, Some(&format!("{field}{below}")), told, row);
        assert_eq!(pair[1]["action"], "created", "after {row:?}: {}", pair[1]);
    }
    let wanted = i64::try_from(rows.len()).unwrap();
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), wanted);
}

const EMAIL: &[&str] = &["e-mail", "name@example.com"];
const PHONE: &[&str] = &["+ and country code"];
const DATE: &[&str] = &["YYYY-MM-DD", "RFC 3339"];
const IP: &[&str] = &["IPv4", "IPv6"];
const SEX: &[&str] = &["male", "female", "1 or 2"];
const STATUS: &[&str] = &[
    "subscribed",
    "unsubscribed",
    "complained",
    "hardbounced",
    "unconfirmed",
    "suspended",
    "invalid",
    "0 to 6",
];
const TZ: &[&str] = &["IANA", "Europe/Moscow"];
const STRING: &[&str] = &["string"];

fn system_fields_say_what_they_take(world: &World) {
    let mut rows: Vec<Row> = vec![
        ("email", json!("not an address"), "invalid_email", "", EMAIL),
        ("email", json!(""), "invalid_email", "", EMAIL),
        ("email", json!("a@localhost"), "invalid_email", "", EMAIL),
        ("email", json!("a@example.com, b@example.com"), "invalid_email", "", EMAIL),
        ("email", json!({"a": "b"}), "invalid_type", "", EMAIL),
        ("phones", json!(["+79000000000", "phone"]), "invalid_phone", "[1]", PHONE),
        ("phones", json!(["89000000000"]), "invalid_phone", "[0]", PHONE),
        ("phones", json!([""]), "invalid_phone", "[0]", PHONE),
        ("phones", json!("12345"), "invalid_phone", "", PHONE),
        ("phones", json!({"a": "b"}), "invalid_type", "", &["array of phone numbers"]),
        ("phone", json!("12345"), "invalid_phone", "", PHONE),
        ("phone", json!(""), "invalid_phone", "", PHONE),
        ("_bdate", json!("2001-02-30"), "invalid_date", "", DATE),
        ("_bdate", json!("31.12.2001"), "invalid_date", "", DATE),
        ("_bdate", json!(""), "invalid_date", "", DATE),
        ("_regdate", json!("2001-12-31T12:00:00"), "invalid_date", "", DATE),
        ("_regdate", json!(["2001-12-31"]), "invalid_type", "", DATE),
        ("_ip", json!("300.1.1.1"), "invalid_ip", "", IP),
        ("_ip", json!(""), "invalid_ip", "", IP),
        ("_regip", json!("::g"), "invalid_ip", "", IP),
        ("_regip", json!(["127.0.0.1"]), "invalid_type", "", IP),
        ("_sex", json!("other"), "invalid_enum", "", SEX),
        ("_sex", json!(3), "invalid_enum", "", SEX),
        ("_sex", json!("Male"), "invalid_enum", "", SEX),
        ("_status", json!(7), "invalid_enum", "", STATUS),
        ("_status", json!("happy"), "invalid_enum", "", STATUS),
        ("_status", json!(["subscribed"]), "invalid_type", "", STATUS),
        ("_tz", json!("Moscow"), "invalid_enum", "", TZ),
        ("_tz", json!("+03:00"), "invalid_enum", "", TZ),
    ];
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
        rows.push((name, json!(["a", "b"]), "invalid_type", "", STRING));
        rows.push((name, json!({"a": "b"}), "invalid_type", "", STRING));
    }
    if world.format() == Format::Json {
        // XML has neither the types nor the character.
        rows.extend([
            ("email", json!(17), "invalid_type", "", EMAIL),
            ("phones", json!([true]), "invalid_type", "[0]", PHONE),
            ("_bdate", json!(20_011_231), "invalid_type", "", DATE),
            ("_sex", json!(true), "invalid_type", "", SEX),
            ("_tz", json!(3), "invalid_type", "", TZ),
            ("_fname", json!("a\u{0}b"), "invalid_type", "", &["U+0000"]),
        ]);
    }
    assert_refused_alone(world, &rows);
}

const INT: &[&str] = &["whole number", "-9223372036854775808", "9223372036854775807"];
const FLOAT: &[&str] = &["number such as 100.5"];
const BOOL: &[&str] = &["true or false", "1 or 0"];
const ENUM: &[&str] = &["free, pro, team", "1 to 3"];

fn custom_types_say_what_they_take(world: &World) {
    let mut rows: Vec<Row> = vec![
        ("loyalty_points", json!("seven"), "invalid_type", "", INT),
        ("loyalty_points", json!(""), "invalid_type", "", INT),
        ("loyalty_points", json!(1.5), "invalid_type", "", INT),
        ("loyalty_points", json!("0x10"), "invalid_type", "", INT),
        ("loyalty_points", json!("9223372036854775808"), "out_of_range", "", INT),
        ("loyalty_points", json!([1, 2]), "invalid_type", "", INT),
        ("score", json!("a lot"), "invalid_type", "", FLOAT),
        ("score", json!(""), "invalid_type", "", FLOAT),
        ("score", json!("NaN"), "invalid_type", "", FLOAT),
        ("score", json!("1,5"), "invalid_type", "", FLOAT),
        ("score", json!("1e309"), "out_of_range", "", &["64-bit float"]),
        ("score", json!("1e999"), "out_of_range", "", &["at most 400 digits"]),
        ("city", json!(["Riga", "Oslo"]), "invalid_type", "", STRING),
        ("city", json!({"name": "Riga"}), "invalid_type", "", STRING),
        ("birthday", json!("2001-13-01"), "invalid_date", "", DATE),
        ("birthday", json!(["2001-12-31"]), "invalid_type", "", DATE),
        ("vip", json!("yes"), "invalid_type", "", BOOL),
        ("vip", json!(2), "invalid_type", "", BOOL),
        ("vip", json!(""), "invalid_type", "", BOOL),
        ("plan", json!("gold"), "invalid_enum", "", ENUM),
        ("plan", json!("Pro"), "invalid_enum", "", ENUM),
        ("plan", json!(0), "invalid_enum", "", ENUM),
        ("plan", json!(4), "invalid_enum", "", ENUM),
        ("plan", json!(["pro"]), "invalid_type", "", ENUM),
        ("last_ip", json!("localhost"), "invalid_ip", "", IP),
        ("last_ip", json!(["127.0.0.1"]), "invalid_type", "", IP),
        ("interests", json!({"a": "b"}), "invalid_type", "", &["array of strings", "commas"]),
        ("interests", json!(["a", {"b": "c"}]), "invalid_type", "[1]", STRING),
        ("address", json!("Riga"), "invalid_type", "", &["an object"]),
        ("address", json!([{"a": "b"}]), "invalid_type", "", &["an object"]),
        ("orders", json!({"id": "1"}), "invalid_type", "", &["array of objects"]),
        ("orders", json!("x"), "invalid_type", "", &["array of objects"]),
        ("orders", json!([{"id": "1"}, "x"]), "invalid_type", "[1]", &["an object"]),
    ];
    if world.format() == Format::Json {
        rows.extend([
            ("loyalty_points", json!(true), "invalid_type", "", INT),
            ("score", json!(true), "invalid_type", "", FLOAT),
            ("vip", json!(1.0), "invalid_type", "", BOOL),
            ("plan", json!(true), "invalid_type", "", ENUM),
            ("interests", json!(["a", null]), "invalid_type", "[1]", STRING),
            ("address", json!({"a": {"b": "c\u{0}"}}), "invalid_type", ".a.b", &["U+0000"]),
            ("orders", json!([{"id": ["\u{0}"]}]), "invalid_type", "[0].id[0]", &["U+0000"]),
        ]);
    }
    assert_refused_alone(world, &rows);
}

#[test]
fn half_a_character_fails_its_record_alone() {
    let world = World::start();
    let body = r#"{"db_id":1,"data":[{"email":"\ud800@example.com"},{"email":"ok@example.com"}]}"#;
    let token = format!("Bearer {DEMO_TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
    let job = world.post(super::IMPORT, &headers, body.as_bytes()).job_id();
    world.completed(&job);
    let results = world.results(&job);
    assert_failed(
        &results[0],
        "invalid_type",
        Some("email"),
        &["half of a surrogate pair", "send both halves"],
        &body,
    );
    assert_eq!(results[1]["action"], "created");
}
