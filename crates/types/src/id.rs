//! Identifiers: jobs, profiles, databases, resources, token hashes. Minted from values handed in, never from a clock.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A database of profiles, as `db_id` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseId(pub i32);

/// A resource that profiles subscribe to, as `resource_id` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceId(pub i32);

impl fmt::Display for DatabaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// SHA-256 of an API token: all that is ever stored of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes a token as the client sends it.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// The secret that job ids are tagged with; every gateway of an installation has the same.
#[derive(Clone)]
pub struct JobKey(Hmac<Sha256>);

impl JobKey {
    /// Fewest bytes that a secret may have.
    pub const MIN_BYTES: usize = 16;

    /// Takes a secret of at least [`Self::MIN_BYTES`] bytes; `None` when it is shorter.
    pub fn new(secret: &[u8]) -> Option<Self> {
        if secret.len() < Self::MIN_BYTES {
            return None;
        }
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    fn tag(&self, head: u128, account: &str) -> u128 {
        let mut mac = self.0.clone();
        mac.update(&head.to_be_bytes());
        mac.update(account.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let [first, second, third, ..] = digest;
        u128::from(u32::from_be_bytes([0, first, second, third]))
    }
}

impl fmt::Debug for JobKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JobKey(..)")
    }
}

/// A job: a version 7 UUID that carries the time of acceptance and a tag that only the gateways can make.
///
/// Layout, high bits first: 48 bits of Unix milliseconds, version, 12 bits of sub-millisecond fraction, variant,
/// 38 random bits, 24 bits of HMAC-SHA-256 over all of the above and the account. So a gateway can tell an id that
/// was given out to this account from one that was not, without asking the database. Ids sort by acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

const TAG_BITS: u32 = 24;
const RANDOM_BITS: u32 = 38;
const VERSION: u128 = 0x7 << 76;
const VARIANT: u128 = 0b10 << 62;
const NANOS_PER_MILLI: u64 = 1_000_000;

fn low_bits(value: u128, bits: u32) -> u128 {
    value & ((1 << bits) - 1)
}

impl JobId {
    /// Mints the id of a request accepted at `unix_nanos` for `account`; `random` needs 38 random bits.
    pub fn mint(unix_nanos: u64, random: u64, account: &str, key: &JobKey) -> Self {
        let millis = u128::from(unix_nanos / NANOS_PER_MILLI);
        let fraction = u128::from(unix_nanos % NANOS_PER_MILLI) * 4096 / u128::from(NANOS_PER_MILLI);
        let head = (low_bits(millis, 48) << 80)
            | VERSION
            | (fraction << 64)
            | VARIANT
            | (low_bits(u128::from(random), RANDOM_BITS) << TAG_BITS);
        Self(Uuid::from_u128(head | key.tag(head, account)))
    }

    /// Whether a gateway with this key gave this id to this account.
    pub fn is_genuine(self, account: &str, key: &JobKey) -> bool {
        let bits = self.0.as_u128();
        let tag = low_bits(bits, TAG_BITS);
        key.tag(bits ^ tag, account) == tag
    }

