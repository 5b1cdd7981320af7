//! Section 2: how a request is written in XML, byte for byte, and what it means.

use intake_tests::{Answer, DEMO_TOKEN, World};
use serde_json::{Value, json};

use super::{IMPORT, assert_refused};

fn post(world: &World, body: &str) -> Answer {
    let bearer = format!("Bearer {DEMO_TOKEN}");
    let headers = [
        ("content-type", "application/xml"),
        ("authorization", bearer.as_str()),
        ("accept", "application/json"),
    ];
    world.post(IMPORT, &headers, body.as_bytes())
}

/// The only profile, after these records (`data` elements) were imported.
fn read(world: &World, id: usize, members: &str) -> Value {
    let data = format!("<data><Custom_ID>{id}</Custom_ID>{members}</data>");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml><db_id>1</db_id><matching>custom</matching>\
         <field_name>Custom_ID</field_name><nulls>clear</nulls>{data}</xml>\n"
    );
    let job = post(world, &body).job_id();
    let status = world.completed(&job);
    assert_eq!(status["failed"], 0, "{members}: {:?}", world.results(&job));
    super::by_id(world, id.try_into().unwrap())
}

#[test]
fn elements_are_members_by_the_rules_of_the_contract() {
    let world = World::start();
    let email = "<channel>email</channel><resource_id>28</resource_id><email>s@example.com</email>";
    let subscription = json!([{
        "channel": "email", "resource_id": 28, "email": "s@example.com", "status": "subscribed",
        "custom_fields": {}, "cats": ["category_1"],
    }]);
    let rows = [
        // A repeated element is an array.
        ("<interests>a</interests><interests>b</interests>", "interests", json!(["a", "b"])),
        ("<interests>a</interests><city>x</city><interests>b</interests>", "interests", json!(["a", "b"])),
        (
            "<orders><id>1</id></orders><orders><id>2</id></orders>",
            "orders",
            json!([{"id": "1"}, {"id": "2"}]),
        ),
        // One that is marked is an array of one, whichever quotes are used.
        ("<orders array='true'><id>1</id></orders>", "orders", json!([{"id": "1"}])),
        ("<orders array=\"true\"><id>1</id></orders>", "orders", json!([{"id": "1"}])),
        ("<address><list array='true'>x</list></address>", "address", json!({"list": ["x"]})),
        ("<interests array='true'/>", "interests", json!([])),
        // These are arrays always.
        ("<phones>+79000000001</phones>", "phones", json!(["+79000000001"])),
        ("<phones array='true'>+79000000002</phones>", "phones", json!(["+79000000002"])),
        (
            "<phones>+79000000003</phones><phones>+79000000004</phones>",
            "phones",
            json!(["+79000000003", "+79000000004"]),
        ),
        // Text is typed by the schema.
        ("<vip>true</vip>", "vip", json!(true)),
        ("<vip>1</vip>", "vip", json!(true)),
        ("<loyalty_points> 7 </loyalty_points>", "loyalty_points", json!(7)),
        ("<score>1.5</score>", "score", json!(1.5)),
        ("<city>77</city>", "city", json!("77")),
        ("<address><n>1</n><b>true</b></address>", "address", json!({"n": "1", "b": "true"})),
        // An empty element is the empty string.
        ("<city/>", "city", json!("")),
        ("<city></city>", "city", json!("")),
        ("<address><a/></address>", "address", json!({"a": ""})),
        // Text is text.
        ("<city>a &lt;&amp;&gt; &#x2603; <![CDATA[<b>]]></city>", "city", json!("a <&> ☃ <b>")),
        ("<city> kept </city>", "city", json!(" kept ")),
        ("<city>a<!-- no -->b</city>", "city", json!("ab")),
        // Null.
        ("<city nil='true'/>", "city", Value::Null),
        ("<city nil=\"true\"></city>", "city", Value::Null),
        ("<address><a nil='true'/></address>", "address", json!({"a": null})),
    ];
    for (id, (members, field, value)) in rows.iter().enumerate() {
        let profile = read(&world, id, members);
        assert_eq!(profile.get(*field).unwrap_or(&Value::Null), value, "{members}");
    }
    for (id, subscriptions) in (1000..).zip([
        format!("<subscriptions>{email}<cats>category_1</cats></subscriptions>"),
        format!("<subscriptions array='true'>{email}<cats array=\"true\">category_1</cats></subscriptions>"),
    ]) {
        assert_eq!(read(&world, id, &subscriptions)["subscriptions"], subscription, "{subscriptions}");
    }
    // A function, and an array of one in it.
    read(&world, 2000, "<interests>a</interests><interests>b</interests><loyalty_points>1</loyalty_points>");
    let functions = "<interests><action>add</action><value array='true'>c</value></interests>\
                     <loyalty_points><action>incr</action><value>1000</value></loyalty_points>";
    let profile = read(&world, 2000, functions);
    assert_eq!((&profile["interests"], &profile["loyalty_points"]), (&json!(["a", "b", "c"]), &json!(1001)));
    let deleting = "<interests><action>delete</action><value>a</value><value>b</value></interests>";
    assert_eq!(read(&world, 2000, deleting)["interests"], json!(["c"]));
}

#[test]
fn one_data_element_is_one_record_marked_or_not() {
    let world = World::start();
    for (data, total) in [
        ("<data><email>a@example.com</email></data>", 1),
        ("<data array='true'><email>a@example.com</email></data>", 1),
        (
            "<data array=\"true\"><email>a@example.com</email></data><data><email>b@example.com</email></data>",
            2,
        ),
    ] {
        let status = world.completed(&post(&world, &format!("<xml><db_id>1</db_id>{data}</xml>")).job_id());
        assert_eq!((&status["total"], &status["failed"]), (&json!(total), &json!(0)), "{data}");
    }
    for (data, told) in
        [("<data array='true'/>", "at least one"), ("<data nil='true'/>", "array"), ("", "required")]
    {
        let answer = post(&world, &format!("<xml><db_id>1</db_id>{data}</xml>"));
        assert_refused(&answer, 400, &["data", told], &data);
    }
}

#[test]
fn what_is_no_such_xml_is_refused_and_says_where() {
    let world = World::start();
    let data = "<db_id>1</db_id><data><email>a@example.com</email></data>";
    for (body, told) in [
        (format!("<!DOCTYPE xml><xml>{data}</xml>"), "DOCTYPE"),
        (format!("<!DOCTYPE xml [<!ENTITY a \"b\">]><xml>{data}</xml>"), "DOCTYPE"),
        (format!("<request>{data}</request>"), "xml"),
        (format!("<xml>{data}"), "not closed"),
        (format!("<xml>{data}</xml><xml/>"), "root"),
        (format!("<xml>\n{data}</wrong></xml>"), "line 2"),
        (format!("<xml>{data}<a>&nope;</a></xml>"), "nope"),
        (format!("<xml>{data}<a b='c'/></xml>"), "attribute"),
        (format!("<xml>{data}<a array='yes'/></xml>"), "true, false"),
        (format!("<xml>{data}<a>text<b/></a></xml>"), "text"),
        ("{}".to_owned(), "root"),
        (String::new(), "XML"),
    ] {
        assert_refused(&post(&world, &body), 400, &["XML", "line", "column", told], &body);
    }
    assert_eq!(world.database.scalar("SELECT count(*) FROM jobs"), 0);
}
