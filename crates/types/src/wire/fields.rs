//! The fields of a database or a resource, as a client finds out about them.

use super::answer::{success, warning_list};
use super::{Format, Node};
use crate::{Field, Listing};

/// The body that tells which fields there are.
pub fn fields(listing: &Listing, format: Format) -> Vec<u8> {
    let fields = ("fields", Node::List(listing.fields.iter().map(field).collect()));
    if listing.warnings.is_empty() {
        success([fields], format)
    } else {
        success([fields, ("warnings", warning_list(&listing.warnings))], format)
    }
}

/// `values` is there where a value is one of a list.
fn field(field: &Field) -> Node<'_> {
    let category = if field.is_system() { "system" } else { "custom" };
    let mut all = vec![
        ("name".into(), Node::text(&field.name)),
        ("type".into(), Node::text(field.field_type.word())),
        ("category".into(), Node::text(category)),
        ("matchable".into(), Node::Bool(field.matchable)),
        ("unique".into(), Node::Bool(field.unique)),
    ];
    let values = field.field_type.values();
    if !values.is_empty() {
        all.push(("values".into(), Node::List(values.into_iter().map(Node::text).collect())));
    }
    Node::Object(all)
}
