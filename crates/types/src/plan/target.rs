//! Whom a record means, among the profiles that a chunk knows so far.

use std::collections::BTreeSet;

use super::fold::People;
use crate::{Code, Combination, Draft, Drafts, Failure, Key, MatchValues, Operation, ProfileId, Warning};

/// The one profile that a record means, if there is any.
///
/// # Errors
/// When its values mean different profiles, or the one or nobody where the request needs the other.
pub(super) fn of(
    people: &People<'_>,
    drafts: &Drafts,
    draft: &Draft,
    warnings: &mut Vec<Warning>,
) -> Result<Option<ProfileId>, Failure> {
    let found = match &draft.matching {
        MatchValues::Id(id) => people.get(*id).map(|profile| profile.id).into_iter().collect(),
        MatchValues::AllOf(combination) => together(people, combination),
        MatchValues::FirstOf(lists) => first(people, drafts, lists)?,
    };
    if found.len() > 1 {
        warnings.push(ambiguous(drafts, &found));
    }
    let target = found.first().copied();
    match (target, drafts.operation) {
        (Some(id), Operation::Add) => Err(Failure {
            code: Code::ProfileExists,
            field: None,
            text: format!("matches profile {}, and add_batch makes new ones only", drafts.name(id)),
        }),
        (None, _) if !drafts.may_create() => Err(nobody(drafts, draft)),
        _ => Ok(target),
    }
}

fn nobody(drafts: &Drafts, draft: &Draft) -> Failure {
    let word = drafts.rule.word();
    let (field, text) = match draft.matching {
        MatchValues::Id(id) => (
            Some("profile_id".to_owned()),
            format!("there is no profile {id}, and `{word}` makes no new ones"),
        ),
        _ => (None, format!("matching `{word}` finds no profile, and update_batch makes no new ones")),
    };
    Failure { code: Code::ProfileNotFound, field, text }
}

/// Those who carry all of the values.
fn together(people: &People<'_>, combination: &Combination) -> BTreeSet<ProfileId> {
    let mut carriers = combination.tags.keys().map(|key| people.carriers(key).map(|(id, _)| id).collect());
    let first: BTreeSet<ProfileId> = carriers.next().unwrap_or_default();
    carriers.fold(first, |all, next| &all & &next)
}

/// Of each list, those who carry the first value that anyone does; of two lists, those who carry both.
fn first(people: &People<'_>, drafts: &Drafts, lists: &[Vec<Key>]) -> Result<BTreeSet<ProfileId>, Failure> {
    let carriers = |key: &Key| -> BTreeSet<ProfileId> {
        people.carriers(key).filter(|(_, sources)| drafts.places.accept(sources)).map(|(id, _)| id).collect()
    };
    let hits = lists
        .iter()
        .filter_map(|list| list.iter().map(|key| (key, carriers(key))).find(|(_, found)| !found.is_empty()));
    let hits: Vec<(&Key, BTreeSet<ProfileId>)> = hits.collect();
    if let [(_, only)] = hits.as_slice() {
        return Ok(only.clone());
    }
    let anyone: BTreeSet<ProfileId> = hits.iter().flat_map(|(_, found)| found).copied().collect();
    let carries_all = |id: &ProfileId| {
        // Asked of the profile itself: of a value that very many share not all carriers are known here.
        let carried = people.identities(*id);
        let counts = |key: &Key| Some(drafts.places.accept(carried?.get(key)?));
        hits.iter().all(|(key, _)| counts(key) == Some(true))
    };
    let both: BTreeSet<ProfileId> = anyone.iter().copied().filter(carries_all).collect();
    if both.is_empty() && !anyone.is_empty() {
        let ids: Vec<String> =
            hits.iter().filter_map(|(_, found)| found.first()).map(|id| drafts.name(*id)).collect();
        let ids = ids.join(" and ");
        return Err(Failure {
            code: Code::ConflictingMatch,
            field: None,
            text: format!("its e-mail and its phone belong to different profiles: {ids}"),
        });
    }
    Ok(both)
}

fn ambiguous(drafts: &Drafts, found: &BTreeSet<ProfileId>) -> Warning {
    let ids: Vec<String> = found.iter().map(|id| drafts.name(*id)).collect();
    Warning {
        code: Code::AmbiguousMatch,
        text: format!("{} profiles match, the oldest was taken: {}", found.len(), ids.join(", ")),
        field: None,
    }
}
