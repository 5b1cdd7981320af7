//! What a JSON body is in XML, and an XML answer in JSON, by the rules of the contract.
//!
//! Written apart from the product's own reader and writer, from the same rules: an error of theirs would hide in both
//! directions if stories used them.

mod name;
mod read;
mod typed;
mod write;

pub(crate) use read::read;
pub(crate) use typed::{typed, untyped};
pub(crate) use write::write;

/// Names whose values are arrays even when there is one element without a mark.
const ALWAYS_ARRAYS: [&str; 4] = ["data", "subscriptions", "cats", "phones"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_becomes_the_xml_of_the_contract() {
        let body = json!({
            "db_id": 1, "skip_triggers": true, "text": "a < b & \"c\"\r", "none": null, "empty": "", "object": {},
            "data": [{"phones": ["+1"], "interests": ["a"], "tags": ["a", "b"], "gone": [], "blank": [""]}, {}],
        });
        let xml = "<xml><data><blank array='true'><![CDATA[]]></blank><gone array='true'/>\
                   <interests array='true'>a</interests><phones>+1</phones><tags>a</tags><tags>b</tags></data><data/>\
                   <db_id>1</db_id><empty/><none nil='true'/><object object='true'/>\
                   <skip_triggers>true</skip_triggers><text>a &lt; b &amp; \"c\"&#13;</text></xml>";
        assert_eq!(write(&body), xml);
        assert_eq!(
            write(&json!({"data": [], "phones": "+1"})),
            "<xml><data array='true'/><phones array='false'>+1</phones></xml>"
        );
        assert_eq!(
            write(&json!({"data": [null, "x", 7]})),
            "<xml><data nil='true'/><data>x</data><data>7</data></xml>"
        );
        assert_eq!(
            write(&json!({"first name": "", "2fa": 1, "a_x0041_": 1, "": 1})),
            "<xml><_x_>1</_x_><_x0032_fa>1</_x0032_fa><a_x005F_x0041_>1</a_x005F_x0041_><first_x0020_name/></xml>"
        );
    }

    #[test]
    fn an_answer_is_read_by_the_same_rules() {
        let xml = "<xml><error>0</error><a>x</a><b/><a>y</a><none nil='true'/><empty object='true'/>\
                   <gone array='true'/><one array='true'>1</one><blank array='true'><![CDATA[]]></blank>\
                   <phones>+1</phones><cats array='false'>x</cats><first_x0020_name> a </first_x0020_name></xml>";
        let value = json!({
            "error": "0", "a": ["x", "y"], "b": "", "none": null, "empty": {}, "gone": [], "one": ["1"], "blank": [""],
            "phones": ["+1"], "cats": "x", "first name": " a ",
        });
        assert_eq!(read(xml), value);
    }

    #[test]
    fn what_is_written_reads_back_as_text() {
        let body = json!({
            "a": {"b": [{"c": 1.5}], "": [""]}, "d": [], "phones": [null], "e": "\n<&>\r\t", "_x_": {}, "_x0041_": 0, "é:": "",
        });
        assert_eq!(read(&write(&body)), untyped(&body));
    }

    #[test]
    fn numbers_and_flags_of_answers_are_typed_by_their_names() {
        let read = json!({
            "error": "0", "total": "2", "external_id": "7", "warnings": "1",
            "result": [{"index": "0", "warnings": [{"code": "x", "text": "3"}]}], "matchable": "true", "next_cursor": null,
        });
        let value = json!({
            "error": 0, "total": 2, "external_id": "7", "warnings": 1,
            "result": [{"index": 0, "warnings": [{"code": "x", "text": "3"}]}], "matchable": true, "next_cursor": null,
        });
        assert_eq!(typed(read), value);
    }
}
