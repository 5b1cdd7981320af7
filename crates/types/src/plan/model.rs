//! The plan against a naive model: batches in chunks through identities and claims must end as one record at a time
//! over a plain list of profiles does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Candidates, Holder, Plan};
use crate::catalog::{Catalog, Declaration};
use crate::{
    Action, Code, DatabaseId, Draft, Drafts, Header, JobId, JobKey, Key, MatchRule, Nulls, Outcome, Profile,
    ProfileId, ResourceId, Sources, UnknownFields,
};

fn catalog() -> Catalog {
    let declaration: Declaration = serde_json::from_value(json!({
        "databases": [{"id": 1, "name": "Model", "fields": [
            {"name": "number", "type": "int", "matchable": true},
            {"name": "code", "type": "string", "matchable": true, "unique": true},
        ]}],
        "resources": [
            {"id": 28, "name": "News", "databases": [1], "channels": ["email", "sms"], "categories": ["a", "b"]},
            {"id": 29, "name": "Alerts", "databases": [1], "channels": ["email", "sms"]},
        ],
        "accounts": [],
    }))
    .unwrap();
    Catalog::default().declare(&declaration).unwrap().0
}

fn header(rule: MatchRule, job: u64, total: usize) -> Header {
    let key = JobKey::new(b"a key for the model's jobs").unwrap();
    Header {
        job_id: JobId::mint(1_700_000_000_000_000_000 + job * 1_000_000, job, "model", &key),
        account: "model".to_owned(),
        db_id: DatabaseId(1),
        rule,
        total: u32::try_from(total).unwrap(),
        resource_id: None,
        default_value: None,
        unknown_fields: UnknownFields::Reject,
        nulls: Nulls::Clear,
        skip_invalid_subscriptions: false,
        skip_triggers: false,
        detect_geo: false,
        external_id: None,
        warnings: Vec::new(),
    }
}

/// What the two tables hold, and nothing cleverer.
#[derive(Default)]
struct Tables {
    profiles: BTreeMap<ProfileId, Profile>,
    identities: BTreeMap<(Key, ProfileId), Sources>,
}

impl Tables {
    fn holders(&self, keys: &[Key], drafts: &Drafts) -> Vec<Holder> {
        let rows = self
            .identities
            .iter()
            .filter(|((key, _), sources)| keys.contains(key) && drafts.accepts(sources));
        rows.map(|((key, profile_id), sources)| Holder {
            key: key.clone(),
            profile_id: *profile_id,
            sources: sources.clone(),
        })
        .collect()
    }

    fn apply(
        &mut self,
        catalog: &Catalog,
        header: &Header,
        first: u32,
        records: &[&RawValue],
    ) -> Vec<Outcome> {
        let database = &catalog.databases[&DatabaseId(1)];
        let drafts = Drafts::of(header, catalog, database, first, records);
        let holders = self.holders(&drafts.keys(), &drafts);
        let claims = drafts.unheld(database, &holders);
        for claim in &claims {
            self.identities.insert((claim.key.clone(), claim.profile_id), claim.sources.clone());
        }
        let ids: Vec<ProfileId> = holders.iter().map(|holder| holder.profile_id).collect();
        let loaded = self.profiles.values().filter(|profile| ids.contains(&profile.id)).cloned().collect();
        let candidates = Candidates::new(database, &holders, loaded, claims).unwrap();
        let plan = Plan::of(database, drafts, candidates);
        self.write(&plan);
        plan.outcomes
    }

    fn write(&mut self, plan: &Plan) {
        for row in &plan.inserts {
            let known = self.profiles.insert(row.id, Profile::empty(row.id));
            assert!(known.is_none(), "a new profile has a new id");
        }
        for row in plan.inserts.iter().chain(&plan.updates) {
            self.profiles.get_mut(&row.id).unwrap().fields.clone_from(&row.fields);
        }
        for row in &plan.subscriptions {
            let kept = &mut self.profiles.get_mut(&row.profile_id).unwrap().subscriptions;
            let known = kept.iter().position(|known| known.is_same(&row.subscription));
            assert_eq!(known.is_none(), row.is_new);
            match known {
                Some(position) => kept[position] = row.subscription.clone(),
                None => kept.push(row.subscription.clone()),
            }
        }
        for row in &plan.identities.added {
            let known = self.identities.insert((row.key.clone(), row.profile_id), row.sources.clone());
            assert!(known.is_none(), "added means new");
        }
        for row in &plan.identities.moved {
            let known = self.identities.insert((row.key.clone(), row.profile_id), row.sources.clone());
            assert!(known.is_some(), "moved means known");
        }
        for released in &plan.identities.released {
            assert!(self.identities.remove(released).is_some(), "released means known");
        }
    }
}

