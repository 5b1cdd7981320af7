//! The secret that signs callbacks: `whsec_` and the base64 of its bytes.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Taken with and without padding, written with it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A secret. Does not show itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallbackSecret(Vec<u8>);

impl CallbackSecret {
    const PREFIX: &str = "whsec_";
    /// Stands between the prefix and the fingerprint where a secret is not shown; it is no letter of base64.
    const MASK: &str = "****";

    /// Reads a secret.
    ///
    /// # Errors
    /// What is expected; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = text.strip_prefix(Self::PREFIX).and_then(|text| BASE64.decode(text).ok());
        bytes.filter(|bytes| (24..=64).contains(&bytes.len())).map(Self).ok_or_else(|| {
            "a secret is whsec_ and the base64 of 24 to 64 random bytes, such as \
             `echo whsec_$(openssl rand -base64 32)` makes"
                .to_owned()
        })
    }

    /// The signature of a message.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // A key of any length will do for an HMAC.
            return String::new();
        };
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    /// Enough to tell secrets apart, too little to be of use.
    pub fn fingerprint(&self) -> String {
        let [first, second, third, fourth, ..]: [u8; 32] = Sha256::digest(&self.0).into();
        format!("{:08x}", u32::from_be_bytes([first, second, third, fourth]))
    }

    /// How a secret is shown. In a declaration it stands for the secret that is there already.
    pub fn masked(&self) -> String {
        format!("{}{}{}", Self::PREFIX, Self::MASK, self.fingerprint())
    }

    /// Whether a text is a secret that is not shown.
    pub(crate) fn is_masked(text: &str) -> bool {
        text.strip_prefix(Self::PREFIX).is_some_and(|rest| rest.starts_with(Self::MASK))
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.masked())
    }
}

impl TryFrom<String> for CallbackSecret {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<CallbackSecret> for String {
    fn from(secret: CallbackSecret) -> Self {
        format!("{}{}", CallbackSecret::PREFIX, BASE64.encode(secret.0))
    }
}
