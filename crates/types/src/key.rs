//! Identities: the values that a profile can be found by, and where the profile carries them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::ResourceId;

/// What sort of value a key is. The number is what the database stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(i16);

impl Kind {
    /// A normalised e-mail address, of the profile or of an email subscription.
    pub const EMAIL: Self = Self(1);
    /// A phone number in E.164, of the profile or of an sms subscription.
    pub const PHONE: Self = Self(2);
    /// A push token with its provider.
    pub const PUSH: Self = Self(3);
    /// A member of a subscription's `cc_data` with its name.
    pub const CC_DATA: Self = Self(4);
    /// The first kind of custom fields. Their values stand nowhere but in the profile itself.
    pub const FIRST_CUSTOM: Self = Self(100);

    /// A matchable custom field, by the number that the catalogue gave it (from 1).
    pub fn custom(number: i16) -> Self {
        Self(Self::FIRST_CUSTOM.0.saturating_add(number))
    }

    /// Whether it is a custom field's, whose values stand nowhere but in the profile itself.
    pub fn is_custom(self) -> bool {
        self >= Self::FIRST_CUSTOM
    }

    /// The number that the database stores.
    pub fn number(self) -> i16 {
        self.0
    }
}

impl From<i16> for Kind {
    fn from(number: i16) -> Self {
        Self(number)
    }
}

/// One value that profiles can be found by. Keys sort in the one order in which they are locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What sort of value it is.
    pub kind: Kind,
    /// The normalised value, or its digest when it is too long for an index. Shared: each key is in many collections at once.
    pub value: Arc<str>,
}

impl Key {
    /// Longest value, in bytes, that is kept as it is.
    const LONGEST: usize = 256;
    const DIGEST_PREFIX: &'static str = "sha256:";

    /// Makes a key of a normalised value. A value too long for an index entry is replaced by its SHA-256, as is one
    /// that looks like such a digest, so that no two values ever share a key.
    pub fn new(kind: Kind, value: &str) -> Self {
        if value.len() <= Self::LONGEST && !value.starts_with(Self::DIGEST_PREFIX) {
            return Self { kind, value: value.into() };
        }
        let mut text = String::from(Self::DIGEST_PREFIX);
        for byte in Sha256::digest(value.as_bytes()) {
            let _ = write!(text, "{byte:02x}");
        }
        Self { kind, value: text.into() }
    }
}

/// Where a profile carries a value: in a field of its own, or in a subscription to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A profile field.
    Profile,
    /// A subscription to this resource.
    Resource(ResourceId),
}

impl Source {
    /// The number that the database stores: 0 for the profile, else the resource's id.
    pub fn number(self) -> i32 {
        match self {
            Self::Profile => 0,
            Self::Resource(id) => id.0,
        }
    }
}

/// All places where one profile carries one value, sorted; never empty for a value that it has. Nearly always there are one or
/// two, and very many such sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(SmallVec<[Source; 2]>);

impl Sources {
    /// Adds one, unless it is there.
    pub fn insert(&mut self, source: Source) {
        if let Err(place) = self.0.binary_search(&source) {
            self.0.insert(place, source);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them.
    pub fn contains(&self, source: Source) -> bool {
        self.0.contains(&source)
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = Source> {
        self.0.iter().copied()
    }
}

impl<const N: usize> From<[Source; N]> for Sources {
    fn from(sources: [Source; N]) -> Self {
        sources.into_iter().collect()
    }
}

impl FromIterator<Source> for Sources {
    fn from_iter<T: IntoIterator<Item = Source>>(sources: T) -> Self {
        let mut all = Self::default();
        sources.into_iter().for_each(|source| all.insert(source));
        all
    }
}

/// The values that a profile can be found by, and where it carries each.
pub type Carried = BTreeMap<Key, Sources>;

/// The places in which a value counts when profiles are looked for by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// Wherever a profile carries it.
    Anywhere,
    /// In subscriptions, to whatever resource.
    Subscriptions,
    /// In one of these.
    Among(Sources),
}

impl Places {
    /// Whether a value that is carried in `sources` counts.
    pub fn accept(&self, sources: &Sources) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Subscriptions => sources.iter().any(|source| source != Source::Profile),
            Self::Among(places) => sources.iter().any(|source| places.contains(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_and_look_alikes_are_digested() {
        let long = "x".repeat(257);
        let key = Key::new(Kind::custom(1), &long);
        assert_eq!(key.value.len(), "sha256:".len() + 64);
        assert_ne!(Key::new(Kind::custom(1), &key.value), key);
        assert_eq!(&*Key::new(Kind::EMAIL, "a@b.c").value, "a@b.c");
    }

    #[test]
    fn a_value_counts_where_it_is_looked_for() {
        let (profile, resource) = (Source::Profile, Source::Resource(ResourceId(28)));
        let accepted = |places: &Places| {
            [vec![profile], vec![resource], vec![profile, resource]]
                .map(|sources| places.accept(&sources.into_iter().collect()))
        };
        assert_eq!(accepted(&Places::Anywhere), [true, true, true]);
        assert_eq!(accepted(&Places::Subscriptions), [false, true, true]);
        assert_eq!(accepted(&Places::Among(Sources::from([profile]))), [true, false, true]);
        assert_eq!(accepted(&Places::Among(Sources::from([Source::Resource(ResourceId(29))]))), [false; 3]);
    }
}
