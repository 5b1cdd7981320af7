//! XML and JSON that mean the same.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

#[test]
fn elements_are_members() {
    assert_eq!(members_of("<a>1</a><b><c/><d></d></b>"), json!({"a": "1", "b": {"c": "", "d": ""}}));
    assert_eq!(members_of("\n <a>\n\t<b> x </b>\n</a> "), json!({"a": {"b": " x "}}));
    assert_eq!(members_of("<a>  </a>"), json!({"a": "  "}));
    assert_eq!(read_xml("<xml/>"), Ok(json!({"parameters": {}, "data": null})));
}

#[test]
fn repeated_elements_are_arrays_wherever_they_stand() {
    assert_eq!(members_of("<a>1</a><b/><a>2</a>"), json!({"a": ["1", "2"], "b": ""}));
    assert_eq!(
        records_of("<data><a/><b/><a><c/></a><b/></data>"),
        json!([{"a": ["", {"c": ""}], "b": ["", ""]}])
    );
}

#[test]
fn marks_say_what_text_cannot() {
    assert_eq!(members_of("<a array='true'>1</a>"), json!({"a": ["1"]}));
    assert_eq!(members_of("<a array=\"true\"><b>1</b></a>"), json!({"a": [{"b": "1"}]}));
    assert_eq!(members_of("<a array='true'/>"), json!({"a": []}));
    assert_eq!(members_of("<a array='true'></a>"), json!({"a": []}));
    assert_eq!(members_of("<a array='true'><![CDATA[]]></a>"), json!({"a": [""]}));
    assert_eq!(members_of("<a array='true'/><a/>"), json!({"a": ["", ""]}));
    assert_eq!(members_of("<a nil='true'/><b nil='false'/>"), json!({"a": null, "b": ""}));
    assert_eq!(members_of("<a nil='true' array='true'/>"), json!({"a": [null]}));
    assert_eq!(members_of("<a object='true'/>"), json!({"a": {}}));
    assert_eq!(members_of("<a array='true' object='true'/>"), json!({"a": [{}]}));
    assert_eq!(members_of("<a xmlns='urn:a' xmlns:b='urn:b'>1</a>"), json!({"a": "1"}));
}

#[test]
fn some_names_are_always_arrays() {
    let record = "<phones>1</phones><subscriptions><cats>x</cats></subscriptions>";
    let expected = json!([{"phones": ["1"], "subscriptions": [{"cats": ["x"]}]}]);
    assert_eq!(records_of(&format!("<data>{record}</data>")), expected);
    assert_eq!(records_of("<data><phones array='false'>1</phones></data>"), json!([{"phones": "1"}]));
    assert_eq!(records_of("<data><phones nil='true'/></data>"), json!([{"phones": null}]));
    assert_eq!(records_of("<data><phones/></data>"), json!([{"phones": [""]}]));
    assert_eq!(records_of("<data><subscriptions array='true'/></data>"), json!([{"subscriptions": []}]));
}

#[test]
fn each_data_element_is_a_record() {
    assert_eq!(records_of("<data/>"), json!([{}]));
    assert_eq!(records_of("<data>\n</data>"), json!([{}]));
    assert_eq!(records_of("<data array='true'/>"), json!([]));
    assert_eq!(records_of("<data array='true'/><data/>"), json!([{}, {}]));
    assert_eq!(records_of("<data array='true'><a>1</a></data>"), json!([{"a": "1"}]));
    assert_eq!(records_of("<data>x</data><data nil='true'/><a/><data/>"), json!(["x", null, {}]));
    assert_eq!(records_of("<a/>"), Value::Null);
}

#[test]
fn text_is_resolved() {
    let text = "<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F600;<![CDATA[<b>&amp;]]><!-- no -->\r\nend<?no?></a>";
    assert_eq!(members_of(text), json!({"a": "<>&'\"A\u{1F600}<b>&amp;\nend"}));
    assert_eq!(members_of("<a>\"quoted\" \\ \t\n</a>"), json!({"a": "\"quoted\" \\ \t\n"}));
    let declared = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- x --><xml><a>ж</a></xml>\n<?y?>";
    assert_eq!(read_xml(declared).unwrap()["parameters"], json!({"a": "ж"}));
    assert_eq!(read_json("\u{feff}{}"), Ok(json!({"parameters": {}, "data": null})));
}

#[test]
fn names_stand_for_keys() {
    assert_eq!(members_of("<first_x0020_name/><_x_/>"), json!({"first name": "", "": ""}));
    assert_eq!(members_of("<a_x0062_/><ab/>"), json!({"ab": ["", ""]}));
}

/// Trees that XML can say: no array directly in an array, no character that XML lacks.
fn trees() -> impl Strategy<Value = Value> {
    let text = "[ -~\t\n\ré<&\"'\\]\u{85}\u{2028}\u{1F600}]{0,6}";
    let leaf = prop_oneof![4 => text.prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(5, 48, 5, |inner| {
        let key = prop_oneof!["[a-c]{1,2}", "[ -~]{0,3}", Just("phones".to_owned()), Just("data".to_owned())];
        let items = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            proptest::collection::btree_map(key, inner, 0..5)
                .prop_map(|members| members.into_iter().collect::<Value>()),
            items.prop_filter_map("an array in an array", |items| {
                items.iter().all(|item| !item.is_array()).then(|| Value::from(items))
            }),
        ]
    })
}

fn objects() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-d _]{0,3}|phones|cats", trees(), 0..4)
        .prop_map(|members| members.into_iter().collect::<Value>())
}

proptest! {
    #[test]
    fn what_json_says_xml_says_too(
        records in proptest::collection::vec(objects(), 0..4),
        parameters in proptest::collection::btree_map("[a-d _]{0,3}|phones|subscriptions", trees(), 0..5),
    ) {
        let json = json!({"parameters": parameters, "data": records});
        let mut members: Vec<(Cow<'_, str>, Node<'_>)> =
            parameters.iter().map(|(name, value)| (name.into(), Node::from(value))).collect();
        let records = Value::from(records);
        members.push(("data".into(), Node::from(&records)));
        let body = Node::Object(members);
        let xml = body.to_bytes(Format::Xml);
        let from_xml = read(Format::Xml, &xml, &Limits::default()).unwrap();
        prop_assert_eq!(&value_of(&from_xml), &json, "{}", String::from_utf8_lossy(&xml));
        let text = body.to_bytes(Format::Json);
        let from_json = read(Format::Json, &text, &Limits::default()).unwrap();
        prop_assert_eq!(value_of(&from_json), json);
    }
}
