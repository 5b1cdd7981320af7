//! Jobs that are planned together must end as one after the other; or not be planned so.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::render;
use super::tables::Tables;
use super::{Request, catalog, header, request};
use crate::{Action, Header, MatchRule, Outcome};

/// As JSON for the product, each record.
fn rendered(request: &Request) -> Vec<Box<RawValue>> {
    request.records.iter().map(|record| render::record(record, request.scalars)).collect()
}

/// Requests that look in the same places; most of the few people that there are, are met by several.
fn alike() -> impl Strategy<Value = Vec<Request>> {
    (request(), vec(request(), 1..4)).prop_map(|(first, others)| {
        let like = |other: Request| Request {
            rule: first.rule.clone(),
            resource: first.resource,
            records: other.records.into_iter().take(2).collect(),
            ..other
        };
        std::iter::once(first.clone()).chain(others).map(like).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn jobs_together_end_as_one_after_the_other(before in vec(request(), 0..3), jobs in alike(), unique: bool) {
        let catalog = catalog(unique);
        let mut tables = Tables::default();
        for (number, request) in (0..).zip(&before) {
            let raw = rendered(request);
            let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
            tables.apply(&catalog, &request.header(number), 0, &raw);
        }
        let raw: Vec<Vec<Box<RawValue>>> = jobs.iter().map(rendered).collect();
        let jobs: Vec<(Header, Vec<&RawValue>)> = (10..)
            .zip(&jobs)
            .zip(&raw)
            .map(|((number, job), raw)| (job.header(number), raw.iter().map(AsRef::as_ref).collect()))
            .collect();
        let mut at_once = tables.clone();
        if let Some(outcomes) = at_once.apply_together(&catalog, &jobs) {
            let one_by_one: Vec<Vec<Outcome>> =
                jobs.iter().map(|(header, records)| tables.apply(&catalog, header, 0, records)).collect();
            prop_assert_eq!(outcomes, one_by_one);
            prop_assert_eq!(at_once.profiles, tables.profiles);
            prop_assert_eq!(at_once.identities, tables.identities);
        }
    }
}

fn applied(records: [Value; 2], rules: [MatchRule; 2]) -> Option<Vec<Vec<Outcome>>> {
    let catalog = catalog(false);
    let mut tables = Tables::default();
    let known = to_raw_value(&json!({"email": "p0@example.com", "phones": ["+79000000000"]})).unwrap();
    tables.apply(&catalog, &header(MatchRule::EmailProfile, 0, 1), 0, &[&known]);
    let raw = records.map(|record| to_raw_value(&record).unwrap());
    let [one, other] = rules;
    let jobs = [(header(one, 1, 1), vec![&*raw[0]]), (header(other, 2, 1), vec![&*raw[1]])];
    tables.apply_together(&catalog, &jobs)
}

#[test]
fn two_people_are_made_and_changed() {
    let outcomes = applied(
        [json!({"email": "p0@example.com", "_fname": "One"}), json!({"email": "p1@example.com"})],
        [MatchRule::EmailProfile, MatchRule::EmailProfile],
    );
    let actions: Vec<Action> = outcomes.unwrap().iter().map(|outcomes| outcomes[0].action).collect();
    assert_eq!(actions, [Action::Updated, Action::Created]);
}

#[test]
fn a_value_that_one_job_takes_from_its_holder_is_looked_up_anew_before_another_makes_a_profile_for_it() {
    // The first has its e-mail changed, found by its phone; the second means whoever has the e-mail then, of which nobody
    // has decided: somebody may have come to carry it meanwhile.
    let records =
        [json!({"email": "p9@example.com", "phones": ["+79000000000"]}), json!({"email": "p0@example.com"})];
    assert_eq!(applied(records, [MatchRule::EmailPhone, MatchRule::EmailProfile]), None);
}

#[test]
fn two_that_meet_one_profile_are_not_planned_together() {
    let records = [json!({"email": "p0@example.com", "_fname": "One"}), json!({"phones": ["+79000000000"]})];
    assert_eq!(applied(records, [MatchRule::EmailProfile, MatchRule::EmailPhone]), None);
}
