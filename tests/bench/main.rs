//! A bench: what a whole installation takes in, applies and answers, against what the database alone can do.
//!
//! `cargo xtask bench` builds everything for speed and starts it with servers of its own.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what goes wrong with the bench itself ends it loudly; JSON is looked into by name"
)]

mod config;
mod copies;
mod figures;
mod installation;
mod limit;
mod machine;
mod measure;
mod people;
mod report;

use std::io::Write as _;

use clap::Parser as _;
use serde_json::{Value, json};

use crate::config::{Config, Part};
use crate::figures::Figures;

fn main() {
    let config = Config::parse();
    let machine = machine::describe(&config);
    let mut figures = Figures::default();
    for round in 1..=config.rounds {
        measure::round(&config, round.into(), &mut figures);
        report(&config, &machine, &figures, &format!("After {round} of {} rounds", config.rounds));
    }
    if config.measures(Part::Large) {
        measure::large(&config, &mut figures);
        report(&config, &machine, &figures, "All");
    }
}

/// Prints what is known by now, and writes it to the files.
fn report(config: &Config, machine: &Value, figures: &Figures, when: &str) {
    let rows = figures.rows();
    let table = report::table(&rows);
    say(&format!("\n{when}:\n\n{table}"));
    let figures: Vec<Value> = rows.iter().map(figures::Found::json).collect();
    let Config { rounds, batches, large, .. } = config;
    let json = json!({
        "of": machine, "rounds": rounds, "batches": batches, "large": large, "figures": figures,
    });
    let files = [("json", format!("{json:#}\n")), ("svg", report::plot(&rows)), ("md", table)];
    for (kind, text) in files {
        let file = config.results.join("performance").with_extension(kind);
        std::fs::write(file, text).expect("the results can be written");
    }
}

/// Prints a text.
fn say(text: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}
