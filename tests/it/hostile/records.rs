//! Records that fail alone: each between two good ones, with a code, a path and a short text.

use intake_tests::World;
use serde_json::{Value, json};

use super::{JSON, XML, post};

/// A member of a record, in JSON text or in XML, and what becomes of the record: the code and the path.
type Case = (String, &'static str, &'static str);

fn nested(levels: usize) -> String {
    format!("\"address\":{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels))
}

fn many(count: usize, item: &str) -> String {
    vec![item; count].join(",")
}

fn json_cases() -> Vec<Case> {
    let case = |text: &str, code, path| (text.to_owned(), code, path);
    let numbered = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    let digits = "9".repeat(100);
    let subscription = r#"{"channel":"email","resource_id":28,"email":"s@example.com"}"#;
    let in_subscription =
        |member: &str| format!(r#""subscriptions":[{{"channel":"email","resource_id":28,{member}}}]"#);
    let huge = "я".repeat(500_000);
    vec![
        (nested(32), "too_deep", "address.a.a.a"),
        (nested(500_000), "too_deep", "address.a.a.a"),
        case(r#""_fname":"\ud800""#, "invalid_type", "_fname"),
        case(r#""address":{"a":["\udc00\ud800"]}"#, "invalid_type", "address.a[0]"),
        case(r#""_fname":"a\u0000b""#, "invalid_type", "_fname"),
        case(r#""address":{"a":["\u0000"]}"#, "invalid_type", "address.a[0]"),
        case(r#""a\u0000b":1"#, "unknown_field", "a\u{fffd}b"),
        case(r#""_fname":"a","\u005ffname":"b""#, "invalid_type", "_fname"),
        case(r#""address":{"a":1,"b":[{"c":1,"c":2}]}"#, "invalid_type", "address.b[0].c"),
        case(r#""address":{"$serde_json::private::Number":"1"}"#, "invalid_type", "address.$serde_json"),
        case(r#""city":{"\u0024serde_json::private::RawValue":"\"x\""}"#, "invalid_type", "city.$serde_json"),
        (format!(r#""subscriptions":[{}]"#, many(10_000, subscription)), "out_of_range", "subscriptions"),
        (format!(r#""loyalty_points":{digits}"#), "out_of_range", "loyalty_points"),
        case(r#""loyalty_points":1e400"#, "invalid_type", "loyalty_points"),
        case(r#""score":-1e400"#, "out_of_range", "score"),
        case(r#""score":1e99999999999999999999"#, "out_of_range", "score"),
        case(r#""address":{"a":[0,1e400]}"#, "out_of_range", "address.a[1]"),
        (format!(r#""orders":[{{"ids":[{}]}}]"#, many(1_500_000, "1")), "out_of_range", "orders[0].ids["),
        (format!(r#""phones":[{}]"#, many(300_000, r#""+79991234567""#)), "out_of_range", "phones"),
        (format!(r#""interests":[{}]"#, numbered(1001).join(",")), "out_of_range", "interests"),
        (format!(r#""{huge}":1"#), "unknown_field", "яяя"),
        (format!(r#""plan":"{huge}""#), "invalid_enum", "plan"),
        (format!(r#""last_ip":"{huge}""#), "invalid_ip", "last_ip"),
        (in_subscription(&format!(r#""email":"{huge}""#)), "invalid_subscription", "subscriptions[0].email"),
        (
            in_subscription(&format!(r#""email":"a@example.com","status":"{huge}""#)),
            "invalid_subscription",
            "subscriptions[0].status",
        ),
        (
            in_subscription(&format!(r#""email":"a@example.com","cats":["{huge}"]"#)),
            "invalid_subscription",
            "subscriptions[0].cats[0]",
        ),
        (
            in_subscription(&format!(r#""email":"a@example.com","custom_fields":{{"{huge}":1}}"#)),
            "invalid_subscription",
            "subscriptions[0].custom_fields.яяя",
        ),
    ]
}

fn xml_cases() -> Vec<Case> {
    let private = "_x0024_serde_json_x003A__x003A_private_x003A__x003A_Number";
    let elements = |count: usize, element: &str| element.repeat(count);
    let subscription = "<subscriptions><channel>email</channel><resource_id>28</resource_id>\
        <email>s@example.com</email></subscriptions>";
    let digits = "9".repeat(100);
    let deep = |levels: usize| {
        format!("<address>{}1{}</address>", elements(levels, "<a>"), elements(levels, "</a>"))
    };
    vec![
        (deep(32), "too_deep", "address.a.a.a"),
        (deep(100_000), "too_deep", "address.a.a.a"),
        ("<_fname>a</_fname><_fname>b</_fname>".to_owned(), "invalid_type", "_fname"),
        (format!("<address><{private}>1</{private}></address>"), "invalid_type", "address.$serde_json"),
        (elements(10_000, subscription), "out_of_range", "subscriptions"),
        (format!("<loyalty_points>{digits}</loyalty_points>"), "out_of_range", "loyalty_points"),
        ("<loyalty_points>1e400</loyalty_points>".to_owned(), "invalid_type", "loyalty_points"),
        ("<score>-1e400</score>".to_owned(), "out_of_range", "score"),
        (elements(150_000, "<orders><i/></orders>"), "out_of_range", "orders["),
        (elements(200_000, "<phones>+79991234567</phones>"), "out_of_range", "phones"),
        ("<a_x0000_b>1</a_x0000_b>".to_owned(), "unknown_field", "a\u{fffd}b"),
    ]
}

/// Applies one batch of a bad record between two good ones for each case, and looks at every result.
fn assert_fails_alone(content_type: &str, cases: &[Case], body: impl Fn(usize, &str) -> String) {
    let world = World::start();
    for (number, (member, code, path)) in cases.iter().enumerate() {
        let shown: String = member.chars().take(80).collect();
        let answer = post(&world, content_type, "identity", body(number, member).as_bytes());
        assert_eq!(answer.status, 202, "{shown}: {}", answer.text);
        let job = answer.job_id();
        let status = world.completed(&job);
        assert_eq!((&status["created"], &status["failed"]), (&json!(2), &json!(1)), "{shown}: {status}");
        let results = world.results(&job);
        let bad = &results[1];
        assert_eq!((&bad["error"], &bad["code"]), (&json!(400), &json!(code)), "{shown}: {bad}");
        let field = bad["field"].as_str().unwrap_or_default();
        assert!(field.starts_with(path) && field.chars().count() <= 301, "{shown}: {field}");
        let text = bad["error_text"].as_str().unwrap();
        assert!(!text.is_empty() && text.chars().count() <= 2001, "{shown}: {text}");
        assert!(bad.get("profile_id").is_none_or(Value::is_null), "{bad}");
    }
    let stored = i64::try_from(2 * cases.len()).unwrap();
    assert_eq!(world.database.scalar("SELECT count(*) FROM profiles"), stored);
}

#[test]
fn a_hostile_json_record_fails_alone() {
    assert_fails_alone(JSON, &json_cases(), |number, member| {
        format!(
            r#"{{"db_id":1,"data":[{{"email":"a{number}@example.com"}},{{"email":"bad{number}@example.com",{member}}},{{"email":"b{number}@example.com"}}]}}"#
        )
    });
}

#[test]
fn a_hostile_xml_record_fails_alone() {
    assert_fails_alone(XML, &xml_cases(), |number, member| {
        format!(
            "<xml><db_id>1</db_id><data><email>a{number}@example.com</email></data>\
             <data><email>bad{number}@example.com</email>{member}</data>\
             <data><email>b{number}@example.com</email></data></xml>"
        )
    });
}
