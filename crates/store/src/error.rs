//! What can go wrong with the database, told apart by what a caller can do about it.
//!
//! No text here ever carries a stored or sent value: PostgreSQL echoes values in its messages and details, so those are
//! matched against known texts and dropped. That is also why diesel's own errors are not kept as sources.

use diesel::result::{ConnectionError, DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};

/// Why something could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No connection within the time limit.
    #[error("no database connection: {0}")]
    Unreachable(String),
    /// The work was stopped or could not be finished; whether it was committed is not known.
    #[error("the database did not finish: {0}")]
    Interrupted(&'static str),
    /// Other imports kept changing what this one had found.
    #[error("too many concurrent changes to the same profiles")]
    Contention,
    /// A value that the database cannot hold: one of the records is to blame.
    #[error("the database refuses the data: {0}")]
    Unstorable(&'static str),
    /// The code that made or ran the query panicked: one of the records may be to blame.
    #[error("the query panicked")]
    Panicked,
    /// The schema is not the one that this program needs.
    #[error("the database schema does not fit: {0}")]
    Schema(String),
    /// Migrations have not been run.
    #[error("the database schema is behind: run `intake migrate` (pending: {})", .0.join(", "))]
    Unmigrated(Vec<String>),
    /// A declaration that contradicts itself or what is stored.
    #[error("the catalogue cannot be declared so: {}", .0.join("; "))]
    Declaration(Vec<String>),
    /// No such thing; the text says what.
    #[error("{0}")]
    Unknown(String),
    /// What is stored cannot be read.
    #[error("stored data is unreadable: {0}")]
    Unreadable(&'static str),
    /// Anything else; `.0` is what is safe to tell.
    #[error("unexpected database error ({0})")]
    Unexpected(String),
}

impl Error {
    /// Whether the same call may succeed later. An unknown outcome of a commit counts: the ledger tells what happened.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Interrupted(_) | Self::Contention => true,
            Self::Unstorable(_)
            | Self::Panicked
            | Self::Schema(_)
            | Self::Unmigrated(_)
            | Self::Declaration(_)
            | Self::Unknown(_)
            | Self::Unreadable(_)
            | Self::Unexpected(_) => false,
        }
    }

    /// Whether the database cannot be reached at all, so that no other call would do better.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// Whether one of the records handed in is to blame, so that the others may succeed without it.
    pub fn is_data(&self) -> bool {
        matches!(self, Self::Unstorable(_) | Self::Panicked)
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(kind, information) => of_server(kind, information.as_ref()),
            DieselError::RollbackErrorOnCommit { .. }
            | DieselError::BrokenTransactionManager
            | DieselError::AlreadyInTransaction
            | DieselError::NotInTransaction => Self::Interrupted("the transaction was lost"),
            DieselError::SerializationError(_) => Self::Unstorable("a value has no form in PostgreSQL"),
            DieselError::InvalidCString(_) => Self::Unstorable("a text contains U+0000"),
            DieselError::DeserializationError(_) => Self::Unreadable("a column does not hold what it should"),
            DieselError::NotFound => Self::Unexpected("no row where there must be one".to_owned()),
            DieselError::QueryBuilderError(_) => Self::Unexpected("the query could not be built".to_owned()),
            _ => Self::Unexpected("of a kind that diesel adds".to_owned()),
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        Self::Unreachable(reason(&error.to_string()))
    }
}

impl From<r2d2::Error> for Error {
    fn from(error: r2d2::Error) -> Self {
        Self::Unreachable(reason(&error.to_string()))
    }
}

/// What libpq says of a failed connection, without the texts in which it repeats a malformed connection string, and so
/// maybe a password.
fn reason(text: &str) -> String {
    let text = text.strip_prefix("timed out waiting for connection: ").unwrap_or(text);
    let told: Vec<&str> = text
        .lines()
        .filter(|line| {
            line.starts_with("connection to server") || line.starts_with("could not translate host name")
        })
        .collect();
    if told.is_empty() {
        "none within the time limit, or the URL is malformed".to_owned()
    } else {
        told.join("; ")
    }
}

/// Diesel tells some SQLSTATEs as kinds; the rest is told apart by the primary message (English: see the pool).
/// Codes: <https://www.postgresql.org/docs/15/errcodes-appendix.html>
fn of_server(kind: DatabaseErrorKind, information: &(dyn DatabaseErrorInformation + Send + Sync)) -> Error {
    match kind {
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
            Error::Interrupted("the connection was lost")
        }
        DatabaseErrorKind::SerializationFailure => Error::Interrupted("a concurrent change (40001)"),
        // A replica that was promoted, or not yet: reconnecting finds the primary.
        DatabaseErrorKind::ReadOnlyTransaction => Error::Interrupted("the server is read-only (25006)"),
        DatabaseErrorKind::UniqueViolation => Error::Unstorable("a row that there is already (23505)"),
        // No record can bring these about: the schema is not the one that this program knows.
        DatabaseErrorKind::ForeignKeyViolation => {
            Error::Unexpected("a reference to nothing (23503)".to_owned())
        }
        DatabaseErrorKind::NotNullViolation => Error::Unexpected("a value is missing (23502)".to_owned()),
        DatabaseErrorKind::CheckViolation => Error::Unstorable("a value breaks a rule of its table (23514)"),
        DatabaseErrorKind::RestrictViolation | DatabaseErrorKind::ExclusionViolation => {
            Error::Unstorable("a row in use (class 23)")
        }
        _ => of_message(information.message()),
    }
}