/// One record at a time over all profiles there are.
#[derive(Default)]
struct Naive {
    profiles: BTreeMap<ProfileId, Profile>,
}

impl Naive {
    fn apply(&mut self, catalog: &Catalog, header: &Header, draft: &Draft) -> (Action, Option<ProfileId>) {
        let database = &catalog.databases[&DatabaseId(1)];
        let places = header.rule.places(header.resource_id);
        let carries = |profile: &Profile, key: &Key| {
            profile
                .identities(database)
                .get(key)
                .is_some_and(|sources| places.as_ref().is_none_or(|places| !places.is_disjoint(sources)))
        };
        let target = draft
            .match_keys
            .iter()
            .find_map(|key| self.profiles.values().find(|profile| carries(profile, key)))
            .map(|profile| profile.id);
        let taken = draft.unique_keys.iter().any(|(key, _)| {
            let mut owners =
                self.profiles.values().filter(|profile| profile.identities(database).contains_key(key));
            owners.any(|owner| Some(owner.id) != target)
        });
        if taken {
            return (Action::Failed, None);
        }
        let id = target.unwrap_or_else(|| ProfileId::made_by(header.job_id, draft.index));
        let mut profile = self.profiles.get(&id).cloned().unwrap_or_else(|| Profile::empty(id));
        draft.apply_to(&mut profile);
        let action = match self.profiles.get(&id) {
            None => Action::Created,
            Some(known) if *known == profile => Action::Unchanged,
            Some(_) => Action::Updated,
        };
        self.profiles.insert(id, profile);
        (action, Some(id))
    }
}

fn subscription() -> impl Strategy<Value = Value> {
    let resource = prop_oneof![Just(28), Just(29)];
    let contact = prop_oneof![
        (0..4_u8).prop_map(|who| json!({"channel": "email", "email": format!("p{who}@example.com")})),
        (0..3_u8).prop_map(|who| json!({"channel": "sms", "phone": format!("+7900000000{who}")})),
    ];
    (resource, contact, proptest::option::of(0..7_i8)).prop_map(|(resource, mut subscription, status)| {
        subscription["resource_id"] = json!(resource);
        if let Some(status) = status {
            subscription["status"] = json!(status);
        }
        subscription
    })
}

fn record() -> impl Strategy<Value = Value> {
    let email = prop_oneof![
        4 => (0..4_u8).prop_map(|who| json!(format!("P{who}@Example.com"))),
        1 => Just(Value::Null),
        1 => Just(json!("not an address")),
    ];
    let number = prop_oneof![(0..4_u8).prop_map(|n| json!(n)), (0..4_u8).prop_map(|n| json!(n.to_string()))];
    (
        proptest::option::of(email),
        proptest::option::weighted(0.6, number),
        proptest::option::weighted(0.2, (0..3_u8).prop_map(|n| json!(format!("c{n}")))),
        proptest::option::weighted(0.5, (0..3_u8).prop_map(|n| json!(format!("name {n}")))),
        proptest::option::weighted(0.3, proptest::collection::vec(subscription(), 0..3)),
    )
        .prop_map(|(email, number, code, name, subscriptions)| {
            let members = [
                ("email", email),
                ("number", number),
                ("code", code),
                ("_fname", name),
                ("subscriptions", subscriptions.map(Value::Array)),
            ];
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        })
}

fn rule() -> impl Strategy<Value = MatchRule> {
    prop_oneof![
        Just(MatchRule::Email),
        Just(MatchRule::EmailProfile),
        Just(MatchRule::Custom { field: "number".to_owned() }),
        Just(MatchRule::Custom { field: "code".to_owned() }),
    ]
}

