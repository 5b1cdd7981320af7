//! The records that failed, as they were sent: kept beside the outcomes for a while, to be put right and sent again.

use diesel::prelude::*;
use intake_types::{Action, Outcome};

use super::chunk::{count, storable};
use crate::schema::job_failures;
use crate::{Error, Import};

/// Writes the records of a chunk that failed, after the chunk itself. Of a job that writes nothing none are kept: it can be
/// sent once more as it is.
pub(crate) fn insert(
    connection: &mut PgConnection,
    import: &Import,
    first_index: u32,
    outcomes: &[Outcome],
) -> Result<(), Error> {
    let failed: Vec<u32> = outcomes
        .iter()
        .filter(|outcome| outcome.action == Action::Failed)
        .map(|outcome| outcome.index)
        .collect();
    let header = &import.header;
    if failed.is_empty() || header.validate_only {
        return Ok(());
    }
    let indices = failed.iter().map(|index| count(*index)).collect::<Result<Vec<i32>, Error>>()?;
    let records: Vec<String> = failed.iter().map(|index| storable(import.text(*index))).collect();
    diesel::insert_into(job_failures::table)
        .values((
            job_failures::db_id.eq(header.db_id.0),
            job_failures::job_id.eq(header.job_id.0),
            job_failures::first_index.eq(count(first_index)?),
            job_failures::indices.eq(indices),
            job_failures::records.eq(records),
        ))
        .execute(connection)?;
    Ok(())
}
