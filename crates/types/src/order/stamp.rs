//! Where a request stands among all others.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::JobId;

/// Where a request stands in the order of acceptance: the greater of two was accepted later.
///
/// That of a request is its job's id, whose high bits are the time of acceptance; the last eight bits count how often it was
/// retried, so that what failed of a request comes right after what did not, and before whatever was accepted meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub Uuid);

const RETRIES: u128 = 0xff;

impl Stamp {
    /// Before all requests.
    pub const NEVER: Self = Self(Uuid::nil());

    /// Of the request that has this job.
    pub fn of(job: JobId) -> Self {
        Self(Uuid::from_u128(job.0.as_u128() & !RETRIES))
    }

    /// Of the same request, once more.
    #[must_use]
    pub fn retried(self) -> Self {
        let bits = self.0.as_u128();
        if bits & RETRIES == RETRIES { self } else { Self(Uuid::from_u128(bits + 1)) }
    }

    /// In as few characters as can be.
    pub(super) fn short(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// Reads it back.
    pub(super) fn from_short(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Uuid::from_slice(&bytes).ok().map(Self)
    }
}

impl Default for Stamp {
    fn default() -> Self {
        Self::NEVER
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Stamp({})", self.0)
    }
}