const TRANSIENT: &[(&str, &str)] = &[
    ("deadlock detected", "deadlock (40P01)"),
    ("canceling statement due to lock timeout", "lock time limit (55P03)"),
    ("could not obtain lock", "lock not available (55P03)"),
    ("canceling statement due to statement timeout", "statement time limit (57014)"),
    ("canceling statement due to user request", "statement cancelled (57014)"),
    ("canceling statement due to conflict with recovery", "conflict with recovery (40001)"),
    ("terminating connection due to", "the server ended the connection (57P01)"),
    ("terminating connection because of", "the server crashed (57P02)"),
    ("the database system is", "the server is starting or stopping (57P03)"),
    ("could not extend file", "disk full (53100)"),
    ("could not write", "disk full (53100)"),
    ("No space left on device", "disk full (53100)"),
    ("out of memory", "out of memory (53200)"),
    ("out of shared memory", "out of shared memory (53200)"),
    ("too many clients already", "too many connections (53300)"),
    ("too many connections", "too many connections (53300)"),
    ("remaining connection slots", "too many connections (53300)"),
    ("server closed the connection", "the connection was lost"),
    ("no connection to the server", "the connection was lost"),
    ("could not receive data from server", "the connection was lost"),
    ("SSL", "the connection was lost"),
    ("current transaction is aborted", "the transaction was lost (25P02)"),
];

const DATA: &[(&str, &str)] = &[
    ("invalid byte sequence", "a text contains U+0000 (22021)"),
    ("unsupported Unicode escape", "a text contains U+0000 (22P05)"),
    ("invalid input syntax", "a value in the wrong form (22P02)"),
    ("malformed array literal", "a value in the wrong form (22P02)"),
    ("out of range", "a value out of range (22003)"),
    ("overflow", "a number too large (22003)"),
    ("value too long", "a text too long (22001)"),
    ("index row", "a key too long (54000)"),
    ("row is too big", "a row too large (54000)"),
    ("stack depth limit exceeded", "a value nested too deep (54001)"),
    ("too long to represent as jsonb", "a text too long (54000)"),
    ("number of jsonb", "an object too large (54000)"),
    ("total size of jsonb", "an object too large (54000)"),
    ("invalid memory alloc request size", "a value too large"),
];

fn of_message(message: &str) -> Error {
    let known = |table: &[(&str, &'static str)]| {
        table.iter().find(|(text, _)| message.contains(text)).map(|row| row.1)
    };
    if let Some(text) = known(TRANSIENT) {
        return Error::Interrupted(text);
    }
    if let Some(text) = known(DATA) {
        return Error::Unstorable(text);
    }
    // Both name tables, columns and roles, never values.
    if message.ends_with(" does not exist") || message.starts_with("permission denied") {
        return Error::Schema(message.to_owned());
    }
    Error::Unexpected("its text is withheld, the server's log has it".to_owned())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::{RunQueryDsl, sql_query};

    use super::*;
    use crate::testing::TestDatabase;

    #[test]
    fn a_deadlock_is_transient_and_a_bad_value_is_data() {
        assert!(of_message("deadlock detected").is_transient());
        let data = of_message("invalid input syntax for type integer: \"alice@example.com\"");
        assert!(data.is_data() && !data.is_transient());
        assert!(!data.to_string().contains("alice"));
    }

    #[test]
    fn what_the_server_says_is_told_apart_without_the_value() {
        let database = TestDatabase::create();
        let connection = &mut database.connect();
        let data = [
            r#"SELECT '{"a": "alice\u0000"}'::jsonb"#,
            r#"SELECT '{"a": alice}'::jsonb"#,
            "SELECT '1e999999999'::jsonb, 'alice'",
            "SELECT 'alice'::integer",
            "SELECT 99999999999::integer, 'alice'",
            "SELECT '{alice'::text[]",
            "SELECT 'alice'::varchar(2)::name, 'alice'::date",
            "SELECT repeat('[', 100000)::jsonb, 'alice'",
            "INSERT INTO profiles (db_id, id, fields) VALUES (1, gen_random_uuid(), '\"alice\"')",
            "INSERT INTO identities SELECT 1, 1, string_agg(md5(n::text), 'alice'), 0, gen_random_uuid(), '{0}' \
             FROM generate_series(1, 1000) AS n",
        ];
        for statement in data {
            let error = Error::from(sql_query(statement).execute(connection).unwrap_err());
            assert!(error.is_data() && !error.is_transient(), "{statement}: {error:?}");
            assert!(!format!("{error} {error:?}").contains("alice"), "{error:?}");
        }
        let orphan = "INSERT INTO tokens (hash, account, label) VALUES (sha256('alice'), 'alice', '')";
        let orphan = Error::from(sql_query(orphan).execute(connection).unwrap_err());
        assert_eq!(orphan, Error::Unexpected("a reference to nothing (23503)".to_owned()));
        let missing = Error::from(sql_query("SELECT nothing FROM profiles").execute(connection).unwrap_err());
        assert_eq!(missing, Error::Schema("column \"nothing\" does not exist".to_owned()));
        connection.batch_execute("SET default_transaction_read_only = on").unwrap();
        assert!(Error::from(sql_query("DELETE FROM jobs").execute(connection).unwrap_err()).is_transient());
    }

    #[test]
    fn an_unknown_message_is_withheld() {
        let error = of_message("what about alice@example.com");
        assert!(!error.is_data() && !error.is_transient());
        assert!(!format!("{error} {error:?}").contains("alice"));
    }

    #[test]
    fn a_malformed_connection_string_is_not_repeated() {
        assert!(
            !reason("missing \"=\" after \"postgre://u:hidden@h\" in connection info string\n")
                .contains("hidden")
        );
        let told = reason(
            "timed out waiting for connection: connection to server at \"h\", port 1 failed: refused\n\tIs it?",
        );
        assert_eq!(told, "connection to server at \"h\", port 1 failed: refused");
    }
}
