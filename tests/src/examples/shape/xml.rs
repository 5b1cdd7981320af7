//! XML with `…`.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use crate::examples::pattern::fits;
use crate::examples::sequence::{Item, aligned};

pub(super) fn compare(expected: &str, actual: &str) -> Result<(), String> {
    let parse = |what, text| Document::parse(text).map_err(|error| format!("{what} is no XML: {error}"));
    let (expected, actual) = (parse("the expected body", expected.trim())?, parse("the body", actual)?);
    let (expected, actual) = (expected.root_element(), actual.root_element());
    differ(&format!("<{}>", name(expected)), expected, actual).map_or(Ok(()), Err)
}

fn name<'a>(node: Node<'a, '_>) -> &'a str {
    node.tag_name().name()
}

fn attributes<'a>(node: Node<'a, '_>) -> BTreeMap<&'a str, &'a str> {
    node.attributes().map(|attribute| (attribute.name(), attribute.value())).collect()
}

/// All text directly in an element.
fn text(node: Node<'_, '_>) -> String {
    node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect()
}

/// The first difference, with its path.
fn differ(path: &str, expected: Node<'_, '_>, actual: Node<'_, '_>) -> Option<String> {
    if name(expected) != name(actual) {
        return Some(format!("{path}: got <{}>", name(actual)));
    }
    let has_elements = |node: Node<'_, '_>| node.children().any(|child| child.is_element());
    let pattern = text(expected);
    if pattern.trim() == "…" && !has_elements(expected) {
        return None;
    }
    if attributes(expected) != attributes(actual) {
        let (expected, actual) = (attributes(expected), attributes(actual));
        return Some(format!("{path}: expected the attributes {expected:?}, got {actual:?}"));
    }
    match (has_elements(expected), has_elements(actual)) {
        (true, _) => children(path, expected, actual),
        (false, true) => Some(format!("{path}: has elements")),
        (false, false) if fits(&pattern, &text(actual)) => None,
        (false, false) => Some(format!("{path}: expected `{pattern}`, got `{}`", text(actual))),
    }
}

fn children(path: &str, expected: Node<'_, '_>, actual: Node<'_, '_>) -> Option<String> {
    let mut wanted = Vec::new();
    for child in expected.children() {
        if child.is_element() {
            wanted.push(Item::One(child));
        } else if let Some(text) = child.text().map(str::trim).filter(|text| !text.is_empty()) {
            if text != "…" {
                return Some(format!("{path}: `{text}` beside elements"));
            }
            wanted.push(Item::Any);
        }
    }
    let actual: Vec<Node<'_, '_>> = actual.children().filter(Node::is_element).collect();
    let inner = |child: Node<'_, '_>| format!("{path}<{}>", name(child));
    if wanted.len() == actual.len() && !wanted.iter().any(|item| matches!(item, Item::Any)) {
        return wanted.iter().zip(&actual).find_map(|(wanted, actual)| match wanted {
            Item::One(wanted) => differ(&inner(*wanted), *wanted, *actual),
            Item::Any => None,
        });
    }
    let fits = |expected: &Node<'_, '_>, actual: &Node<'_, '_>| differ(path, *expected, *actual).is_none();
    (!aligned(&wanted, &actual, &fits)).then(|| format!("{path}: the elements are other ones"))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn what_is_left_out_is_said() {
        let actual = "<xml><error>0</error><a array='true'>x y</a><b nil='true'/><c><d>1</d></c></xml>";
        for expected in [
            actual,
            "<xml>…</xml>",
            "<xml>\n  <error>0</error>\n  …\n</xml>",
            "<xml>… <a array=\"true\">x…</a> … <c>…</c></xml>",
            "<xml><error>…</error><a>…</a><b>…</b><c>\n<d>1</d> </c></xml>",
        ] {
            assert_eq!(compare(expected, actual), Ok(()), "{expected}");
        }
        for (expected, problem) in [
            ("<xml><error>0</error></xml>", "<xml>: the elements are other ones"),
            ("<xml>…<c>1</c></xml>", "<xml>: the elements are other ones"),
            ("<xml><error>1</error><a>…</a><b>…</b><c>…</c></xml>", "<xml><error>: expected `1`, got `0`"),
            (
                "<xml><error>0</error><a>x y</a><b/><c/></xml>",
                "<xml><a>: expected the attributes {}, got {\"array\": \"true\"}",
            ),
            ("<xml><error>0</error><a>…</a><b>…</b><c/></xml>", "<xml><c>: has elements"),
            ("<xml><e/>…<c/></xml>", "<xml>: the elements are other ones"),
            ("<xml>more<c/></xml>", "<xml>: `more` beside elements"),
        ] {
            assert_eq!(compare(expected, actual), Err(problem.to_owned()), "{expected}");
        }
    }
}
