//! Values of earlier answers, by their names.

use std::collections::{BTreeMap, VecDeque};

use roxmltree::{Document, Node};
use serde_json::Value;

use crate::Answer;

/// What `$name` stands for.
#[derive(Debug, Default)]
pub(super) struct Captures(BTreeMap<String, String>);

impl Captures {
    /// Takes every text and number of an answer; the outermost and first of a name counts.
    pub(super) fn learn(&mut self, answer: &Answer) {
        let found = match serde_json::from_str(&answer.text) {
            Ok(value) => of_json(&value),
            Err(_) => Document::parse(&answer.text)
                .map(|document| of_xml(document.root_element()))
                .unwrap_or_default(),
        };
        let mut named = BTreeMap::new();
        for (name, value) in found {
            named.entry(name).or_insert(value);
        }
        self.0.extend(named);
    }

    /// Puts the values in the place of their names.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut pieces = text.split('$');
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
            let (name, rest) = piece.split_at(end.unwrap_or(piece.len()));
            if name.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_') {
                let value = self.0.get(name).ok_or_else(|| format!("no answer had a `{name}` so far"))?;
                filled.extend([value.as_str(), rest]);
            } else {
                filled.extend(["$", piece]);
            }
        }
        Ok(filled)
    }
}

/// Outermost first.
fn of_json(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut queue = VecDeque::from([value]);
    while let Some(value) = queue.pop_front() {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) => found.push((name.clone(), text.clone())),
                        Value::Number(number) => found.push((name.clone(), number.to_string())),
                        _ => queue.push_back(value),
                    }
                }
            }
            Value::Array(items) => queue.extend(items),
            _ => {}
        }
    }
    found
}

/// Outermost first.
fn of_xml(root: Node<'_, '_>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut queue = VecDeque::from([root]);
    while let Some(node) = queue.pop_front() {
        for child in node.children().filter(Node::is_element) {
            match child.text() {
                Some(text) if !child.has_children() || child.children().all(|node| node.is_text()) => {
                    found.push((child.tag_name().name().to_owned(), text.to_owned()));
                }
                _ => queue.push_back(child),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_and_first_of_a_name_counts_and_the_last_answer() {
        let mut captures = Captures::default();
        captures
            .learn(&Answer::of(r#"{"result":[{"profile_id":"a","error":7},{"profile_id":"b"}],"error":0}"#));
        assert_eq!(captures.fill("/$profile_id/$error?x=$5").unwrap(), "/a/0?x=$5");
        captures.learn(&Answer::of("<xml><result><profile_id>c</profile_id></result><x/></xml>"));
        assert_eq!(captures.fill("$profile_id-$error$").unwrap(), "c-0$");
        assert_eq!(captures.fill("$job").unwrap_err(), "no answer had a `job` so far");
    }
}
