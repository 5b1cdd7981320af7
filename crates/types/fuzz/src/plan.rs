//! Records, drafted and planned against an empty database: each has one outcome, which can be told and stored.

use std::collections::BTreeSet;

use intake_types::plan::ProfileRow;
use intake_types::{Action, Candidates, Drafts, Header, Key, Message, Outcome, Plan};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::world::{catalog, database};

/// Most characters of a text and of a path that a client is told.
const LONGEST_TEXT: usize = 2001;
const LONGEST_PATH: usize = 301;
/// Most bytes of a value that profiles are found by.
const LONGEST_KEY: usize = 256;

pub(crate) fn check(message: Message<'_>) {
    let (header, records) = message.into_parts();
    let records: Vec<&RawValue> = records.iter().map(AsRef::as_ref).collect();
    check_records(&header, &records);
}

/// Gives back the outcomes, which hold on their own.
pub(crate) fn check_records(header: &Header, records: &[&RawValue]) -> Vec<Outcome> {
    let drafts = Drafts::of(header, catalog(), database(), (0..).zip(records.iter().copied()), None);
    let keys = drafts.keys();
    assert!(keys.is_sorted() && keys.iter().collect::<BTreeSet<_>>().len() == keys.len());
    for key in &keys {
        assert!(key.value.len() <= LONGEST_KEY && !key.value.contains('\0'), "{key:?}");
    }
    let unique = drafts.unique_keys();
    let together: BTreeSet<&Key> =
        drafts.combinations().into_iter().flat_map(|all| all.tags.keys()).collect();
    let claims = drafts.unheld(database(), &[]);
    for claim in &claims {
        let key = &claim.row.key;
        let is_known = keys.contains(key) || unique.contains(key) || together.contains(key);
        assert!((is_known || !claim.decides) && !claim.row.sources.is_empty(), "{claim:?}");
    }
    let decided = claims.iter().filter(|claim| claim.decides).map(|claim| claim.row.key.clone()).collect();
    let rows = claims.into_iter().map(|claim| claim.row).collect();
    let candidates =
        Candidates::new(database(), &[], Vec::new(), rows, decided).expect("nobody changes meanwhile");
    let plan = Plan::of(database(), drafts, candidates);
    let outcomes: Vec<Outcome> = plan.shares.into_iter().flat_map(|share| share.outcomes).collect();
    assert_eq!(outcomes.len(), records.len());
    for (outcome, index) in outcomes.iter().zip(0..) {
        assert_eq!(outcome.index, index);
        check_outcome(outcome);
    }
    assert!(plan.updates.is_empty() && plan.touched.is_empty(), "the database is empty");
    for ProfileRow { fields, .. } in &plan.inserts {
        check_stored(fields);
    }
    for row in &plan.subscriptions {
        check_stored(&row.subscription.custom_fields);
    }
    outcomes
}

fn check_outcome(outcome: &Outcome) {
    let fits = |text: &str, longest| !text.contains('\0') && text.chars().count() <= longest;
    assert_eq!(outcome.failure.is_some(), outcome.action == Action::Failed, "{outcome:?}");
    assert_eq!(outcome.profile_id.is_none(), outcome.action == Action::Failed, "{outcome:?}");
    let failures = outcome.failure.iter().map(|failure| (&failure.text, &failure.field));
    let warnings = outcome.warnings.iter().map(|warning| (&warning.text, &warning.field));
    for (text, field) in failures.chain(warnings) {
        assert!(!text.is_empty() && fits(text, LONGEST_TEXT), "{outcome:?}");
        assert!(field.as_ref().is_none_or(|path| fits(path, LONGEST_PATH)), "{outcome:?}");
    }
    assert!(outcome.failure.as_ref().is_none_or(|failure| failure.code.number() >= 400), "{outcome:?}");
    assert!(outcome.warnings.len() <= 50, "{outcome:?}");
    assert!(outcome.reference.as_ref().is_none_or(|reference| fits(reference, 200)), "{outcome:?}");
}

/// What is stored can be: no U+0000 anywhere, and the same once it is read back.
fn check_stored(fields: &Map<String, Value>) {
    let text = serde_json::to_string(fields).expect("fields are writable");
    assert!(fields.iter().all(|(name, value)| !name.contains('\0') && is_storable(value)), "{text}");
    let read: Map<String, Value> = serde_json::from_str(&text).expect("what was written is readable");
    assert_eq!(&read, fields, "{text}");
}

fn is_storable(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(is_storable),
        Value::Object(members) => {
            members.iter().all(|(name, value)| !name.contains('\0') && is_storable(value))
        }
    }
}
