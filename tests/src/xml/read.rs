//! XML as JSON in which every scalar is text.

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use super::{ALWAYS_ARRAYS, name};

/// Reads an answer; panics when it is no XML of the contract.
pub(crate) fn read(text: &str) -> Value {
    let document = Document::parse(text).unwrap_or_else(|error| panic!("no XML ({error}): {text}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "xml", "the root: {text}");
    object(root)
}

/// All elements of one key.
#[derive(Default)]
struct Member {
    values: Vec<Value>,
    is_array: Option<bool>,
    /// Its only element is marked an array and holds nothing.
    is_empty: bool,
}

fn object(node: Node<'_, '_>) -> Value {
    let mut members = Map::new();
    let mut found: Vec<(String, Member)> = Vec::new();
    for child in node.children().filter(Node::is_element) {
        let key = name::to_key(child.tag_name().name());
        let known = found.iter().position(|(known, _)| *known == key);
        let position = known.unwrap_or_else(|| {
            found.push((key, Member::default()));
            found.len() - 1
        });
        let member = &mut found[position].1;
        let value = value(child);
        let is_array = mark(child, "array");
        member.is_empty = is_array == Some(true) && value == "" && !has_cdata(child);
        member.is_array = member.is_array.or(is_array);
        member.values.push(value);
    }
    for (key, mut member) in found {
        let is_null = member.values == [Value::Null];
        let is_always = ALWAYS_ARRAYS.contains(&key.as_str()) && !is_null;
        let value = match member.values.len() {
            1 if member.is_empty => Value::Array(Vec::new()),
            1 if !member.is_array.unwrap_or(is_always) => member.values.remove(0),
            _ => Value::Array(member.values),
        };
        members.insert(key, value);
    }
    Value::Object(members)
}

fn value(node: Node<'_, '_>) -> Value {
    if mark(node, "nil") == Some(true) {
        Value::Null
    } else if mark(node, "object") == Some(true) || node.children().any(|child| child.is_element()) {
        object(node)
    } else {
        let texts = node.children().filter(Node::is_text).filter_map(|text| text.text());
        Value::String(texts.collect())
    }
}

fn mark(node: Node<'_, '_>, name: &str) -> Option<bool> {
    node.attribute(name).map(|value| value == "true")
}

/// An empty text that is there, which the tree itself does not tell from none.
fn has_cdata(node: Node<'_, '_>) -> bool {
    node.document().input_text().get(node.range()).is_some_and(|text| text.contains("<![CDATA["))
}
