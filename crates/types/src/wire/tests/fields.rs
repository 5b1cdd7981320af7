//! What there is, told.

use super::answers::{both, warning};
use super::*;
use crate::{Field, FieldType, Listing};

fn field(name: &str, number: i16, field_type: FieldType) -> Field {
    Field { name: name.to_owned(), number, field_type, matchable: false, unique: false }
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is long is the snapshot")]
fn fields_of_both_categories() {
    let plan = FieldType::Enum(vec!["free".to_owned(), "<pro>".to_owned()]);
    let one = FieldType::Enum(vec!["only".to_owned()]);
    let code = Field { matchable: true, unique: true, ..field("crm code", 2, FieldType::String) };
    let listed = vec![field("_sex", 0, FieldType::Sex), field("plan", 1, plan), code, field("one", 3, one)];
    let listing = Listing { fields: listed, warnings: vec![warning()] };
    insta::assert_snapshot!(both(|format| fields(&listing, format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "fields":[{"name":"_sex",
    "type":"sex",
    "category":"system",
    "matchable":false,
    "unique":false,
    "values":["male",
    "female"]},{"name":"plan",
    "type":"enum",
    "category":"custom",
    "matchable":false,
    "unique":false,
    "values":["free",
    "<pro>"]},{"name":"crm code",
    "type":"string",
    "category":"custom",
    "matchable":true,
    "unique":true},{"name":"one",
    "type":"enum",
    "category":"custom",
    "matchable":false,
    "unique":false,
    "values":["only"]}],
    "warnings":[{"code":"unknown_parameter",
    "text":"unknown parameter `<colour>` was ignored",
    "field":"<colour>"}]}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <fields>
    <name>_sex</name>
    <type>sex</type>
    <category>system</category>
    <matchable>false</matchable>
    <unique>false</unique>
    <values>male</values>
    <values>female</values>
    </fields>
    <fields>
    <name>plan</name>
    <type>enum</type>
    <category>custom</category>
    <matchable>false</matchable>
    <unique>false</unique>
    <values>free</values>
    <values>&lt;pro&gt;</values>
    </fields>
    <fields>
    <name>crm code</name>
    <type>string</type>
    <category>custom</category>
    <matchable>true</matchable>
    <unique>true</unique>
    </fields>
    <fields>
    <name>one</name>
    <type>enum</type>
    <category>custom</category>
    <matchable>false</matchable>
    <unique>false</unique>
    <values array='true'>only</values>
    </fields>
    <warnings array='true'>
    <code>unknown_parameter</code>
    <text>unknown parameter `&lt;colour&gt;` was ignored</text>
    <field>&lt;colour&gt;</field>
    </warnings>
    </xml>
    "#);
}

#[test]
fn few_fields() {
    let one = Listing { fields: vec![field("source", 1, FieldType::String)], warnings: Vec::new() };
    insta::assert_snapshot!(both(|format| fields(&one, format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "fields":[{"name":"source",
    "type":"string",
    "category":"custom",
    "matchable":false,
    "unique":false}]}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <fields array='true'>
    <name>source</name>
    <type>string</type>
    <category>custom</category>
    <matchable>false</matchable>
    <unique>false</unique>
    </fields>
    </xml>
    "#);
    let none = Listing { fields: Vec::new(), warnings: Vec::new() };
    insta::assert_snapshot!(both(|format| fields(&none, format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "fields":[]}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <fields array='true'/>
    </xml>
    "#);
}
