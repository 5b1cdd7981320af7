//! Strands: what carries the order of events. All events of one profile are in one strand, and a strand is sent in order.

use uuid::Uuid;

/// One of a fixed number of strands, by the number that the database stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Strand(i16);

impl Strand {
    /// How many there are: relays that can work at once, and rows that a chunk is spread over at most. The database has a
    /// row for each, and rows that wait stay in the strand that they were written to, so another number is a migration.
    pub const COUNT: u8 = 16;
    /// The strand of the lowest number.
    pub const FIRST: Self = Self(0);

    /// The strand of a profile or a job. All versions of the program must agree on it as long as rows wait.
    pub fn of(id: Uuid) -> Self {
        let bits = id.as_u128();
        let folded = u64::try_from((bits >> 64) ^ (bits & u128::from(u64::MAX))).unwrap_or_default();
        // Ids of one job share most of their bits, so those are mixed: the finaliser of SplitMix64,
        // https://prng.di.unimi.it/splitmix64.c
        let mixed = (folded ^ (folded >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let strand = (mixed ^ (mixed >> 31)) % u64::from(Self::COUNT);
        Self(i16::try_from(strand).unwrap_or_default())
    }

    /// The number that the database stores, from 0.
    pub fn number(self) -> i16 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobId, JobKey, ProfileId};

    #[test]
    fn the_profiles_of_one_job_spread_over_all_strands() {
        let key = JobKey::new(b"sixteen bytes at least").unwrap();
        let job = JobId::mint(1_700_000_000_123_456_789, 42, "demo", &key);
        let mut counts = vec![0_u32; usize::from(Strand::COUNT)];
        for index in 0..16_000 {
            let strand = Strand::of(ProfileId::made_by(job, index).0);
            counts[usize::try_from(strand.number()).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_strand_of_an_id_is_fixed_for_ever() {
        let strands: Vec<i16> = (0..8).map(|n| Strand::of(Uuid::from_u128(n << 64 | 7)).number()).collect();
        assert_eq!(strands, [4, 12, 12, 4, 0, 10, 5, 0]);
    }
}
