//! Attributes: the few marks that say what an element's text cannot.

use quick_xml::events::BytesStart;

use super::read::Problem;
use crate::envelope::shortened;

/// What an element says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// `array='true'` or `array='false'`.
    pub(super) array: Option<bool>,
    /// `nil='true'`.
    pub(super) nil: bool,
    /// `object='true'`.
    pub(super) object: bool,
}

impl Marks {
    /// Reads the attributes of a tag.
    pub(super) fn read(tag: &BytesStart<'_>) -> Result<Self, Problem> {
        let mut marks = Self::default();
        if tag.attributes_raw().is_empty() {
            return Ok(marks);
        }
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = attribute.key.as_ref();
            match name {
                "array" => marks.array = Some(flag(name, &attribute.value)?),
                "nil" => marks.nil = flag(name, &attribute.value)?,
                "object" => marks.object = flag(name, &attribute.value)?,
                _ if name == "xmlns" || name.starts_with("xmlns:") => {}
                _ => return Err(format!("unknown attribute `{}`; {ALLOWED}", shortened(name)).into()),
            }
        }
        Ok(marks)
    }
}

const ALLOWED: &str = "allowed: array, nil, object";

fn flag(name: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name}='{}'; allowed: true, false", shortened(value)).into()),
    }
}
