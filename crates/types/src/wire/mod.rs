//! Bytes to envelopes and reports to bytes, in JSON and XML, within [`Limits`].
//!
//! The first and the last stage of the flow: [`read`] makes an [`Envelope`] of a request body; the other
//! functions make response bodies. Nothing else in the service knows how either format is written.

mod answer;
mod fields;
pub(crate) mod json;
mod limits;
pub(crate) mod member;
mod node;
mod parameter;
mod position;
mod profiles;
pub mod results;
#[cfg(test)]
mod tests;
pub(crate) mod value;
mod xml;

pub use answer::{accepted, error, jobs, refusal, status, status_path};
pub use fields::fields;
pub use limits::Limits;
pub use node::Node;
pub(crate) use parameter::without_place;
pub use profiles::{ProfileView, profiles};

use crate::{Envelope, Refusal};

/// The two languages that requests and responses are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/json`.
    Json,
    /// `application/xml`.
    Xml,
}

impl Format {
    /// Reads the word of the `format` parameter.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// The `Content-Type` of a body in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml; charset=utf-8",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }
}

/// Reads parameters that are not in a body, all of them text: what a stream says of itself in its query.
///
/// # Errors
/// As [`read`], of parameters alone.
pub fn parameters(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Envelope<'static>, Refusal> {
    let mut parameters = parameter::Parameters::default();
    for (name, text) in pairs {
        parameters.check_name(&name)?;
        parameters.add_text(name, text)?;
    }
    Ok(Envelope { parameters: parameters.into_inner(), data: None })
}

/// Reads a request body. Records that a JSON body holds are borrowed from it.
///
/// # Errors
/// [`Refusal::Unreadable`], [`Refusal::TooLarge`], or [`Refusal::Parameter`] where `data` is no array or a parameter
/// is there twice.
pub fn read<'a>(format: Format, body: &'a [u8], limits: &Limits) -> Result<Envelope<'a>, Refusal> {
    if body.len() > limits.body_bytes {
        let (sent, limit) = (position::number(body.len()), position::number(limits.body_bytes));
        return Err(Refusal::TooLarge { what: "bytes of body", sent, limit });
    }
    match format {
        Format::Json => json::read(position::utf8(format, body)?, limits),
        Format::Xml => xml::read(position::utf8(format, body)?, limits),
    }
}
