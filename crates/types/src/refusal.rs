//! Why a request as a whole is not accepted. Nothing of it is kept.

use crate::{DatabaseId, ResourceId};

/// Why a request as a whole is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body cannot be read as what its content type says.
    #[error("the body is not readable {format}: {problem} at line {line}, column {column}")]
    Unreadable {
        /// `JSON` or `XML`.
        format: &'static str,
        /// What the reader met.
        problem: String,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
    },
    /// A parameter is missing or its value will not do.
    #[error("{name}: {problem}")]
    Parameter {
        /// The parameter's name.
        name: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
    /// No token in header, body or query.
    #[error("no token: send `Authorization: Bearer <token>`, or `token` in the body or the query")]
    NoToken,
    /// The token is not known, or was revoked.
    #[error("the token is unknown or revoked")]
    UnknownToken,
    /// No such database, or not this account's: one answer for both.
    #[error("db_id: no database {0} that this token may use")]
    NoAccess(DatabaseId),
    /// No such resource, or attached to no database of this account: one answer for both.
    #[error("resource_id: no resource {0} that this token may use")]
    NoResource(ResourceId),
    /// More than a request may hold.
    #[error("{what}: {sent} sent, {limit} allowed per request{}", advice(what))]
    TooLarge {
        /// `records`, `bytes of body` and the like.
        what: &'static str,
        /// How many were sent (or at least so many).
        sent: u64,
        /// How many are allowed.
        limit: u64,
    },
}

/// Records, and the bytes that they are, can go into several requests.
fn advice(what: &str) -> &'static str {
    if matches!(what, "records" | "bytes of body") { "; send the rest in further requests" } else { "" }
}

impl Refusal {
    /// A refusal over one parameter.
    pub fn parameter(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Parameter { name: name.into(), problem: problem.into() }
    }

    /// The number that a response carries in `error`.
    pub fn number(&self) -> u16 {
        match self {
            Self::Unreadable { .. } | Self::Parameter { .. } => 400,
            Self::NoToken | Self::UnknownToken => 401,
            Self::NoAccess(_) | Self::NoResource(_) => 403,
            Self::TooLarge { .. } => 413,
        }
    }
}
