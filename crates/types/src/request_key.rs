//! What tells a request from any other, so that it can be sent again: a key, and a digest of what was asked for.
//!
//! Goes with a message from the gateway to the worker; the ledger holds which job has which key.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What tells a request from any other of its account: sent again, it is the same job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestKey {
    /// What kind of key it is; keys of different scopes never meet.
    pub scope: KeyScope,
    /// The key.
    pub key: String,
    /// What was asked for: the same key for something else is an error.
    pub fingerprint: Fingerprint,
    /// For how many seconds the key stands for one job; none: for as long as keys are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
}

/// Where the key of a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// The client's `Idempotency-Key`.
    Key,
    /// The digest of the body.
    Body,
    /// The job whose failed records are sent again.
    Retry,
}

impl KeyScope {
    /// The word in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Body => "body",
            Self::Retry => "retry",
        }
    }
}

/// SHA-256 of what was asked for; as text, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The digest of these parts, whose borders count.
    pub fn of(parts: &[&[u8]]) -> Self {
        Fingerprinting::new(parts).finish()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const PROBLEM: &str = "a fingerprint has 64 hexadecimal digits";
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(PROBLEM);
        }
        for (position, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(2 * position..2 * position + 2).ok_or(PROBLEM)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_other| PROBLEM)?;
        }
        Ok(Self(bytes))
    }
}

/// A fingerprint in the making: some parts that are known, then a body that comes bit by bit.
#[derive(Clone)]
pub struct Fingerprinting(Sha256);

impl Fingerprinting {
    /// Begins with these parts, whose borders count.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest)
    }

    /// Takes some more of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The body has ended.
    pub fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

impl fmt::Debug for Fingerprinting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprinting(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_of_parts_count_and_those_of_a_body_do_not() {
        assert_ne!(Fingerprint::of(&[b"ab", b"c"]), Fingerprint::of(&[b"a", b"bc"]));
        let (mut one, mut two) = (Fingerprinting::new(&[b"path"]), Fingerprinting::new(&[b"path"]));
        one.update(b"body");
        two.update(b"bo");
        two.update(b"dy");
        assert_eq!(one.finish(), two.finish());
    }

    #[test]
    fn a_key_survives_the_way_to_the_worker() {
        let fingerprint = Fingerprint::of(&[b"x"]);
        let key = RequestKey { scope: KeyScope::Body, key: "k".to_owned(), fingerprint, seconds: Some(60) };
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<RequestKey>(&text).unwrap(), key);
        for wrong in ["", "zz", &"0".repeat(63), &"é".repeat(32), &"g0".repeat(32)] {
            let text = text.replace(&fingerprint.to_string(), wrong);
            let read = serde_json::from_str::<RequestKey>(&text);
            assert!(read.is_err(), "{wrong}: {read:?}");
        }
    }
}
