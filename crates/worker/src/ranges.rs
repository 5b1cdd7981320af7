//! Which records of a job are applied together: consecutive chunks of a bounded weight, halved where the data of one
//! stops a chunk.

use std::ops::Range;

/// Most bytes of JSON text in one chunk of several records: as values they can cost a hundred times as much.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// Records of a chunk from which on it pays to have another thread read them.
const READ_AHEAD_FROM: usize = 100;

/// The chunks of a job that are still to be applied, in input order.
#[derive(Debug, Clone)]
pub(crate) struct Ranges {
    next: u32,
    total: u32,
    chunk: u32,
    /// What is left of chunks that were too heavy, or failed as a whole; the last one is the next.
    halves: Vec<Range<u32>>,
}

impl Ranges {
    pub(crate) fn new(next: u32, total: u32, chunk: u32) -> Self {
        Self { next, total, chunk, halves: Vec::new() }
    }

    /// The next chunk to apply, given the bytes of each record; none: all records have their outcome.
    pub(crate) fn next(&mut self, bytes: impl Fn(u32) -> usize) -> Option<Range<u32>> {
        let half = std::iter::from_fn(|| self.halves.pop()).find(|half| half.end > self.next);
        let range = half.unwrap_or(self.next..self.next.saturating_add(self.chunk).min(self.total));
        let mut range = range.start.max(self.next)..range.end;
        let mut weight = 0;
        let heavy = range.clone().skip(1).find(|index| {
            weight += bytes(index - 1);
            weight + bytes(*index) > MOST_BYTES
        });
        if let Some(heavy) = heavy {
            self.halves.push(heavy..range.end);
            range.end = heavy;
        }
        (!range.is_empty()).then_some(range)
    }

    /// What is applied after this chunk if all of it is, where it pays to have that read by another thread.
    pub(crate) fn after(&self, range: &Range<u32>, bytes: impl Fn(u32) -> usize) -> Option<Range<u32>> {
        let mut later = self.clone();
        later.resume_at(range.end);
        later.next(bytes).filter(|next| next.len() >= READ_AHEAD_FROM)
    }

    /// All records before this one have their outcome, whoever applied them.
    pub(crate) fn resume_at(&mut self, next: u32) {
        self.next = self.next.max(next);
    }

    /// A chunk failed over the data of one of its records: its halves are tried instead.
    pub(crate) fn split(&mut self, range: Range<u32>) {
        let middle = range.start.midpoint(range.end);
        self.halves.push(middle..range.end);
        self.halves.push(range.start..middle);
    }

    /// As if halved again and again: the first record of a chunk stands alone, and what follows it is in pieces that grow.
    pub(crate) fn isolate(&mut self, mut range: Range<u32>) {
        while range.len() > 1 {
            let middle = range.start.midpoint(range.end);
            self.halves.push(middle..range.end);
            range.end = middle;
        }
        self.halves.push(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies everything but one poisonous record; the chunks in the order applied.
    fn chunks(total: u32, chunk: u32, poison: u32) -> Vec<Range<u32>> {
        let (mut ranges, mut applied) = (Ranges::new(0, total, chunk), Vec::new());
        while let Some(range) = ranges.next(|_| 1000) {
            if range.contains(&poison) && range.len() > 1 {
                ranges.split(range);
            } else {
                ranges.resume_at(range.end);
                applied.push(range);
            }
        }
        applied
    }

    #[test]
    fn chunks_cover_all_records_once_and_in_order() {
        for poison in [0, 9, 10, 24, 99] {
            let applied = chunks(25, 10, poison);
            let records: Vec<u32> = applied.iter().cloned().flatten().collect();
            assert_eq!(records, (0..25).collect::<Vec<u32>>(), "{applied:?}");
            assert!(poison > 24 || applied.contains(&(poison..poison + 1)), "{applied:?}");
        }
        assert_eq!(chunks(25, 10, 99), [0..10, 10..20, 20..25]);
    }

    #[test]
    fn what_comes_after_a_chunk_is_known_before_whatever_its_records_weigh() {
        let weights: [&dyn Fn(u32) -> usize; 4] =
            [&|_| 500, &|_| 1500, &|index| usize::try_from(index % 7).unwrap() * 700, &|index| {
                usize::try_from(index).unwrap()
            }];
        for bytes in weights {
            let mut ranges = Ranges::new(0, 5000, 1000);
            let (mut foreseen, mut applied) = (None, 0);
            while let Some(range) = ranges.next(bytes) {
                if applied > 0 {
                    assert_eq!(foreseen, (range.len() >= READ_AHEAD_FROM).then(|| range.clone()));
                }
                // One fails as a whole, and its halves are known from then on.
                if range.start == 0 && range.len() > 200 {
                    ranges.split(range);
                    continue;
                }
                foreseen = ranges.after(&range, bytes);
                ranges.resume_at(range.end);
                applied += 1;
            }
            assert!(applied > 5 && foreseen.is_none());
        }
        let ranges = Ranges::new(0, 1099, 1000);
        assert_eq!(ranges.after(&(0..1000), |_| 1), None, "too few to pay");
    }

    #[test]
    fn a_record_that_is_isolated_is_followed_by_growing_pieces() {
        let mut ranges = Ranges::new(10, 40, 20);
        let first = ranges.next(|_| 1).unwrap();
        ranges.isolate(first);
        let mut applied = Vec::new();
        while let Some(range) = ranges.next(|_| 1) {
            ranges.resume_at(range.end);
            applied.push(range);
        }
        assert_eq!(applied, [10..11, 11..12, 12..15, 15..20, 20..30, 30..40]);
    }

    #[test]
    fn what_a_rival_applied_is_not_applied_again() {
        let mut ranges = Ranges::new(5, 25, 10);
        let light = |_| 1;
        assert_eq!(ranges.next(light), Some(5..15));
        ranges.split(5..15);
        ranges.resume_at(12);
        assert_eq!(ranges.next(light), Some(12..15));
        ranges.resume_at(25);
        assert_eq!(ranges.next(light), None);
    }

    #[test]
    fn a_chunk_has_a_bounded_weight() {
        let bytes = |index: u32| match index {
            3 => 5 * MOST_BYTES,
            10..=13 => MOST_BYTES / 2,
            _ => 1000,
        };
        let (mut ranges, mut applied) = (Ranges::new(0, 25, 20), Vec::new());
        while let Some(range) = ranges.next(bytes) {
            // One fails as a whole, and is halved.
            if range == (13..20) {
                ranges.split(range);
                continue;
            }
            ranges.resume_at(range.end);
            applied.push(range);
        }
        assert_eq!(applied, [0..3, 3..4, 4..11, 11..13, 13..16, 16..20, 20..25]);
    }
}
