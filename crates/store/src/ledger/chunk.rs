//! The outcomes of one chunk, packed into one row: an action and a profile id per record, details only where there are any.

use diesel::prelude::*;
use diesel::sql_types::Integer;
use intake_types::{Action, DatabaseId, Failure, JobId, Outcome, ProfileId, Tally, Warning};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Error;
use crate::columns::{Ints, Texts, Uuids, array_literal, json_text};
use crate::prepared::prepared;

/// What only some records have.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    index: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

/// The columns that outcomes are read back from.
pub(super) struct Packed {
    pub(super) first_index: i32,
    pub(super) actions: Vec<i16>,
    pub(super) profile_ids: Vec<Option<Uuid>>,
    pub(super) details: Value,
}

// Ragged arrays do not unnest, so they go as text.
const INSERT: &str = "\
    INSERT INTO job_chunks (db_id, job_id, first_index, records, created, updated, unchanged, skipped, failed, warnings, \
        actions, profile_ids, details) \
    SELECT $1, u.job_id, u.first_index, u.records, u.created, u.updated, u.unchanged, u.skipped, u.failed, u.warnings, \
        u.actions::smallint[], u.profile_ids::uuid[], u.details::jsonb \
    FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS u (job_id, first_index, records, created, updated, \
        unchanged, skipped, failed, warnings, actions, profile_ids, details)";

/// The chunk of a job: its outcomes follow each other without gaps from the first index.
pub(crate) type Chunk<'a> = (JobId, u32, &'a [Outcome]);

#[derive(Default)]
struct Columns {
    job_ids: Vec<Uuid>,
    first_indices: Vec<i32>,
    records: Vec<i32>,
    counts: [Vec<i32>; 6],
    actions: Vec<String>,
    profile_ids: Vec<String>,
    details: Vec<String>,
}

impl Columns {
    fn push(&mut self, (job_id, first_index, outcomes): Chunk<'_>) -> Result<Tally, Error> {
        if !(first_index..).zip(outcomes).all(|(index, outcome)| index == outcome.index) {
            return Err(Error::Unexpected("the outcomes of a chunk have gaps".to_owned()));
        }
        let tally = Tally::of(outcomes);
        self.job_ids.push(job_id.0);
        self.first_indices.push(count(first_index)?);
        self.records.push(count(tally.processed())?);
        let counts =
            [tally.created, tally.updated, tally.unchanged, tally.skipped, tally.failed, tally.warnings];
        for (column, number) in self.counts.iter_mut().zip(counts) {
            column.push(count(number)?);
        }
        self.actions.push(array_literal(outcomes.iter().map(|outcome| number(outcome.action))));
        let id =
            |outcome: &Outcome| outcome.profile_id.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
        self.profile_ids.push(array_literal(outcomes.iter().map(id)));
        self.details.push(json_text(&outcomes.iter().filter_map(detail).collect::<Vec<Detail>>())?);
        Ok(tally)
    }
}

/// Writes the rows of chunks of several jobs of one database. What became of the records, of each.
pub(crate) fn insert(
    connection: &mut PgConnection,
    db_id: DatabaseId,
    chunks: &[Chunk<'_>],
) -> Result<Vec<Tally>, Error> {
    let mut columns = Columns::default();
    let tallies = chunks.iter().map(|chunk| columns.push(*chunk)).collect::<Result<Vec<_>, Error>>()?;
    let [created, updated, unchanged, skipped, failed, warnings] = columns.counts;
    prepared(INSERT)
        .bind::<Integer, _>(db_id.0)
        .bind::<Uuids, _>(columns.job_ids)
        .bind::<Ints, _>(columns.first_indices)
        .bind::<Ints, _>(columns.records)
        .bind::<Ints, _>(created)
        .bind::<Ints, _>(updated)
        .bind::<Ints, _>(unchanged)
        .bind::<Ints, _>(skipped)
        .bind::<Ints, _>(failed)
        .bind::<Ints, _>(warnings)
        .bind::<Texts, _>(columns.actions)
        .bind::<Texts, _>(columns.profile_ids)
        .bind::<Texts, _>(columns.details)
        .execute(connection)?;
    Ok(tallies)
}

fn detail(outcome: &Outcome) -> Option<Detail> {
    let Outcome { index, failure, warnings, reference, .. } = outcome;
    if failure.is_none() && warnings.is_empty() && reference.is_none() {
        return None;
    }
    // A path or a text may repeat what the record said, and jsonb holds no U+0000.
    let failure = failure.as_ref().map(|failure| Failure {
        code: failure.code,
        field: failure.field.as_deref().map(storable),
        text: storable(&failure.text),
    });
    let warnings = warnings.iter().map(|warning| Warning {
        code: warning.code,
        text: storable(&warning.text),
        field: warning.field.as_deref().map(storable),
    });
    Some(Detail {
        index: *index,
        failure,
        warnings: warnings.collect(),
        reference: reference.as_deref().map(storable),
    })
}

pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

pub(super) fn count(value: u32) -> Result<i32, Error> {
    i32::try_from(value).map_err(|_range| Error::Unstorable("a count out of range"))
}

/// The outcomes of one row.
pub(super) fn unpack(packed: Packed) -> Result<Vec<Outcome>, Error> {
    const UNREADABLE: Error = Error::Unreadable("the outcomes of a chunk");
    let first = u32::try_from(packed.first_index).map_err(|_range| UNREADABLE)?;
    let details: Vec<Detail> = serde_json::from_value(packed.details).map_err(|_unfit| UNREADABLE)?;
    let mut details = details.into_iter().peekable();
    let mut outcomes = Vec::with_capacity(packed.actions.len());
    for (index, (action_number, profile_id)) in
        (first..).zip(packed.actions.into_iter().zip(packed.profile_ids))
    {
        let action = action(action_number).ok_or(UNREADABLE)?;
        let detail = details.next_if(|detail| detail.index == index);
        let (failure, warnings, reference) =
            detail.map(|detail| (detail.failure, detail.warnings, detail.reference)).unwrap_or_default();
        outcomes.push(Outcome {
            index,
            action,
            profile_id: profile_id.map(ProfileId),
            failure,
            warnings,
            reference,
        });
    }
    Ok(outcomes)
}

/// The number that the database stores.
pub(super) fn number(action: Action) -> i16 {
    match action {
        Action::Created => 1,
        Action::Updated => 2,
        Action::Unchanged => 3,
        Action::Skipped => 4,
        Action::Failed => 5,
    }
}

/// Reads the number that the database stores.
fn action(number: i16) -> Option<Action> {
    match number {
        1 => Some(Action::Created),
        2 => Some(Action::Updated),
        3 => Some(Action::Unchanged),
        4 => Some(Action::Skipped),
        5 => Some(Action::Failed),
        _ => None,
    }
}
