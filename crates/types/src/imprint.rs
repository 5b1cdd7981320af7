//! Imprints: by them a record that says again what its profile was last written by is known without being read.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::catalog::{Catalog, Database};
use crate::{Header, Operation};

/// What a record is known by: 128 bits of the SHA-256 of its text, and of all that bears on what becomes of it.
///
/// A profile keeps the imprint of the record that wrote it last, if that record once more would change nothing: no other record
/// of its request wrote the profile, all else of the profile is older, and it had plain values only and no warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imprint(pub Uuid);

/// Takes the imprints of a job's records.
#[derive(Debug, Clone)]
pub(crate) struct Imprinter(Sha256);

impl Imprinter {
    /// `None` where what becomes of a record depends on more than can be told (on values beside it, on where addresses are, on
    /// whether the profile was there), or nothing is written.
    pub(crate) fn of(header: &Header, catalog: &Catalog, database: &Database) -> Option<Self> {
        // Each of them by name, so that a new one must be thought of.
        let Header {
            operation,
            rule,
            match_values,
            resource_id,
            unknown_fields,
            nulls,
            skip_invalid_subscriptions,
            detect_geo,
            validate_only,
            job_id: _,
            account: _,
            db_id: _,
            total: _,
            skip_triggers: _,
            external_id: _,
            callback_url: _,
            request_key: _,
            retry_of: _,
            begins_at: _,
            streamed: _,
            order: _,
            warnings: _,
        } = header;
        if !match_values.is_empty() || *detect_geo || *validate_only || *operation == Operation::Add {
            return None;
        }
        let request = (operation, rule, resource_id, unknown_fields, nulls, skip_invalid_subscriptions);
        // Another release may read the same text in another way.
        let bears = (env!("CARGO_PKG_VERSION"), request, catalog.definition(database)?);
        Some(Self(Sha256::new_with_prefix(serde_json::to_vec(&bears).ok()?)))
    }

    /// That of the record with this text.
    pub(crate) fn imprint(&self, record: &str) -> Imprint {
        let digest = self.0.clone().chain_update(record).finalize();
        let half = digest.iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        Imprint(Uuid::from_u128(half))
    }
}