    /// The job that goes on with what was left of this one, once this one was given up: the same whoever asks, so that asking
    /// twice makes one job.
    ///
    /// It carries the same time, for the request was accepted then. Its tag is none of a gateway's: it must be in the ledger
    /// before anybody is told of it.
    #[must_use]
    pub fn redriven(self) -> Self {
        const TIME: u128 = u128::MAX << 64;
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"redriven").chain_update(self.0.as_bytes()).finalize().into();
        let drawn = digest.iter().take(8).fold(0, |drawn, byte| (drawn << 8) | u128::from(*byte));
        Self(Uuid::from_u128((self.0.as_u128() & TIME) | VARIANT | low_bits(drawn, 62)))
    }

    /// When the request was accepted, in Unix microseconds (exact to a quarter of one).
    pub fn accepted_at_micros(self) -> i64 {
        let bits = self.0.as_u128();
        let micros = (bits >> 80) * 1000 + low_bits(bits >> 64, 12) * 1000 / 4096;
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A profile: a version 7 UUID, fixed by the job and the index in the request of the record that made it.
///
/// So a chunk that is planned twice (a retry, a redelivery) names its new profiles alike, ids of one request sort in
/// input order, whichever of its jobs made them, and the smaller of two ids is the older profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileId(pub Uuid);

impl ProfileId {
    /// The id of the profile that a record makes, if it makes one: by its job and its index (below 2^20) in the request.
    pub fn made_by(job: JobId, index: u32) -> Self {
        let bits = job.0.as_u128();
        let index = u128::from(index);
        let fraction = low_bits(bits >> 64, 12);
        let random = low_bits(bits >> TAG_BITS, RANDOM_BITS);
        let millis = (bits >> 80) << 80;
        let high = low_bits(index >> 8, 12) << 64;
        let low = low_bits(index, 8) << 54;
        Self(Uuid::from_u128(millis | VERSION | high | VARIANT | low | (fraction << 42) | (random << 4)))
    }

    /// The index of the record of `job` that makes the profile, if one of its records does.
    pub fn maker(self, job: JobId) -> Option<u32> {
        let bits = self.0.as_u128();
        let index = (low_bits(bits >> 64, 12) << 8) | low_bits(bits >> 54, 8);
        u32::try_from(index).ok().filter(|index| Self::made_by(job, *index) == self)
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> JobKey {
        JobKey::new(b"sixteen bytes at least").unwrap()
    }

    #[test]
    fn a_job_id_is_genuine_for_its_account_and_key_alone() {
        let id = JobId::mint(1_700_000_000_123_456_789, 42, "demo", &key());
        assert!(id.is_genuine("demo", &key()));
        assert!(!id.is_genuine("other", &key()));
        assert!(!id.is_genuine("demo", &JobKey::new(b"another secret of length").unwrap()));
        assert!(!JobId(Uuid::from_u128(id.0.as_u128() ^ (1 << 30))).is_genuine("demo", &key()));
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.accepted_at_micros(), 1_700_000_000_123_456);
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(JobKey::new(b"short").is_none());
    }

    #[test]
    fn job_ids_sort_by_acceptance() {
        let earlier = JobId::mint(1_700_000_000_000_001_000, u64::MAX, "demo", &key());
        let later = JobId::mint(1_700_000_000_000_002_000, 0, "demo", &key());
        assert!(earlier < later);
    }

    #[test]
    fn what_is_redriven_is_one_job_of_the_same_time() {
        let job = JobId::mint(1_700_000_000_123_456_789, 42, "demo", &key());
        let (once, twice) = (job.redriven(), job.redriven().redriven());
        assert_eq!(once, job.redriven());
        assert!(once != job && twice != once && twice != job);
        assert_eq!(twice.accepted_at_micros(), job.accepted_at_micros());
        assert_eq!((once.0.get_version_num(), once.0.get_variant()), (7, uuid::Variant::RFC4122));
        assert_ne!(ProfileId::made_by(once, 0), ProfileId::made_by(job, 0));
        assert!(
            ProfileId::made_by(job, 1) < ProfileId::made_by(once, 2),
            "the earlier record's is the older"
        );
        assert!(ProfileId::made_by(once, 2) < ProfileId::made_by(job, 3));
        let sibling = JobId::mint(1_700_000_000_123_456_789, 43, "demo", &key());
        assert_ne!(sibling.redriven(), once);
    }

    #[test]
    fn profile_ids_are_distinct_and_in_input_order() {
        let job = JobId::mint(1_700_000_000_123_456_789, 42, "demo", &key());
        let ids: Vec<ProfileId> = (0..70_000).map(|index| ProfileId::made_by(job, index)).collect();
        assert!(ids.is_sorted_by(|left, right| left < right));
        let sibling = JobId::mint(1_700_000_000_123_456_789, 43, "demo", &key());
        assert_ne!(ProfileId::made_by(sibling, 0), ProfileId::made_by(job, 0));
        for index in [0, 1, 255, 256, 69_999, (1 << 20) - 1] {
            let id = ProfileId::made_by(job, index);
            assert_eq!((id.maker(job), id.maker(sibling)), (Some(index), None));
        }
        assert_eq!(ids.first().unwrap().0.get_version_num(), 7);
    }
}
