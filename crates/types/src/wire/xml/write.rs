//! A [`Node`] to XML that [`super::read()`] would read back alike.

use std::borrow::Cow;

use super::ROOT;
use super::name::{is_sayable, name_of};
use super::tree::ALWAYS_ARRAYS;
use crate::wire::Node;

/// Names that are lists in responses, written as the vendor does: without a mark when there is one element.
const PLAIN_LISTS: [&str; 5] = ["data", "subscriptions", "cats", "phones", "result"];

/// Writes the root element, with the members of `node` in it.
pub(in crate::wire) fn write(node: &Node) -> Vec<u8> {
    let mut xml = String::new();
    element(&mut xml, ROOT, "", node);
    xml.into_bytes()
}

/// The start of a body whose end is written later: the root element is open, with these members in it.
pub(in crate::wire) fn begin(members: &[(Cow<'_, str>, Node<'_>)]) -> String {
    let mut xml = String::new();
    open(&mut xml, ROOT, "");
    for (key, value) in members {
        member(&mut xml, key, value);
    }
    xml
}

/// The end of such a body.
pub(in crate::wire) fn end(xml: &mut String, members: &[(Cow<'_, str>, Node<'_>)]) {
    for (key, value) in members {
        member(xml, key, value);
    }
    close(xml, ROOT);
}

/// One more element of a list that the answers write as the vendor does, see [`PLAIN_LISTS`].
pub(in crate::wire) fn item(xml: &mut String, key: &str, value: &Node) {
    element(xml, &name_of(key), "", value);
}

/// All elements of one key.
pub(in crate::wire) fn member(xml: &mut String, key: &str, value: &Node) {
    let name = name_of(key);
    match value {
        Node::List(items) => match items.as_slice() {
            [] => element(xml, &name, " array='true'", &Node::text("")),
            [only] => only_item(xml, key, &name, only),
            _ => items.iter().for_each(|item| element(xml, &name, "", item)),
        },
        Node::Null => element(xml, &name, "", value),
        _ if ALWAYS_ARRAYS.contains(&key) => element(xml, &name, " array='false'", value),
        _ => element(xml, &name, "", value),
    }
}

/// The item of a list of one, which needs a mark unless the key says that it is a list.
fn only_item(xml: &mut String, key: &str, name: &str, item: &Node) {
    let is_plain = PLAIN_LISTS.contains(&key) && *item != Node::Null;
    let is_empty_text = matches!(item, Node::Text(text) if text.is_empty());
    match (is_plain, is_empty_text) {
        (true, _) => element(xml, name, "", item),
        (false, false) => element(xml, name, " array='true'", item),
        (false, true) => {
            open(xml, name, " array='true'");
            xml.push_str("<![CDATA[]]>");
            close(xml, name);
        }
    }
}

/// One element. Recursive: a response is as deep as records may be, which is bounded.
fn element(xml: &mut String, name: &str, mark: &str, value: &Node) {
    match value {
        Node::Null => empty(xml, name, mark, " nil='true'"),
        Node::Text(text) if text.is_empty() => empty(xml, name, mark, ""),
        Node::Object(members) if members.is_empty() && name == ROOT => empty(xml, name, mark, ""),
        Node::Object(members) if members.is_empty() => empty(xml, name, mark, " object='true'"),
        _ => {
            open(xml, name, mark);
            match value {
                Node::Object(members) => members.iter().for_each(|(key, value)| member(xml, key, value)),
                Node::List(_) => member(xml, "item", value),
                Node::Bool(flag) => xml.push_str(if *flag { "true" } else { "false" }),
                Node::Number(number) => xml.push_str(&number.to_string()),
                Node::Text(text) => push_text(xml, text),
                Node::Null => {}
            }
            close(xml, name);
        }
    }
}

fn empty(xml: &mut String, name: &str, mark: &str, second: &str) {
    xml.extend(["<", name, mark, second, "/>"]);
}

fn open(xml: &mut String, name: &str, mark: &str) {
    xml.extend(["<", name, mark, ">"]);
}

fn close(xml: &mut String, name: &str) {
    xml.extend(["</", name, ">"]);
}

fn push_text(xml: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            // A bare one would be read as a line feed: https://www.w3.org/TR/xml/#sec-line-ends
            '\r' => xml.push_str("&#13;"),
            _ if is_sayable(character) => xml.push(character),
            _ => xml.push('\u{FFFD}'),
        }
    }
}
