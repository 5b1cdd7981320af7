//! Records that are read while those before them are applied: each once, and by what it is applied by.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use intake_types::{Action, Atlas, Header, MatchRule, Place};
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::apply::Chunk;
use crate::fixture::{apply_all, catalog, fates, header, import_of, job_id};
use crate::testing::TestDatabase;
use crate::{Applied, Import, Store};

const CHUNK: u32 = 200;

/// Knows every address, and remembers for which it was asked: one for each record that is read.
#[derive(Debug, Default)]
struct Reader(Mutex<Vec<u32>>);

impl Atlas for Reader {
    fn place(&self, address: IpAddr) -> Option<Place> {
        let IpAddr::V4(address) = address else { return None };
        self.0.lock().unwrap().push(address.to_bits() - Ipv4Addr::new(8, 8, 0, 0).to_bits());
        Some(Place { city: Some("Riga".to_owned()), ..Place::default() })
    }
}

impl Reader {
    /// The records that were read since this was asked last, in order of position.
    fn read(&self) -> Vec<u32> {
        let mut read = std::mem::take(&mut *self.0.lock().unwrap());
        read.sort_unstable();
        read
    }

    async fn until_read(&self, count: u32) {
        for _ in 0..1000 {
            if self.0.lock().unwrap().len() >= usize::try_from(count).unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} were read", self.read());
    }
}

/// So many chunks of people, and who knows which of them were read.
fn people(number: u64, chunks: u32, told: impl FnOnce(&mut Header)) -> (Arc<Import>, Arc<Reader>) {
    let total = chunks * CHUNK;
    let mut header = header(number, MatchRule::Email, usize::try_from(total).unwrap());
    header.detect_geo = true;
    told(&mut header);
    let person = |index: u32| {
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(8, 8, 0, 0).to_bits() + index);
        to_raw_value(&json!({"email": format!("p{index}@example.com"), "_ip": address})).unwrap()
    };
    let mut import = Arc::into_inner(import_of(header, (0..total).map(person).collect())).unwrap();
    let reader = Arc::new(Reader::default());
    let atlas: Arc<Reader> = Arc::clone(&reader);
    import.atlas = Some(atlas);
    (Arc::new(import), reader)
}

async fn apply(store: &Store, import: &Arc<Import>, range: std::ops::Range<u32>) -> Applied {
    store.apply(Arc::clone(import), catalog(), range).await.unwrap()
}

#[tokio::test]
async fn each_record_is_read_once_whoever_reads_it() {
    let database = TestDatabase::create();
    let store = database.store();
    for (number, validate_only) in [(1, true), (2, false)] {
        let (import, reader) = people(number, 3, |header| header.validate_only = validate_only);
        apply_all(&store, &import, CHUNK).await;
        assert_eq!(reader.read(), (0..3 * CHUNK).collect::<Vec<_>>());
        let outcomes = fates(&store, job_id(number)).await;
        assert!(outcomes.iter().all(|outcome| outcome.action == Action::Created));
        assert_eq!(outcomes.len(), usize::try_from(3 * CHUNK).unwrap());
    }
    let located = "SELECT count(*) FROM profiles WHERE fields ->> '_city' = 'Riga'";
    assert_eq!(database.scalar(located), i64::from(3 * CHUNK));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_chunk_is_read_while_one_waits_for_the_database() {
    let database = TestDatabase::create();
    let (store, mut other) = (database.store(), database.connect());
    let (import, reader) = people(1, 3, |_| ());
    store.register(&import.header).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE identities").unwrap();
    let first = tokio::spawn({
        let (store, import) = (store.clone(), Arc::clone(&import));
        async move { apply(&store, &import, 0..CHUNK).await }
    });
    reader.until_read(2 * CHUNK).await;

    assert!(!first.is_finished());
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(first.await.unwrap().next_index, CHUNK);
    assert_eq!(reader.read(), (0..2 * CHUNK).collect::<Vec<_>>());
}

#[tokio::test]
async fn where_two_imports_are_applied_none_of_the_later_is_read_ahead() {
    let database = TestDatabase::create();
    let store = database.store();
    let ((import, _), (later, reader)) = (people(1, 3, |_| ()), people(2, 3, |_| ()));
    for import in [&import, &later] {
        store.register(&import.header).await.unwrap();
        apply(&store, import, 0..CHUNK).await;
    }
    assert_eq!(reader.read(), (0..CHUNK).collect::<Vec<_>>());
    // Once the other is done with.
    drop(import);
    apply(&store, &later, CHUNK..2 * CHUNK).await;
    assert_eq!(reader.read(), (CHUNK..3 * CHUNK).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_applied_as_it_was_read_is_read_anew() {
    let database = TestDatabase::create();
    let store = database.store();
    let (import, reader) = people(1, 3, |_| ());
    store.register(&import.header).await.unwrap();
    let by = catalog();
    store.apply(Arc::clone(&import), Arc::clone(&by), 0..CHUNK).await.unwrap();
    assert_eq!(reader.read(), (0..2 * CHUNK).collect::<Vec<_>>());

    // A smaller part of it, as one does that looks for what the database refuses.
    let half = CHUNK..CHUNK * 3 / 2;
    store.apply(Arc::clone(&import), Arc::clone(&by), half.clone()).await.unwrap();
    assert_eq!(reader.read(), (half.start..2 * CHUNK).collect::<Vec<_>>(), "and the other half ahead");

    // Another catalogue, since something was declared.
    let other = CHUNK * 3 / 2..2 * CHUNK;
    store.apply(Arc::clone(&import), catalog(), other.clone()).await.unwrap();
    assert_eq!(reader.read(), (other.start..other.end + CHUNK / 2).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_comes_after_repeats_is_not_read() {
    let database = TestDatabase::create();
    let (store, by) = (database.store(), catalog());
    // Where addresses are looked up, nothing is a repeat: they may be elsewhere now.
    for (number, is_ahead) in [(1, true), (2, false)] {
        let (import, _) = people(number, 2, |header| header.detect_geo = false);
        store.register(&import.header).await.unwrap();
        store.apply(Arc::clone(&import), Arc::clone(&by), 0..CHUNK).await.unwrap();
        let rest = Chunk::new(&import, &by, CHUNK..2 * CHUNK).unwrap();
        assert_eq!(import.ahead.take(&rest).is_some(), is_ahead);
        store.apply(Arc::clone(&import), Arc::clone(&by), CHUNK..2 * CHUNK).await.unwrap();
    }
}
