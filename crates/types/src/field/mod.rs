//! Fields: what a database declares, what every profile has, and how a value of each type is checked and stored.
//!
//! Drafts call [`FieldType::check`] on every value that a record sends; what comes out is what plans compare, what the
//! database stores, and what reads back. Checking a stored value again gives the same value.

mod choice;
mod date;
pub(crate) mod email;
mod ip;
mod key_text;
mod last;
mod number;
mod object;
pub(crate) mod phone;
mod problem;
mod system;
mod tags;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::SubscriptionStatus;
pub use problem::Problem;
pub(crate) use problem::{listed, shown};
pub(crate) use system::{system_fields, system_fields_in_order};
pub(crate) use text::scalar;

/// The type of a field, custom or system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A 64-bit integer.
    Int,
    /// A finite number; its digits are kept as sent.
    Float,
    /// Text.
    String,
    /// `YYYY-MM-DD` or an RFC 3339 time.
    Date,
    /// True or false.
    Bool,
    /// One of the listed words, or its 1-based ordinal.
    Enum(Vec<String>),
    /// An IPv4 or IPv6 address.
    Ip,
    /// A set of words.
    Tags,
    /// A JSON object.
    Object,
    /// An array of JSON objects.
    ArrObject,
    /// System only: an e-mail address, stored normalised.
    Email,
    /// System only: a list of phone numbers, stored in E.164.
    Phones,
    /// System only: `male` or `female`, or 1, 2 (0 is unset).
    Sex,
    /// System only: a subscription status as word or number.
    Status,
    /// System only: an IANA time zone.
    TimeZone,
}

impl FieldType {
    /// Checks a value, as sent in JSON or as the text of an XML element, and gives the form in which it is stored.
    ///
    /// `region` is the country of phone numbers without `+`. [`Value::Null`] as an answer means that the field is
    /// cleared (`_sex: 0`); a null that is asked about is answered with itself, so callers deal with it first.
    pub fn check(&self, value: &Value, region: Option<&str>) -> Result<Value, Problem> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        match self {
            Self::Int => number::check_int(value),
            Self::Float => number::check_float(value),
            Self::String => text::check(value),
            Self::Date => date::check(value),
            Self::Bool => choice::check_bool(value),
            Self::Enum(words) => choice::check_enum(value, words),
            Self::Ip => ip::check(value),
            Self::Tags => tags::check(value),
            Self::Object => object::check(value),
            Self::ArrObject => object::check_array(value),
            Self::Email => email::check(value),
            Self::Phones => phone::check(value, region),
            Self::Sex => choice::check_sex(value),
            Self::Status => choice::check_status(value),
            Self::TimeZone => choice::check_time_zone(value),
        }
    }

    /// The word for it in declarations and in `fields_get`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Date => "date",
            Self::Bool => "bool",
            Self::Enum(_) => "enum",
            Self::Ip => "ip",
            Self::Tags => "tags",
            Self::Object => "object",
            Self::ArrObject => "arr_object",
            Self::Email => "email",
            Self::Phones => "phones",
            Self::Sex => "sex",
            Self::Status => "status",
            Self::TimeZone => "tz",
        }
    }

    /// The words that a value may be; empty when it is not chosen from a list.
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::Enum(words) => words.iter().map(String::as_str).collect(),
            Self::Sex => choice::SEXES.to_vec(),
            Self::Status => SubscriptionStatus::ALL.into_iter().map(SubscriptionStatus::word).collect(),
            Self::Int
            | Self::Float
            | Self::String
            | Self::Date
            | Self::Bool
            | Self::Ip
            | Self::Tags
            | Self::Object
            | Self::ArrObject
            | Self::Email
            | Self::Phones
            | Self::TimeZone => Vec::new(),
        }
    }

    /// Whether a custom field of this type may be matched by. Objects have no one text to be found by, a `bool` would
    /// fold a database into two profiles, and system types have matching modes of their own.
    pub fn is_matchable(&self) -> bool {
        match self {
            Self::Int | Self::Float | Self::String | Self::Date | Self::Enum(_) | Self::Ip | Self::Tags => {
                true
            }
            Self::Bool
            | Self::Object
            | Self::ArrObject
            | Self::Email
            | Self::Phones
            | Self::Sex
            | Self::Status
            | Self::TimeZone => false,
        }
    }
}

/// One field of a database or of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name, as the key in a record.
    pub name: String,
    /// The number that the catalogue gave it, from 1, never reused; 0 for a system field.
    pub number: i16,
    /// What it holds.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether `matching: custom` may name it.
    #[serde(default)]
    pub matchable: bool,
    /// Whether two profiles of a database may not share a value.
    #[serde(default)]
    pub unique: bool,
}

impl Field {
    /// Whether every profile has it, whatever its database declares.
    pub fn is_system(&self) -> bool {
        self.number == 0
    }
}

#[cfg(test)]
mod tests;
