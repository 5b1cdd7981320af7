//! A soak: clients import into a whole installation while everything that can break does, and at the end what was
//! acknowledged is compared with what is in the database.
//!
//! `cargo xtask soak` starts it with servers of its own, which it may kill.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what goes wrong with the soak itself ends it loudly; JSON is looked into by name"
)]

mod book;
mod catalog;
mod clients;
mod compare;
mod config;
mod faults;
mod gateways;
mod history;
mod ledger;
mod operator;
mod people;

mod programs;
mod reckoning;
mod record;
mod request;
mod serial;
mod servers;
mod told;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use clap::Parser as _;
use intake_broker::Depths;

use crate::book::Book;
use crate::clients::{CLIENTS, Clients};
use crate::config::Config;
use crate::faults::{Fault, Kind};
use crate::gateways::Gateways;
use crate::ledger::Ledger;
use crate::operator::Operator;
use crate::programs::Programs;
use crate::reckoning::Reckoning;
use crate::servers::Servers;
use crate::told::Told;

/// How long nothing may end, once all is mended, before it is given up.
const PATIENCE: Duration = Duration::from_mins(3);

fn main() -> ExitCode {
    let config = Config::parse();
    let (programs, servers) = (Programs::start(&config.logs), Servers::new(&config));
    told::keep(&programs);
    let clients = Clients::new(Gateways::new(programs.addresses()), config.seed);
    let faults = Fault::plan(config.seed, config.length());
    say(&format!("seed {}, {} faults in {} min", config.seed, faults.len(), config.minutes));
    let (start, operator) = (Instant::now(), Operator::new(&programs, config.seed));
    let happened = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let clients = &clients;
            scope.spawn(move || clients.send_all(client));
        }
        scope.spawn(|| clients.retry_all());
        scope.spawn(|| clients.follow(PATIENCE));
        scope.spawn(|| operator.mend_catalog(start + config.length() / 2));
        scope.spawn(|| operator.give_up_and_redrive(|| clients.is_over()));
        let happened = break_all(&programs, &servers, &clients.book, &faults, start);
        sleep((start + config.length()).saturating_duration_since(Instant::now()));
        for complaint in programs.mend() {
            clients.book.complain(complaint);
        }
        clients.over.store(true, Ordering::SeqCst);
        say(&format!("{:>7.1} s  all is mended", start.elapsed().as_secs_f64()));
        happened
    });
    say(&format!("{:>7.1} s  all has ended", start.elapsed().as_secs_f64()));
    if happened.len() * 4 < faults.len() * 3 {
        clients.book.complain(format!("only {} faults had an effect", happened.len()));
    }
    conclude(&programs, &operator, clients, &happened)
}

/// Has all faults happen, each at its time. The kinds of those that had an effect.
fn break_all(
    programs: &Programs,
    servers: &Servers,
    book: &Book,
    faults: &[Fault],
    start: Instant,
) -> Vec<Kind> {
    thread::scope(|scope| {
        let mut happening = Vec::new();
        for fault in faults {
            sleep((start + fault.at).saturating_duration_since(Instant::now()));
            say(&format!("{:>7.1} s  {}", start.elapsed().as_secs_f64(), fault.describe(programs)));
            happening.push((fault.kind, scope.spawn(move || fault.happen(programs, servers))));
        }
        let happened = happening.into_iter().filter_map(|(kind, fault)| {
            match fault.join().expect("a fault does not panic") {
                Ok(true) => return Some(kind),
                Ok(false) => say(&format!("           without effect: {kind}")),
                Err(complaint) => book.complain(complaint),
            }
            None
        });
        happened.collect()
    })
}

/// Looks at what is left, and tells.
fn conclude(programs: &Programs, operator: &Operator<'_>, clients: Clients, happened: &[Kind]) -> ExitCode {
    // Also what nobody was told of: a job that was not acknowledged, an event.
    let (start, database) = (Instant::now(), &programs.database);
    // In the order in which one comes of the other, so that nothing is between two looks.
    let under_way = || {
        ["SELECT count(*) FROM jobs WHERE state = 'processing'", "SELECT count(*) FROM outbox"]
            .map(|count| database.scalar(count))
    };
    let depths = || programs.runtime.block_on(intake_broker::depths(&programs.queues)).ok();
    let is_all_done = || {
        let is_empty = |depths: Depths| depths.work() + depths.dead + depths.undelivered == 0;
        depths().is_some_and(is_empty) && under_way() == [0, 0]
    };
    while !is_all_done() && start.elapsed() < PATIENCE {
        if depths().is_some_and(|depths| depths.dead > 0) {
            operator.redrive();
        }
        sleep(Duration::from_millis(100));
    }
    if !is_all_done() {
        let left = format!("messages {:?} and jobs, events {:?}", depths(), under_way());
        clients.book.complain(format!("{left} are left for ever"));
    }
    for program in programs.all() {
        program.panics().into_iter().for_each(|panic| clients.book.complain(panic));
        say(&format!("{:<17} {:>4} MiB at most since its last start", program.name, program.peak_memory()));
    }
    let (told, ledger) = (Told::read(programs), Ledger::read(database));
    let Clients { book, gateways, .. } = clients;
    let reckoning = Reckoning::of(&book.close(), &gateways, &told, &ledger, database);
    let kinds: BTreeSet<&Kind> = happened.iter().collect();
    say(&format!("{reckoning}\nfaults         {} of {} kinds", happened.len(), kinds.len()));
    if reckoning.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints one line.
fn say(line: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}
