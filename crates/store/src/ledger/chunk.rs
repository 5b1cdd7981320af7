//! The outcomes of one chunk, packed into one row: an action and a profile id per record, details only where there are any.

use diesel::prelude::*;
use intake_types::{Action, Failure, Header, Outcome, ProfileId, Tally, Warning};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Error;
use crate::schema::job_chunks;

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

/// Writes the row of a chunk; its outcomes follow each other without gaps from `first_index`.
pub(crate) fn insert(
    connection: &mut PgConnection,
    header: &Header,
    first_index: u32,
    outcomes: &[Outcome],
) -> Result<Tally, Error> {
    if !(first_index..).zip(outcomes).all(|(index, outcome)| index == outcome.index) {
        return Err(Error::Unexpected("the outcomes of a chunk have gaps".to_owned()));
    }
    let tally = Tally::of(outcomes);
    let actions: Vec<i16> = outcomes.iter().map(|outcome| number(outcome.action)).collect();
    let profile_ids: Vec<Option<Uuid>> =
        outcomes.iter().map(|outcome| outcome.profile_id.map(|id| id.0)).collect();
    let details: Vec<Detail> = outcomes.iter().filter_map(detail).collect();
    let details = serde_json::to_value(details)
        .map_err(|_unserialisable| Error::Unstorable("an outcome has no JSON form"))?;
    diesel::insert_into(job_chunks::table)
        .values((
            job_chunks::db_id.eq(header.db_id.0),
            job_chunks::job_id.eq(header.job_id.0),
            job_chunks::first_index.eq(count(first_index)?),
            job_chunks::records.eq(count(tally.processed())?),
            (
                job_chunks::created.eq(count(tally.created)?),
                job_chunks::updated.eq(count(tally.updated)?),
                job_chunks::unchanged.eq(count(tally.unchanged)?),
                job_chunks::skipped.eq(count(tally.skipped)?),
                job_chunks::failed.eq(count(tally.failed)?),
                job_chunks::warnings.eq(count(tally.warnings)?),
            ),
            job_chunks::actions.eq(actions),
            job_chunks::profile_ids.eq(profile_ids),
            job_chunks::details.eq(details),
        ))
        .execute(connection)?;
    Ok(tally)
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
