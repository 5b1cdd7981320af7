//! Which fields there are, as clients may ask.

use super::answer::success;
use super::{Format, Node};
use crate::Field;

/// The body that lists fields, in the order given.
pub fn fields<'a>(fields: impl IntoIterator<Item = &'a Field>, format: Format) -> Vec<u8> {
    success([("fields", Node::List(fields.into_iter().map(field).collect()))], format)
}

fn field(field: &Field) -> Node<'_> {
    let category = if field.number == 0 { "system" } else { "custom" };
    let values = field.field_type.values().into_iter().map(Node::text).collect();
    Node::Object(vec![
        ("name".into(), Node::text(&field.name)),
        ("type".into(), Node::text(field.field_type.word())),
        ("category".into(), Node::text(category)),
        ("matchable".into(), Node::Bool(field.matchable)),
        ("unique".into(), Node::Bool(field.unique)),
        ("values".into(), Node::List(values)),
    ])
}
