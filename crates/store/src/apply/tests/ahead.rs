//! Records that are read while those before them are applied: each once, and by what it is applied by.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use intake_types::catalog::Catalog;
use intake_types::{Action, Atlas, Header, MatchRule, Place};
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::apply::Chunk;
use crate::apply::ahead::while_reading_next;
use crate::fixture::{apply_all, catalog, fates, header, import_of, job_id};
use crate::testing::TestDatabase;
use crate::{Applied, Config, Error, Import, Store};

const CHUNK: u32 = 200;

/// Knows every address, and remembers for which it was asked: one for each record that is read.
#[derive(Debug, Default)]
struct Reader {
    read: Mutex<Vec<u32>>,
    /// Panics over this record.
    stumbles_at: OnceLock<u32>,
}

impl Atlas for Reader {
    fn place(&self, address: IpAddr) -> Option<Place> {
        let IpAddr::V4(address) = address else { return None };
        let index = address.to_bits() - Ipv4Addr::new(8, 8, 0, 0).to_bits();
        assert_ne!(self.stumbles_at.get(), Some(&index), "as was asked for");
        self.read.lock().unwrap().push(index);
        Some(Place { city: Some("Riga".to_owned()), ..Place::default() })
    }
}

impl Reader {
    fn stumbles_at(&self, index: u32) {
        self.stumbles_at.set(index).unwrap();
    }

    /// The records that were read since this was asked last, in order of position.
    fn read(&self) -> Vec<u32> {
        let mut read = std::mem::take(&mut *self.read.lock().unwrap());
        read.sort_unstable();
        read
    }

