//! A dry run against the real one: of any batches, in chunks of any sizes, it foretells record by record what the real run
//! then does, with the same failures and warnings.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::tables::{Tables, in_profiles};
use super::{catalog, render, request};
use crate::catalog::Catalog;
use crate::plan::{Forecast, Overlay};
use crate::{Code, DatabaseId, Drafts, Header, Outcome, Places, ProfileId};

/// A dry run over tables that it cannot write to.
struct DryRun<'a> {
    tables: &'a Tables,
    catalog: &'a Catalog,
    header: &'a Header,
    overlay: Overlay,
}

impl DryRun<'_> {
    fn run(&mut self, records: &[&RawValue], chunk: usize) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        while outcomes.len() < records.len() {
            let end = (outcomes.len() + chunk).min(records.len());
            let more = self.step(u32::try_from(outcomes.len()).unwrap(), &records[outcomes.len()..end]);
            assert!(!more.is_empty(), "each step goes on");
            outcomes.extend(more);
        }
        outcomes
    }

    fn step(&mut self, first: u32, records: &[&RawValue]) -> Vec<Outcome> {
        let Self { tables, catalog, header, overlay } = self;
        let database = &catalog.databases[&DatabaseId(1)];
        let drafts = Drafts::of(header, catalog, database, (first..).zip(records.iter().copied()), None);
        let look_up = |keys: &[_], places: &Places| {
            overlay.holders(database, tables.carriers(keys, places), keys, places, u32::MAX)
        };
        let mut holders = look_up(&drafts.keys(), drafts.places());
        holders.extend(look_up(&drafts.unique_keys(), &in_profiles()));
        for combination in drafts.combinations() {
            let found = tables.together(combination);
            holders.extend(overlay.holders_together(database, &found, combination, u32::MAX));
        }
        let unknown = overlay.unknown(&drafts, &holders);
        let read =
            tables.profiles.values().filter(|profile| unknown.contains(&profile.id)).cloned().collect();
        let candidates = overlay.candidates(database, &drafts, &holders, read).unwrap();
        let forecast = Forecast::of(database, drafts, candidates);
        let layer = overlay.layer(database, &forecast);
        assert_eq!(layer.warning(), None);
        overlay.put(layer);
        forecast.outcomes
    }
}

/// The outcome of a real run as a dry run tells it: profiles that the job makes are called by their records.
fn foretold(mut outcome: Outcome, header: &Header) -> Outcome {
    outcome.profile_id = outcome.profile_id.filter(|id| id.maker(header.job_id).is_none());
    let texts = outcome.warnings.iter_mut().map(|warning| &mut warning.text);
    // An id that the record itself has sent is told as it is.
    let failure = outcome.failure.as_mut().filter(|failure| failure.code != Code::ProfileNotFound);
    for text in texts.chain(failure.map(|failure| &mut failure.text)) {
        for index in 0..header.total {
            let id = ProfileId::made_by(header.job_id, index).to_string();
            *text = text.replace(&id, &format!("of record {index}"));
        }
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_dry_run_foretells_what_a_real_run_does(
        requests in vec((request(), 1..6_usize), 1..5), unique: bool,
    ) {
        let catalog = catalog(unique);
        let mut tables = Tables::default();
        for (job, (request, chunk)) in (0..).zip(&requests) {
            let header = request.header(job);
            let raw: Vec<Box<RawValue>> =
                request.records.iter().map(|rec| render::record(rec, request.scalars)).collect();
            let raw: Vec<&RawValue> = raw.iter().map(AsRef::as_ref).collect();
            let dry = Header { validate_only: true, ..header.clone() };
            let mut dry_run =
                DryRun { tables: &tables, catalog: &catalog, header: &dry, overlay: Overlay::new(1 << 20) };
            let told = dry_run.run(&raw, *chunk);
            let mut done = Vec::new();
            for (position, records) in raw.chunks(request.chunk).enumerate() {
                let first = u32::try_from(position * request.chunk).unwrap();
                done.extend(tables.apply(&catalog, &header, first, records));
            }
            let done: Vec<Outcome> = done.into_iter().map(|outcome| foretold(outcome, &header)).collect();
            prop_assert_eq!(told, done, "{} in chunks of {}: {:?}", header.rule.word(), chunk, raw);
        }
    }
}
