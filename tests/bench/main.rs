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
    let mut figures = Figures::default();
    for round in 1..=config.rounds {
        measure::round(&config, round.into(), &mut figures);
        report(&config, &figures, &format!("After {round} of {} rounds", config.rounds));
    }
    if config.measures(Part::Large) {
        measure::large(&config, &mut figures);
        report(&config, &figures, "All");
    }
}

/// Prints what is known by now, and writes it to the files.
fn report(config: &Config, figures: &Figures, when: &str) {
    let rows = figures.rows();
    say(&format!("\n{when}:\n\n{}", report::table(&rows)));
    let figures: Vec<Value> = rows.iter().map(figures::Found::json).collect();
    let json = json!({"rounds": config.rounds, "batches": config.batches, "large": config.large, "figures": figures});
    std::fs::write(&config.json, format!("{json:#}\n")).expect("the figures can be written");
    std::fs::write(&config.svg, report::plot(&rows)).expect("the plot can be written");
}

/// Prints a text.
fn say(text: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
}
