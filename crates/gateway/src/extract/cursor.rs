//! Cursors: where a page ended, as a text that means nothing to a client, and nothing anywhere but where it was given.

use intake_types::{JobId, JobKey, Refusal};
use uuid::Uuid;

/// What is wrong with a cursor that is none.
const WRONG: &str = "not one that was given here; take `next_cursor` of the page before, or leave it out";

/// A place among the results of a job: the record to go on from.
pub(crate) fn of_record(job_id: JobId, index: u32) -> String {
    format!("{index:x}-{:06x}", tag(job_id))
}

/// Reads the place among the results of a job.
pub(crate) fn record(text: &str, job_id: JobId, total: u32) -> Result<u32, Refusal> {
    let parts = text.split_once('-');
    let index = parts.and_then(|(index, _)| u32::from_str_radix(index, 16).ok());
    // As it is written, and in no other way.
    index.filter(|index| *index <= total && of_record(job_id, *index) == text).ok_or_else(wrong)
}

/// A place among the jobs of an account: the last one that was listed.
pub(crate) fn of_job(job_id: JobId) -> String {
    job_id.0.simple().to_string()
}

/// Reads the place among the jobs of an account.
pub(crate) fn job(text: &str, account: &str, key: &JobKey) -> Result<JobId, Refusal> {
    let job_id = Uuid::try_parse(text).ok().map(JobId).filter(|job_id| of_job(*job_id) == text);
    job_id.filter(|job_id| job_id.is_genuine(account, key)).ok_or_else(wrong)
}

fn tag(job_id: JobId) -> u128 {
    job_id.0.as_u128() & 0xff_ffff
}

fn wrong() -> Refusal {
    Refusal::parameter("cursor", WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> JobKey {
        JobKey::new(b"sixteen bytes at least").unwrap()
    }

    fn minted(random: u64, account: &str) -> JobId {
        JobId::mint(1_700_000_000_000_000_000, random, account, &key())
    }

    #[test]
    fn a_cursor_reads_back_where_it_was_given_and_nowhere_else() {
        let (job_id, other) = (minted(1, "demo"), minted(2, "demo"));
        for index in [0, 17, 1_000_000] {
            assert_eq!(record(&of_record(job_id, index), job_id, index), Ok(index));
            assert!(record(&of_record(job_id, index), other, index).is_err());
            assert!(record(&of_record(job_id, index + 1), job_id, index).is_err());
        }
        let padded = format!("0{}", of_record(job_id, 17));
        for wrong in ["", "-", "1", "1-", "x-000000", "-1-000000", "1-000000", padded.as_str()] {
            assert!(record(wrong, job_id, 100).is_err(), "{wrong}");
        }
        assert_eq!(job(&of_job(job_id), "demo", &key()), Ok(job_id));
        assert!(job(&of_job(minted(1, "another")), "demo", &key()).is_err());
        assert!(job(&job_id.to_string(), "demo", &key()).is_err());
        assert!(job("", "demo", &key()).is_err());
    }
}
