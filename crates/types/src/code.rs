//! The public vocabulary of what can be wrong with one record: a stable slug and a number each.

use serde::{Deserialize, Serialize};

/// Why a record failed, or what it was warned of (`ambiguous_match` and the like are warnings only).
///
/// The slug is what `code` says in a result; the number is the result's `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The record carries no value to match by.
    MissingMatchValue,
    /// Not an e-mail address.
    InvalidEmail,
    /// Not a phone number that can be written in E.164.
    InvalidPhone,
    /// A value of the wrong JSON type for its field.
    InvalidType,
    /// Not a date or an RFC 3339 time.
    InvalidDate,
    /// Not an IPv4 or IPv6 address.
    InvalidIp,
    /// Not one of the words that the field allows.
    InvalidEnum,
    /// A number or a length outside what can be stored.
    OutOfRange,
    /// The database has no such field.
    UnknownField,
    /// An explicit `null` where the request rejects them.
    NullNotAllowed,
    /// A function value that does not fit its field.
    InvalidAction,
    /// A subscription that cannot be stored as sent.
    InvalidSubscription,
    /// The record is not an object.
    NotAnObject,
    /// The record is nested deeper than the limit.
    TooDeep,
    /// Matching by id found no such profile.
    ProfileNotFound,
    /// Create only, and the record matches a profile.
    ProfileExists,
    /// Two match values of one record belong to different profiles.
    ConflictingMatch,
    /// Another profile holds this value of a unique field.
    NotUnique,
    /// The record could not be applied for a reason that is not its own.
    NotProcessed,
    /// Warning: several profiles match, the oldest was taken.
    AmbiguousMatch,
    /// Warning: the new profile carries its match value nowhere where this matching looks for it.
    NotFindable,
    /// Warning: an explicit `null` left the value as it was.
    NullIgnored,
    /// Warning: an unknown field was dropped.
    FieldIgnored,
    /// Warning: an invalid subscription was dropped.
    SubscriptionSkipped,
    /// Warning: the location of an address could not be told.
    GeoUnavailable,
    /// Warning: a parameter of the request was ignored.
    UnknownParameter,
    /// Warning: a request that was accepted later has written some of it already.
    Superseded,
    /// Warning: a dry run could not remember all that it foretold.
    DryRunIncomplete,
}

impl Code {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 28] = [
        Self::MissingMatchValue,
        Self::InvalidEmail,
        Self::InvalidPhone,
        Self::InvalidType,
        Self::InvalidDate,
        Self::InvalidIp,
        Self::InvalidEnum,
        Self::OutOfRange,
        Self::UnknownField,
        Self::NullNotAllowed,
        Self::InvalidAction,
        Self::InvalidSubscription,
        Self::NotAnObject,
        Self::TooDeep,
        Self::ProfileNotFound,
        Self::ProfileExists,
        Self::ConflictingMatch,
        Self::NotUnique,
        Self::NotProcessed,
        Self::AmbiguousMatch,
        Self::NotFindable,
        Self::NullIgnored,
        Self::FieldIgnored,
        Self::SubscriptionSkipped,
        Self::GeoUnavailable,
        Self::UnknownParameter,
        Self::Superseded,
        Self::DryRunIncomplete,
    ];

    /// The stable slug, as in `code` of a failed record.
    pub fn slug(self) -> &'static str {
        match self {
            Self::MissingMatchValue => "missing_match_value",
            Self::InvalidEmail => "invalid_email",
            Self::InvalidPhone => "invalid_phone",
            Self::InvalidType => "invalid_type",
            Self::InvalidDate => "invalid_date",
            Self::InvalidIp => "invalid_ip",
            Self::InvalidEnum => "invalid_enum",
            Self::OutOfRange => "out_of_range",
            Self::UnknownField => "unknown_field",
            Self::NullNotAllowed => "null_not_allowed",
            Self::InvalidAction => "invalid_action",
            Self::InvalidSubscription => "invalid_subscription",
            Self::NotAnObject => "not_an_object",
            Self::TooDeep => "too_deep",
            Self::ProfileNotFound => "profile_not_found",
            Self::ProfileExists => "profile_exists",
            Self::ConflictingMatch => "conflicting_match",
            Self::NotUnique => "not_unique",
            Self::NotProcessed => "not_processed",
            Self::AmbiguousMatch => "ambiguous_match",
            Self::NotFindable => "not_findable",
            Self::NullIgnored => "null_ignored",
            Self::FieldIgnored => "field_ignored",
            Self::SubscriptionSkipped => "subscription_skipped",
            Self::GeoUnavailable => "geo_unavailable",
            Self::UnknownParameter => "unknown_parameter",
            Self::Superseded => "superseded",
            Self::DryRunIncomplete => "dry_run_incomplete",
        }
    }

    /// The number that a failed record carries in `error`; 0 for what is only ever a warning.
    pub fn number(self) -> u16 {
        match self {
            Self::MissingMatchValue
            | Self::InvalidEmail
            | Self::InvalidPhone
            | Self::InvalidType
            | Self::InvalidDate
            | Self::InvalidIp
            | Self::InvalidEnum
            | Self::OutOfRange
            | Self::UnknownField
            | Self::NullNotAllowed
            | Self::InvalidAction
            | Self::InvalidSubscription
            | Self::NotAnObject
            | Self::TooDeep => 400,
            Self::ProfileNotFound => 404,
            Self::ProfileExists | Self::ConflictingMatch | Self::NotUnique => 409,
            Self::NotProcessed => 500,
            Self::AmbiguousMatch
            | Self::NotFindable
            | Self::NullIgnored
            | Self::FieldIgnored
            | Self::SubscriptionSkipped
            | Self::GeoUnavailable
            | Self::UnknownParameter
            | Self::Superseded
            | Self::DryRunIncomplete => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_listed_and_read_back_from_their_slugs() {
        let slugs = Code::ALL.map(Code::slug);
        // The derived reader knows every variant, and says so of a word that is none.
        let told = serde_json::from_str::<Code>("\"?\"").unwrap_err().to_string();
        let known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, slugs);
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.slug());
        }
    }
}