    fn until_read(&self, count: u32) {
        for _ in 0..30_000 {
            if self.read.lock().unwrap().len() >= usize::try_from(count).unwrap() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{:?} were read", self.read());
    }
}

/// Three chunks of people, and who knows which of them were read.
fn people(number: u64, told: impl FnOnce(&mut Header)) -> (Arc<Import>, Arc<Reader>) {
    let total = THIRD.end;
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

/// One that waits so many seconds for a lock.
fn patient(database: &TestDatabase, seconds: u32) -> Store {
    let config = database.config();
    let (statement, call) =
        (config.database_statement_timeout.max(seconds), config.database_call_timeout.max(seconds));
    Store::open(&Config {
        database_lock_timeout: seconds,
        database_statement_timeout: statement,
        database_call_timeout: call,
        ..config
    })
}

async fn apply(
    store: &Store,
    import: &Arc<Import>,
    by: &Arc<Catalog>,
    range: Range<u32>,
    next: Range<u32>,
) -> Result<Applied, Error> {
    store.apply(Arc::clone(import), Arc::clone(by), range, Some(next)).await
}

/// The records of so many chunks, from the one of this number on.
fn chunks(first: u32, count: u32) -> Vec<u32> {
    (first * CHUNK..(first + count) * CHUNK).collect()
}

const FIRST: Range<u32> = 0..CHUNK;
const SECOND: Range<u32> = CHUNK..2 * CHUNK;
const THIRD: Range<u32> = 2 * CHUNK..3 * CHUNK;

#[tokio::test]
async fn each_record_is_read_once_whoever_reads_it() {
    let database = TestDatabase::create();
    let store = database.store();
    for (number, validate_only) in [(1, true), (2, false)] {
        let (import, reader) = people(number, |header| header.validate_only = validate_only);
        apply_all(&store, &import, CHUNK).await;
        assert_eq!(reader.read(), chunks(0, 3));
        let outcomes = fates(&store, job_id(number)).await;
        assert!(outcomes.iter().all(|outcome| outcome.action == Action::Created));
        assert_eq!(outcomes.len(), chunks(0, 3).len());
    }
    let located = "SELECT count(*) FROM profiles WHERE fields ->> '_city' = 'Riga'";
    assert_eq!(database.scalar(located), i64::from(3 * CHUNK));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_chunk_is_read_while_one_waits_for_the_database() {
    let database = TestDatabase::create();
    let (store, mut other) = (patient(&database, 3000), database.connect());
    let (import, reader) = people(1, |_| ());
    store.register(&import.header).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE identities").unwrap();
    let first = tokio::spawn({
        let (store, import) = (store.clone(), Arc::clone(&import));
        async move { apply(&store, &import, &catalog(), FIRST, SECOND).await }
    });
    reader.until_read(2 * CHUNK);
    assert!(!first.is_finished());
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(first.await.unwrap().unwrap().next_index, CHUNK);
    assert_eq!(reader.read(), chunks(0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_ahead_is_kept_while_a_chunk_is_tried_again() {
    let database = TestDatabase::create();
    let (store, mut other, by) = (patient(&database, 1), database.connect(), catalog());
    let (import, reader) = people(1, |_| ());
    store.register(&import.header).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE identities").unwrap();
    assert!(apply(&store, &import, &by, FIRST, SECOND).await.unwrap_err().is_transient());
    assert_eq!(reader.read(), chunks(0, 2));
    other.batch_execute("ROLLBACK").unwrap();
    apply(&store, &import, &by, FIRST, SECOND).await.unwrap();
    assert_eq!(reader.read(), chunks(0, 1));
    apply(&store, &import, &by, SECOND, THIRD).await.unwrap();
    assert_eq!(reader.read(), chunks(2, 1));
}

#[tokio::test]
async fn what_is_not_applied_as_it_was_read_is_read_anew() {
    let database = TestDatabase::create();
    let (store, by) = (database.store(), catalog());
    let (import, reader) = people(1, |_| ());
    store.register(&import.header).await.unwrap();
    apply(&store, &import, &by, FIRST, SECOND).await.unwrap();
    assert_eq!(reader.read(), chunks(0, 2));

    // A smaller part of it, as one does that looks for what the database refuses.
    let middle = CHUNK * 3 / 2;
    apply(&store, &import, &by, CHUNK..middle, middle..2 * CHUNK).await.unwrap();
    assert_eq!(reader.read(), chunks(1, 1), "and the other half ahead");

    // Another catalogue, since something was declared.
    apply(&store, &import, &catalog(), middle..2 * CHUNK, THIRD).await.unwrap();
    assert_eq!(reader.read(), (middle..3 * CHUNK).collect::<Vec<_>>());
}

#[test]
fn who_reads_ahead_leaves_alone_what_is_about_to_be_taken() {
    let by = catalog();
    let (import, reader) = people(1, |_| ());
    let second = Chunk { next: Some(THIRD), ..Chunk::new(&import, &by, SECOND).unwrap() };
    import.ahead.put(&second, second.read(&[]));
    let is_there = while_reading_next(&second, || {
        reader.until_read(2 * CHUNK);
        import.ahead.take(&second).is_some()
    });
    assert!(is_there);
}

#[tokio::test]
async fn of_repeats_nothing_that_was_read_ahead_is_kept() {
    let database = TestDatabase::create();
    let (store, by) = (database.store(), catalog());
    // Where addresses are looked up, nothing is a repeat: they may be elsewhere now.
    let plain = |header: &mut Header| header.detect_geo = false;
    let (import, _) = people(1, plain);
    store.register(&import.header).await.unwrap();
    for (range, next) in [(FIRST, SECOND), (SECOND, THIRD)] {
        apply(&store, &import, &by, range, next).await.unwrap();
    }
    let (again, _) = people(2, plain);
    store.register(&again.header).await.unwrap();
    apply(&store, &again, &by, FIRST, SECOND).await.unwrap();
    let [second, third] = [SECOND, THIRD].map(|range| Chunk::new(&again, &by, range).unwrap());
    assert!(!again.ahead.holds(&second), "behind repeats it is not read");
    again.ahead.put(&second, second.read(&[]));
    apply(&store, &again, &by, SECOND, THIRD).await.unwrap();
    assert!(!again.ahead.holds(&second) && !again.ahead.holds(&third));
    apply(&store, &again, &by, THIRD, THIRD).await.unwrap();
    let outcomes = fates(&store, job_id(2)).await;
    let unchanged = outcomes.iter().take_while(|outcome| outcome.action == Action::Unchanged).count();
    assert_eq!((unchanged, outcomes.len()), (chunks(0, 2).len(), chunks(0, 3).len()));
}

#[tokio::test]
async fn what_cannot_be_read_ahead_fails_in_its_own_chunk() {
    let database = TestDatabase::create();
    let (store, by) = (database.store(), catalog());
    let (import, reader) = people(1, |_| ());
    store.register(&import.header).await.unwrap();
    reader.stumbles_at(CHUNK + 50);
    assert_eq!(apply(&store, &import, &by, FIRST, SECOND).await.unwrap().next_index, CHUNK);
    for _ in 0..2 {
        assert!(matches!(apply(&store, &import, &by, SECOND, THIRD).await, Err(Error::Panicked)));
    }
    let half = CHUNK..CHUNK + 50;
    assert_eq!(apply(&store, &import, &by, half.clone(), SECOND).await.unwrap().next_index, half.end);
}

#[tokio::test]
async fn a_later_part_of_a_stream_is_read_ahead_with_what_is_wrong_of_its_lines() {
    let (database, by) = (TestDatabase::create(), catalog());
    let store = database.store();
    let (whole, _) = people(1, |_| ());
    store.register(&whole.header).await.unwrap();
    apply(&store, &whole, &by, FIRST, SECOND).await.unwrap();
    let wrong = 2 * CHUNK + 1;
    let mut records: Vec<_> = whole.records.iter().skip(usize::try_from(CHUNK).unwrap()).cloned().collect();
    // As a line comes that is none.
    records[usize::try_from(wrong - CHUNK).unwrap()] = to_raw_value("{").unwrap();
    let unreadable = [(wrong, "this line is no JSON".to_owned())].into();
    let overlay = Arc::clone(&whole.overlay);
    let part = Arc::new(Import::new(whole.header.clone(), CHUNK, records, unreadable, overlay));
    apply(&store, &part, &by, SECOND, THIRD).await.unwrap();
    assert!(part.ahead.holds(&Chunk::new(&part, &by, THIRD).unwrap()));
    let last = store.apply(Arc::clone(&part), by, THIRD, None).await.unwrap();
    assert!(last.ended.is_some());
    let failed: Vec<_> =
        fates(&store, job_id(1)).await.into_iter().filter(|outcome| outcome.failure.is_some()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].index, wrong);
    let text = &failed[0].failure.as_ref().unwrap().text;
    assert!(text.contains("no JSON"), "{text}");
}
