//! A small catalogue and imports for it, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use intake_types::catalog::{Account, Catalog, Declaration};
use intake_types::plan::Overlay;
use intake_types::{
    Action, DatabaseId, Entry, Header, JobId, JobKey, MatchRule, Nulls, Operation, Outcome, RequestKey,
    ResourceId, Stamp, UnknownFields, Warning,
};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::{Excerpt, Import, Reserved, Store};

pub(crate) const DATABASE: DatabaseId = DatabaseId(1);

pub(crate) fn declaration() -> Value {
    json!({
        "databases": [
            {"id": 1, "name": "One", "fields": [
                {"name": "number", "type": "int", "matchable": true},
                {"name": "code", "type": "string", "matchable": true, "unique": true},
                {"name": "city", "type": "string"},
                {"name": "plan", "type": "enum", "values": ["free", "pro"]},
                {"name": "tags", "type": "tags", "matchable": true},
            ]},
            {"id": 2, "name": "Two"},
        ],
        "resources": [{
            "id": 28, "name": "News", "databases": [1], "channels": ["email", "sms"], "categories": ["a", "b"],
            "fields": [{"name": "source", "type": "string"}, {"name": "hits", "type": "int"}],
        }],
        "accounts": [
            {"name": "demo", "databases": [1, 2], "tokens": ["a-token-of-the-demo"]},
            {"name": "other", "databases": [2]},
        ],
    })
}

pub(crate) fn read(declaration: Value) -> Declaration {
    serde_json::from_value(declaration).unwrap()
}

/// The catalogue, with e-mails that no two profiles of database 1 may share.
pub(crate) fn strict_catalog() -> Arc<Catalog> {
    let mut declaration = declaration();
    declaration["databases"][0]["unique"] = json!(["email"]);
    Arc::new(Catalog::default().declare(&read(declaration)).unwrap().0)
}

pub(crate) fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::default().declare(&read(declaration())).unwrap().0)
}

pub(crate) fn account(name: &str) -> Account {
    catalog().accounts[name].clone()
}

pub(crate) fn job_id(number: u64) -> JobId {
    let key = JobKey::new(b"a secret of the store's tests").unwrap();
    JobId::mint(1_700_000_000_000_000_000 + number * 1_000_000, number, "demo", &key)
}

/// Reserves a key of the account `demo`, as its gateway does that takes a request.
pub(crate) async fn reserve(store: &Store, number: u64, key: &RequestKey) -> Reserved {
    let job_id = job_id(number);
    store.reserve("demo", key, job_id, Stamp::of(job_id)).await.unwrap()
}

pub(crate) fn header(job: u64, rule: MatchRule, total: usize) -> Header {
    Header {
        job_id: job_id(job),
        account: "demo".to_owned(),
        db_id: DATABASE,
        operation: Operation::Import,
        rule,
        match_values: serde_json::Map::new(),
        resource_id: None::<ResourceId>,
        total: u32::try_from(total).unwrap(),
        unknown_fields: UnknownFields::Reject,
        nulls: Nulls::Clear,
        skip_invalid_subscriptions: false,
        skip_triggers: false,
        detect_geo: false,
        external_id: None,
        validate_only: false,
        callback_url: None,
        request_key: None,
        retry_of: None,
        begins_at: 0,
        streamed: false,
        order: None,
        warnings: Vec::<Warning>::new(),
    }
}

pub(crate) fn import(job: u64, rule: MatchRule, records: &[Value]) -> Arc<Import> {
    let header = header(job, rule, records.len());
    import_of(header, records.iter().map(|record| to_raw_value(record).unwrap()).collect())
}

pub(crate) fn import_of(header: Header, records: Vec<Box<RawValue>>) -> Arc<Import> {
    let overlay = Arc::new(Mutex::new(Overlay::new(1 << 20)));
    Arc::new(Import::new(header, 0, records, BTreeMap::new(), overlay))
}

pub(crate) fn email(name: &str) -> Value {
    json!({"email": format!("{name}@example.com")})
}

/// Registers a job and applies it in chunks; transient errors are tried again, as a worker would.
pub(crate) async fn apply_all(store: &Store, import: &Arc<Import>, chunk: u32) -> u32 {
    apply_by(store, &catalog(), import, chunk).await
}

/// As [`apply_all`], by another catalogue.
pub(crate) async fn apply_by(store: &Store, catalog: &Arc<Catalog>, import: &Arc<Import>, chunk: u32) -> u32 {
    let mut next = store.register(&import.header).await.unwrap().next_index;
    let mut retries = 0;
    while next < import.header.total {
        let range = next..(next + chunk).min(import.header.total);
        let after = range.end..(range.end + chunk).min(import.header.total);
        let after = Some(after).filter(|after| !after.is_empty());
        match store.apply(Arc::clone(import), Arc::clone(catalog), range, after).await {
            Ok(applied) => next = applied.next_index,
            Err(error) if error.is_transient() && retries < 100 => retries += 1,
            Err(error) => panic!("{error}"),
        }
    }
    retries
}

/// All entries of an excerpt, however many portions they come in; `None` where a job has expired.
pub(crate) async fn entries(store: &Store, mut excerpt: Excerpt) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    loop {
        let portion = store.results(excerpt.clone()).await.unwrap()?;
        entries.extend(portion.entries);
        match portion.next_index {
            Some(next) => excerpt.range.start = next,
            None => return Some(entries),
        }
    }
}

/// All that became of the records of a job of account "demo" so far.
pub(crate) async fn fates(store: &Store, job_id: JobId) -> Vec<Outcome> {
    let entry = store.status(&account("demo"), job_id).await.unwrap().unwrap().ledger.unwrap();
    let excerpt = Excerpt {
        db_id: entry.db_id,
        job_id,
        range: 0..entry.tally.processed(),
        only: Action::ALL.to_vec(),
        with_records: false,
    };
    entries(store, excerpt).await.unwrap().into_iter().map(|entry| entry.outcome).collect()
}
