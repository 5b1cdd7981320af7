//! The lanes: the queues of what is to be done. Those of small jobs are apart from those of bulk, and the accounts are
//! spread over each kind, so that a flood of either, from one account, holds up few others and nothing of the other kind.

/// How much there is to do for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// So little that others need not be kept from waiting for it.
    Small,
    /// Any amount.
    Bulk,
}

impl Class {
    fn word(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Bulk => "bulk",
        }
    }
}

/// One of the queues of what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    class: Class,
    number: u8,
}

impl Lane {
    /// Lanes of each class. Publishers and consumers must agree on it: a queue that nobody consumes is never emptied.
    const COUNT: u8 = 4;

    /// The lane in which the messages of an account wait, one after the other.
    pub fn of(class: Class, account: &str) -> Self {
        Self { class, number: number(account) }
    }

    /// How much there is to do for what waits in it.
    pub fn class(self) -> Class {
        self.class
    }

    /// Every lane there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |class| (0..Self::COUNT).map(move |number| Self { class, number });
        [Class::Small, Class::Bulk].into_iter().flat_map(of)
    }

    /// Its name, which is the last part of its queue's.
    pub(crate) fn name(self) -> String {
        format!("{}.{}", self.class.word(), self.number)
    }

    /// Reads the name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::all().find(|lane| lane.name() == name)
    }
}

/// FNV-1a, folded, as its authors advise where few bits are wanted. The standard library's hashes may differ between the
/// builds of a gateway and of another one, and then an account would have two lanes:
/// <http://www.isthe.com/chongo/tech/comp/fnv/#xor-fold>
fn number(account: &str) -> u8 {
    let hash = account
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let folded = hash ^ (hash >> 16);
    u8::try_from(folded % u32::from(Lane::COUNT)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_the_same_lanes_in_every_version() {
        let names = ["demo", "other", "shop", ""].map(|account| Lane::of(Class::Bulk, account).name());
        assert_eq!(names, ["bulk.3", "bulk.0", "bulk.2", "bulk.1"]);
    }

    #[test]
    fn accounts_are_spread_over_all_lanes() {
        for pattern in ["account-", "Shop ", "2026/"] {
            let mut counts = [0; 4];
            for number in 0..1000 {
                counts[usize::from(super::number(&format!("{pattern}{number}")))] += 1;
            }
            assert!(counts.iter().all(|count| (150..350).contains(count)), "{pattern}: {counts:?}");
        }
    }

    #[test]
    fn a_lane_is_known_by_its_name() {
        assert_eq!(Lane::all().count(), 8);
        for lane in Lane::all() {
            assert_eq!(Lane::parse(&lane.name()), Some(lane));
        }
        assert_eq!(Lane::parse("small.4"), None);
    }
}
