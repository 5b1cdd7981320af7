//! The measurements.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use intake_broker::Outgoing;
use intake_tests::Process;
use intake_types::wire::{self, Format, Limits};
use intake_types::{Batch, JobId, JobKey, Operation};
use serde_json::{Value, json};

use crate::config::{Config, Part};
use crate::copies;
use crate::figures::Figures;
use crate::installation::Installation;
use crate::limit;
use crate::people::{BATCH, Crowd, body};

/// Requests of ten records.
const SMALL: u32 = 1000;
const CLIENTS: usize = 16;
/// Batches whose latency is measured in a round: of 10,000 records, of ten.
const LATENCIES: (u32, u32) = (10, 200);
/// Batches for each way of matching.
const MODE_BATCHES: u32 = 3;

/// The name of the first crowd of those of which there are many.
const FIRST_COPY: u32 = 30;

fn email() -> Value {
    json!({"matching": "email"})
}

/// Measures everything once, or those parts that are asked for.
pub(crate) fn round(config: &Config, round: u64, figures: &mut Figures) {
    let people = Crowd { name: 10, seed: round };
    let bodies = people.batches(config.batches, &email());
    let profiles = f64::from(config.batches * BATCH);
    let installation = Installation::start(1);
    let timed = installation.apply(&bodies);
    figures.add("create", profiles / timed.seconds);
    figures.add("accept", profiles / timed.cpu_seconds);
    memory(&installation, figures);
    if config.measures(Part::Accept) {
        figures.add("accept_alone", accept_alone(&installation, &bodies));
    }
    if config.measures(Part::Limit) {
        figures.add("limit", limit::measure(&config.psql, &installation.database));
    }
    if config.measures(Part::Again) {
        figures.add("unchanged", profiles / installation.apply(&bodies).seconds);
        let changes = people.changes(config.batches, &email());
        figures.add("update", profiles / installation.apply(&changes).seconds);
    }
    if config.measures(Part::Small) {
        small(&installation, figures);
    }
    if config.measures(Part::Latency) {
        latency(&installation, figures);
    }
    if config.measures(Part::Modes) {
        modes(&installation, figures);
    }
    if config.measures(Part::Beside) {
        beside(&installation, config.batches, figures);
    }
    drop(installation);
    if config.measures(Part::TwoWorkers) {
        figures.add("two_workers", profiles / Installation::start(2).apply(&bodies).seconds);
    }
}

/// What it costs those that come and those that change that so many profiles are there, in hundreds of thousands.
pub(crate) fn large(config: &Config, figures: &mut Figures) {
    let installation = Installation::start(1);
    installation.apply(&Crowd { name: FIRST_COPY, seed: 0 }.batches(10, &email()));
    copies::make(&installation.database, FIRST_COPY, config.large);
    let profiles = f64::from(config.batches * BATCH);
    let others = Crowd { name: 21, seed: 1 }.batches(config.batches, &email());
    figures.add("create_large", profiles / installation.apply(&others).seconds);
    // Of each copy some, so that they are anywhere in the tables.
    let scattered = |number| Crowd { name: FIRST_COPY + number % config.large, seed: 2 }.change(number);
    let batch = |batch: u32| body((batch * BATCH..(batch + 1) * BATCH).map(scattered).collect(), &email());
    let changes: Vec<_> = (0..config.batches).map(batch).collect();
    figures.add("update_large", profiles / installation.apply(&changes).seconds);
}

fn memory(installation: &Installation, figures: &mut Figures) {
    let mebibytes = |process: &Process| f64::from(u32::try_from(process.peak_memory()).unwrap_or(u32::MAX));
    figures.add("gateway_memory", mebibytes(&installation.gateway));
    for worker in &installation.workers {
        figures.add("worker_memory", mebibytes(worker));
    }
}

/// Records per second of one core, for what cannot be left out of accepting them.
fn accept_alone(installation: &Installation, bodies: &[Vec<u8>]) -> f64 {
    let store = installation.database.store();
    let catalog = installation.runtime.block_on(store.catalog()).expect("there is a catalogue");
    let (account, database) = (&catalog.accounts["shop"], catalog.databases.values().next());
    let database = database.expect("there is a database");
    let job = JobId::mint(
        0,
        0,
        &account.name,
        &JobKey::new(b"a key for the bench only").expect("it is long enough"),
    );
    let (start, mut records) = (Instant::now(), 0);
    for body in bodies {
        let envelope = wire::read(Format::Json, body, &Limits::default()).expect("it can be read");
        let batch = Batch::check(envelope, Operation::Import, &catalog, account, database);
        let batch = batch.expect("it is accepted");
        records += batch.total();
        let message = batch.into_message(job, &account.name);
        black_box(Outgoing::compress("a job", &message.to_bytes()).expect("it can be packed"));
    }
    f64::from(records) / start.elapsed().as_secs_f64()
}

fn small(installation: &Installation, figures: &mut Figures) {
    let people = Crowd { name: 11, seed: 3 };
    let bodies: Vec<_> =
        (0..SMALL).map(|request| people.body(request * 10..(request + 1) * 10, &email())).collect();
    figures.add("small", f64::from(SMALL * 10) / installation.apply_at_once(&bodies, CLIENTS).seconds);
}

fn latency(installation: &Installation, figures: &mut Figures) {
    let people = Crowd { name: 12, seed: 4 };
    for body in people.batches(LATENCIES.0, &email()) {
        figures.add("latency", installation.exchange(&body) * 1000.0);
    }
    let people = Crowd { name: 13, seed: 5 };
    for request in 0..LATENCIES.1 {
        let body = people.body(request * 10..(request + 1) * 10, &email());
        figures.add("latency_small", installation.exchange(&body) * 1000.0);
    }
}

/// What small batches take while another account imports many.
fn beside(installation: &Installation, batches: u32, figures: &mut Figures) {
    let bodies = Crowd { name: 19, seed: 7 }.batches(batches, &email());
    let people = Crowd { name: 20, seed: 8 };
    thread::scope(|scope| {
        let import = scope.spawn(|| installation.apply(&bodies));
        for request in 0.. {
            let body = people.body(request * 10..(request + 1) * 10, &email());
            let seconds = installation.exchange_beside(&body);
            if import.is_finished() {
                break;
            }
            figures.add("latency_beside", seconds * 1000.0);
        }
    });
}

fn modes(installation: &Installation, figures: &mut Figures) {
    for (key, name, matching) in [
        ("email", 14, email()),
        ("phone", 15, json!({"matching": "phone"})),
        ("custom", 16, json!({"matching": "custom", "field_name": "Custom_ID"})),
        ("email_phone", 17, json!({"matching": "email_phone"})),
        ("email_sub", 18, json!({"matching": "email_sub"})),
    ] {
        let bodies = Crowd { name, seed: 6 }.batches(MODE_BATCHES, &matching);
        figures.add(key, f64::from(MODE_BATCHES * BATCH) / installation.apply(&bodies).seconds);
    }
}
