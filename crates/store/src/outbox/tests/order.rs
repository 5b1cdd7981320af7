//! Several relays at once, over imports at once: the events of a profile are sent in the order of its changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use intake_types::MatchRule;
use serde_json::{Value, json};

use super::{Limits, events};
use crate::fixture::{apply_all, import, job_id};
use crate::testing::TestDatabase;
use crate::{Dispatch, Store};

const PEOPLE: usize = 12;
const IMPORTS: u64 = 24;
const RELAYS: u32 = 3;

/// The numbers that each profile had one after the other, as a trigger saw them under the lock of the row.
fn written(database: &TestDatabase) -> BTreeMap<String, Vec<String>> {
    let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in
        database.texts("SELECT replace(id::text, '-', '') || ' ' || number FROM seen ORDER BY position")
    {
        let (id, number) = line.split_once(' ').unwrap();
        written.entry(id.to_owned()).or_default().push(number.to_owned());
    }
    written
}

fn watch(database: &TestDatabase) {
    database.execute("CREATE TABLE seen (position bigserial, id uuid, number text)");
    database.execute(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN INSERT INTO seen (id, number) VALUES (new.id, new.fields ->> 'number'); RETURN NULL; END$$",
    );
    database
        .execute("CREATE TRIGGER see AFTER INSERT OR UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION see()");
}

/// An event that arrived, and whether the broker said so.
type Arrived = (Value, bool);

/// A broker that takes its time, refuses, and sometimes takes a message without saying so.
fn publisher(
    sent: Arc<Mutex<Vec<Arrived>>>,
    mut dice: u32,
) -> impl FnMut(Dispatch) -> Result<(), ()> + Send + 'static {
    move |dispatch| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::thread::sleep(Duration::from_millis(u64::from(dice >> 28)));
        let (arrives, confirmed) = match (dice >> 20) % 8 {
            0 => (false, false),
            1 => (true, false),
            _ => (true, true),
        };
        if arrives {
            sent.lock().unwrap().extend(events(&dispatch).into_iter().map(|event| (event, confirmed)));
        }
        if confirmed { Ok(()) } else { Err(()) }
    }
}

/// Relays until all imports are done and nothing waits.
async fn relay(store: Store, sent: Arc<Mutex<Vec<Arrived>>>, number: u32, done: Arc<AtomicBool>) {
    let (mut after, mut round) = (-1, number * 1000);
    loop {
        let over = done.load(Ordering::SeqCst);
        round += 1;
        let publish = publisher(Arc::clone(&sent), round.wrapping_mul(2_654_435_769));
        match store.relay(after, Limits { rows: 3, bytes: 1 << 20 }, publish).await.unwrap() {
            Some(relayed) => after = relayed.strand,
            None if over => return,
            None => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rival_relays_keep_the_order_of_each_profile() {
    let database = TestDatabase::create();
    watch(&database);
    let mut config = database.config();
    config.database_pool = 12;
    let store = Store::open(&config);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::default();
    let relays: Vec<_> = (0..RELAYS)
        .map(|number| tokio::spawn(relay(store.clone(), Arc::clone(&sent), number, Arc::clone(&done))))
        .collect();
    let imports: Vec<_> = (0..IMPORTS)
        .map(|job| {
            let person = |n: usize| json!({"email": format!("p{n}@example.com"), "number": job});
            let import = import(job, MatchRule::Email, &(0..PEOPLE).map(person).collect::<Vec<_>>());
            let store = store.clone();
            tokio::spawn(async move {
                apply_all(&store, &import, [12, 5, 2][usize::try_from(job % 3).unwrap()]).await
            })
        })
        .collect();
    for import in imports {
        import.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for relay in relays {
        relay.await.unwrap();
    }

    let jobs: BTreeMap<String, String> =
        (0..IMPORTS).map(|job| (job_id(job).to_string(), job.to_string())).collect();
    let (mut known, mut told, mut ended) = (HashSet::new(), BTreeMap::<String, Vec<String>>::new(), 0);
    let sent = sent.lock().unwrap();
    let mut confirmed = HashSet::new();
    for (event, is_confirmed) in sent.iter() {
        assert!(!confirmed.contains(&event["id"]), "sent again although it was confirmed: {event}");
        if *is_confirmed {
            confirmed.insert(&event["id"]);
        }
        if !known.insert(&event["id"]) {
            continue;
        }
        let subject = event["subject"].as_str().unwrap().to_owned();
        let job = jobs[event["data"]["job_id"].as_str().unwrap()].clone();
        if event["type"] == "job.completed" {
            ended += 1;
        } else {
            told.entry(subject).or_default().push(job);
        }
    }
    assert!(sent.len() > known.len(), "the broker was meant to make repeats");
    assert_eq!(ended, IMPORTS);
    assert_eq!(told.len(), PEOPLE);
    assert_eq!(told, written(&database));
}
