//! What is left of a job that was given up, as a job of its own: a stream that begins where the other one ended.

use std::borrow::Cow;
use std::mem::take;

use super::{Header, PartV1, V1};
use crate::Stamp;

/// Text of the records in one part of a stream, unless a single one has more.
pub const PART_BYTES: usize = 4 << 20;

impl Header {
    /// Of the job that goes on with the records of this one from a position on; `stamp` is where this one stands.
    ///
    /// It is the same request still, so it stands where that stands: its records come after those before them, and before
    /// what failed of them and is retried. Its key goes along: whoever asks for the same again asks for this one.
    #[must_use]
    pub fn redriven(&self, stamp: Stamp, from: u32) -> Self {
        Self {
            job_id: self.job_id.redriven(),
            total: self.total.saturating_sub(from),
            streamed: true,
            retry_of: Some(self.job_id),
            begins_at: self.begins_at.saturating_add(from),
            order: Some(stamp),
            // They were told.
            warnings: Vec::new(),
            ..self.clone()
        }
    }
}

impl PartV1<'_> {
    /// Its records from a position of its stream on, as a part of another job that begins there.
    #[must_use]
    pub fn rest(self, from: u32, of: &Header) -> Self {
        let first_index = self.first_index.saturating_sub(from);
        let passed = usize::try_from(from.saturating_sub(self.first_index)).unwrap_or(usize::MAX);
        let records: Vec<_> = self.records.into_iter().skip(passed).collect();
        let moved = |(index, problem): (u32, String)| Some((index.checked_sub(from)?, problem));
        Self {
            header: Header { total: end(first_index, records.len()), ..of.clone() },
            first_index,
            open_until: self.open_until,
            records,
            unreadable: self.unreadable.into_iter().filter_map(moved).collect(),
        }
    }
}

impl<'a> V1<'a> {
    /// The same as the parts of a stream, each with at most so much text, unless a single record has more.
    pub fn into_parts(self, most_bytes: usize) -> Vec<PartV1<'a>> {
        let (mut parts, mut records, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut first_index = 0;
        let mut close = |records: &mut Vec<_>| {
            let records: Vec<Cow<'a, _>> = take(records);
            let total = end(first_index, records.len());
            let header = Header { total, ..self.header.clone() };
            parts.push(PartV1 { header, first_index, open_until: 0, records, unreadable: [].into() });
            first_index = total;
        };
        for record in self.records {
            let size = record.get().len();
            if !records.is_empty() && bytes + size > most_bytes {
                close(&mut records);
                bytes = 0;
            }
            bytes += size;
            records.push(record);
        }
        if !records.is_empty() {
            close(&mut records);
        }
        parts
    }
}

fn end(first_index: u32, records: usize) -> u32 {
    first_index.saturating_add(u32::try_from(records).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    const WHOLE: &str = r#"{"v1":{"header":{"job_id":"018bcfe5-687b-7e93-8000-00000000002a","account":"demo","db_id":1,"operation":"import","rule":"email","total":5,"unknown_fields":"ignore","nulls":"clear","skip_invalid_subscriptions":true,"skip_triggers":false,"detect_geo":true,"external_id":"night"},"records":[{"a" : 1.50},{"b":2},{"c":3},"{no json",{"e":5}]}}"#;

    fn whole() -> V1<'static> {
        let Message::V1(whole) = Message::from_bytes(WHOLE.as_bytes()).unwrap() else {
            panic!("a whole job")
        };
        whole
    }

    fn texts(part: &PartV1<'_>) -> Vec<String> {
        part.records.iter().map(|record| record.get().to_owned()).collect()
    }

    #[test]
    fn a_whole_job_is_parts_that_follow_each_other() {
        let parts = whole().into_parts(15);
        let ranges: Vec<_> = parts.iter().map(|part| (part.first_index, part.header.total)).collect();
        assert_eq!(ranges, [(0, 1), (1, 3), (3, 4), (4, 5)]);
        assert_eq!(
            parts.iter().flat_map(texts).collect::<Vec<_>>().concat(),
            WHOLE
                .split_once("records\":[")
                .unwrap()
                .1
                .trim_end_matches("]}}")
                .replace("},", "}")
                .replace("\",{", "\"{")
        );
        assert_eq!(whole().into_parts(usize::MAX).len(), 1);
        assert_eq!(whole().into_parts(0).len(), 5, "a long record is a part by itself");
    }

    #[test]
    fn the_rest_of_a_part_counts_anew_from_where_the_other_job_ended() {
        let new = whole().header.redriven(Stamp::of(whole().header.job_id), 2);
        assert_eq!((new.total, new.streamed, new.retry_of), (3, true, Some(whole().header.job_id)));
        assert_eq!((new.stamp(), new.begins_at), (whole().header.stamp(), 2));
        assert_eq!(new.redriven(new.stamp(), 1).begins_at, 3);
        assert_eq!(new.external_id.as_deref(), Some("night"));
        let mut part = whole().into_parts(usize::MAX).remove(0);
        part.unreadable.insert(1, "before".to_owned());
        part.unreadable.insert(3, "line 4".to_owned());
        let rest = part.rest(2, &new);
        assert_eq!((rest.first_index, rest.header.total, rest.header.job_id), (0, 3, new.job_id));
        assert_eq!(texts(&rest), [r#"{"c":3}"#, r#""{no json""#, r#"{"e":5}"#]);
        assert_eq!(rest.unreadable, [(1, "line 4".to_owned())].into());
        let later = whole().into_parts(15).remove(3).rest(2, &new);
        assert_eq!((later.first_index, later.header.total, texts(&later).len()), (2, 3, 1));
        let bytes = Message::PartV1(later).to_bytes();
        Message::from_bytes(&bytes).unwrap();
    }
}