/// A request: its rule, its records, the size of the chunks that it is applied in, and a resource to narrow by.
fn batch() -> impl Strategy<Value = (MatchRule, Vec<Value>, usize, Option<i32>)> {
    let resource = proptest::option::weighted(0.2, prop_oneof![Just(28), Just(29)]);
    (rule(), proptest::collection::vec(record(), 1..12), 1..6_usize, resource)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_end_as_one_record_at_a_time(batches in proptest::collection::vec(batch(), 1..5)) {
        let catalog = catalog();
        let database = &catalog.databases[&DatabaseId(1)];
        let (mut tables, mut naive) = (Tables::default(), Naive::default());
        for (job, (rule, records, chunk, resource)) in batches.into_iter().enumerate() {
            let mut header = header(rule, u64::try_from(job).unwrap(), records.len());
            header.resource_id = resource.map(ResourceId);
            let raw: Vec<Box<RawValue>> = records.iter().map(|record| to_raw_value(record).unwrap()).collect();
            let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
            let mut outcomes = Vec::new();
            for (position, chunk_of) in raw.chunks(chunk).enumerate() {
                let first = u32::try_from(position * chunk).unwrap();
                outcomes.extend(tables.apply(&catalog, &header, first, chunk_of));
            }
            prop_assert_eq!(outcomes.len(), records.len());
            for (index, (record, outcome)) in raw.iter().zip(&outcomes).enumerate() {
                let index = u32::try_from(index).unwrap();
                prop_assert_eq!(outcome.index, index);
                let read = Drafts::of(&header, &catalog, database, index, &[*record]);
                let Some(draft) = read.valid.first() else {
                    prop_assert_eq!(outcome, &read.refused[0]);
                    continue;
                };
                let (action, profile_id) = naive.apply(&catalog, &header, draft);
                prop_assert_eq!((outcome.action, outcome.profile_id), (action, profile_id));
            }
            prop_assert_eq!(&tables.profiles, &naive.profiles);
            let carried: BTreeMap<(Key, ProfileId), Sources> = naive.profiles.values().flat_map(|profile| {
                profile.identities(database).into_iter().map(|(key, sources)| ((key, profile.id), sources))
            }).collect();
            prop_assert_eq!(&tables.identities, &carried);
        }
    }
}

#[test]
fn a_profile_that_changed_since_it_was_looked_up_sends_its_keys_back() {
    let catalog = catalog();
    let database = &catalog.databases[&DatabaseId(1)];
    let id = ProfileId(Uuid::from_u128(1));
    let key = Key::new(crate::Kind::EMAIL, "p0@example.com");
    let holder =
        Holder { key: key.clone(), profile_id: id, sources: Sources::from([crate::Source::Profile]) };
    let gone = Candidates::new(database, std::slice::from_ref(&holder), vec![Profile::empty(id)], Vec::new());
    assert_eq!(gone.unwrap_err(), std::slice::from_ref(&key));

    // It still carries the value, but where it may not count: whoever matches by it has to claim it first.
    let moved =
        json!({"subscriptions": [{"channel": "email", "resource_id": 28, "email": "p0@example.com"}]});
    let raw = to_raw_value(&moved).unwrap();
    let drafts = Drafts::of(&header(MatchRule::Email, 0, 1), &catalog, database, 0, &[&raw]);
    let mut profile = Profile::empty(id);
    drafts.valid[0].apply_to(&mut profile);
    let moved = Candidates::new(database, &[holder], vec![profile], Vec::new());
    assert_eq!(moved.unwrap_err(), [key]);
}

#[test]
fn several_matches_take_the_oldest_and_say_so() {
    let catalog = catalog();
    let mut tables = Tables::default();
    let twins =
        [json!({"number": 1, "email": "p0@example.com"}), json!({"number": 2, "email": "p0@example.com"})];
    let both = header(MatchRule::Custom { field: "number".to_owned() }, 0, 2);
    let raw = twins.map(|record| to_raw_value(&record).unwrap());
    let made = tables.apply(&catalog, &both, 0, &[&raw[0], &raw[1]]);
    let meant = to_raw_value(&json!({"email": "p0@example.com", "_fname": "One"})).unwrap();
    let met = tables.apply(&catalog, &header(MatchRule::Email, 1, 1), 0, &[&meant]);
    assert_eq!((met[0].action, met[0].profile_id), (Action::Updated, made[0].profile_id));
    assert_eq!(met[0].warnings[0].code, Code::AmbiguousMatch);
}
