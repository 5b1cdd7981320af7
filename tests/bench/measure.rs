//! The measurements.

use std::hint::black_box;
use std::{process, thread};

use intake_broker::Outgoing;
use intake_tests::Process;
use intake_types::wire::{self, Format, Limits};
use serde_json::{Value, json};

use crate::config::{Config, MOST_ROUNDS, Part};
use crate::copies;
use crate::figures::Figures;
use crate::installation::{Installation, cpu_seconds};
use crate::limit;
use crate::people::{BATCH, Crowd, batches, body};

/// Requests of ten records.
const SMALL: u32 = 1000;
/// People whom small requests mean again and again.
const SAME: u32 = 1000;
const CLIENTS: usize = 16;
/// Batches whose latency is measured in a round: of 10,000 records, of ten.
const LATENCIES: (u32, u32) = (10, 200);
/// Batches for each way of matching.
const MODE_BATCHES: u32 = 3;

/// First names of the crowds that are created beside few and beside many: one for each round.
const BESIDE_FEW: u32 = 20;
const BESIDE_MANY: u32 = BESIDE_FEW + MOST_ROUNDS;
/// People of the first crowd of those of which there are many, and its name.
const FEW: u32 = 100_000;
const FIRST_COPY: u32 = BESIDE_MANY + MOST_ROUNDS;
/// How often it is done what accepting cannot do without: by itself it takes few ticks of the clock.
const ALONE: u32 = 10;
/// From one to the next of people who are anywhere: prime, so that all are met.
const STRIDE: u32 = 7919;

fn email() -> Value {
    json!({"matching": "email"})
}

/// Measures everything once, or those parts that are asked for.
pub(crate) fn round(config: &Config, round: u64, figures: &mut Figures) {
    let people = Crowd { name: 10, seed: round };
    let bodies = people.batches(config.batches, &email());
    let profiles = f64::from(config.batches * BATCH);
    let installation = Installation::start(1);
    let timed = installation.apply(&bodies, "created");
    figures.add("create", profiles / timed.seconds);
    figures.add("accept", profiles / timed.cpu_seconds);
    memory(&installation, figures);
    if config.measures(Part::Accept) {
        figures.add("accept_alone", profiles / accept_alone(&bodies));
    }
    if config.measures(Part::Limit) {
        figures.add("limit", limit::measure(&config.psql, &installation.database));
    }
    if config.measures(Part::Again) {
        figures.add("unchanged", profiles / installation.apply(&bodies, "unchanged").seconds);
        let changes = batches(config.batches, &email(), |number| people.change(number));
        figures.add("update", profiles / installation.apply(&changes, "updated").seconds);
        let whole = batches(config.batches, &email(), |number| people.changed(number));
        figures.add("update_whole", profiles / installation.apply(&whole, "updated").seconds);
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
        figures.add("two_workers", profiles / Installation::start(2).apply(&bodies, "created").seconds);
    }
}

/// What it costs those that come and those that change that so many profiles are there, in hundreds of thousands.
pub(crate) fn large(config: &Config, figures: &mut Figures) {
    let installation = Installation::start(1);
    let first = Crowd { name: FIRST_COPY, seed: 0 };
    installation.apply(&first.batches(FEW / BATCH, &email()), "created");
    for round in 0..config.rounds {
        among(&installation, config, 1, round, ["create_few", "update_few"], figures);
    }
    copies::make(&installation.database, FIRST_COPY, config.large);
    for round in 0..config.rounds {
        among(&installation, config, config.large, round, ["create_many", "update_many"], figures);
    }
}

/// Creates others beside so many copies of the first crowd, and changes people anywhere in those: in each round others, as far as
/// there are.
fn among(
    installation: &Installation,
    config: &Config,
    copies: u32,
    round: u32,
    [create, update]: [&'static str; 2],
    figures: &mut Figures,
) {
    let count = config.batches.min(FEW / BATCH);
    let profiles = f64::from(count * BATCH);
    let name = if copies == 1 { BESIDE_FEW } else { BESIDE_MANY } + round;
    let others = Crowd { name, seed: 1 }.batches(count, &email());
    figures.add(create, profiles / installation.apply(&others, "created").seconds);
    let anywhere = |number: u32| {
        let crowd = Crowd { name: FIRST_COPY + (number + round) % copies, seed: u64::from(2 + name) };
        crowd.change(number * STRIDE % FEW)
    };
    let changes = batches(count, &email(), anywhere);
    figures.add(update, profiles / installation.apply(&changes, "updated").seconds);
}

fn memory(installation: &Installation, figures: &mut Figures) {
    let megabytes = |process: &Process| f64::from(process.peak_kibibytes()) * 1024.0 / 1e6;
    figures.add("gateway_memory", megabytes(&installation.gateway));
    for worker in &installation.workers {
        figures.add("worker_memory", megabytes(worker));
    }
}

/// Seconds of processor, for what cannot be left out of accepting batches: to read them, and to pack them.
fn accept_alone(bodies: &[Vec<u8>]) -> f64 {
    let start = cpu_seconds(process::id());
    for body in (0..ALONE).flat_map(|_| bodies) {
        black_box(wire::read(Format::Json, body, &Limits::default()).expect("it can be read"));
        black_box(Outgoing::compress("a job", body).expect("it can be packed"));
    }
    (cpu_seconds(process::id()) - start) / f64::from(ALONE)
}

fn small(installation: &Installation, figures: &mut Figures) {
    let people = Crowd { name: 11, seed: 3 };
    let records = f64::from(SMALL * 10);
    let bodies: Vec<_> =
        (0..SMALL).map(|request| people.body(request * 10..(request + 1) * 10, &email())).collect();
    figures.add("small", records / installation.apply_at_once(&bodies, CLIENTS));
    let of_the_same = |request: u32| {
        let crowd = Crowd { seed: request.into(), ..people };
        body((0..10).map(|number| crowd.change((request * 10 + number) % SAME)).collect(), &email())
    };
    let bodies: Vec<_> = (0..SMALL).map(of_the_same).collect();
    figures.add("small_same", records / installation.apply_at_once(&bodies, CLIENTS));
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
        let import = scope.spawn(|| installation.apply(&bodies, "created"));
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
        figures.add(key, f64::from(MODE_BATCHES * BATCH) / installation.apply(&bodies, "created").seconds);
    }
}
