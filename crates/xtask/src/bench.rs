//! `cargo xtask bench`: what an installation takes in and applies, against what the database alone can do, on servers of its
//! own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::memory::Memory;
use crate::packages::{self, Wanted};
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use crate::{check, run, steps};

/// The settings that an installation is to have, and those of them that figures depend on; all that is written is durable.
const POSTGRESQL_CONF: &str = include_str!("../../../deploy/postgres/postgresql.conf");
const SETTINGS: [&str; 5] = [
    "max_wal_size",
    "checkpoint_timeout",
    "wal_compression",
    "default_toast_compression",
    "random_page_cost",
];

/// Between these lines of the documentation stands the table.
const TABLE: [&str; 2] = ["<!-- the table of `cargo xtask bench --publish` -->\n", "<!-- its end -->\n"];

fn settings() -> Result<Vec<String>> {
    let of = |name: &&str| {
        let set = POSTGRESQL_CONF.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(" = "));
        Ok(format!("{name}={}", set.with_context(|| format!("postgresql.conf does not set {name}"))?))
    };
    SETTINGS.iter().map(of).chain([shared_buffers()]).collect()
}

/// A quarter of the machine's memory for PostgreSQL, as its documentation recommends:
/// <https://www.postgresql.org/docs/15/runtime-config-resource.html>.
fn shared_buffers() -> Result<String> {
    let info = fs::read_to_string("/proc/meminfo").context("cannot read /proc/meminfo")?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB"));
    let kibibytes: u64 = total.context("/proc/meminfo does not say MemTotal")?.trim().parse()?;
    Ok(format!("shared_buffers={}MB", kibibytes / 1024 / 4))
}

/// Command line options.
#[derive(Default)]
pub(crate) struct Options {
    /// Whether the figures are those that the documentation shows from now on.
    pub(crate) publish: bool,
    /// Arguments for the bench itself.
    pub(crate) bench: Vec<OsString>,
}

impl Options {
    fn asks_for_help(&self) -> bool {
        self.bench.iter().any(|argument| argument == "--help" || argument == "-h")
    }
}

pub(crate) fn bench(checkout: &Checkout, options: &Options) -> Result<()> {
    ensure!(
        !options.publish || options.bench.is_empty(),
        "--publish is for all figures as they are: without `--`"
    );
    packages::ensure_installed(checkout, Wanted { postgres: true, rabbitmq: true, ..Wanted::default() })?;
    let programs = ["--bin", "intake-gateway", "--bin", "intake-worker", "--bin", "intake-bench"];
    let build = [&["build", "--release", "--workspace"][..], &programs].concat();
    check::cargo(checkout, "cargo build --release (the first time: many minutes)", &build, &[])?;
    let mut bench = Command::new(checkout.root.join("target/release/intake-bench"));
    if options.asks_for_help() {
        return run::shown(bench.args(&options.bench));
    }
    let results = checkout.dev.join("bench").join("results");
    fs::create_dir_all(&results)?;
    bench.arg("--results").arg(&results).args(&options.bench);
    let mut commit = Command::new("git");
    commit.current_dir(&checkout.root).args([
        "describe",
        "--always",
        "--abbrev=40",
        "--exclude=*",
        "--dirty",
    ]);
    if let Ok(commit) = run::output(&mut commit) {
        bench.args(["--commit", &commit]);
    }
    measure(checkout, &mut bench)?;
    if options.publish {
        publish(checkout, &results)?;
    }
    steps::say(&format!("Figures, plot and table: {}/performance.*", checkout.show(&results)));
    Ok(())
}

/// Runs the bench, with servers.
fn measure(checkout: &Checkout, bench: &mut Command) -> Result<()> {
    clear(checkout)?;
    let place = checkout.beside("bench")?;
    let (postgres, rabbitmq) = servers(&place)?;
    let mut memory = Memory::load(&place)?;
    let started = postgres
        .start(&place, &mut memory)
        .and_then(|(_, database)| Ok((database, rabbitmq.start(&mut memory)?.1)));
    let measured = started.and_then(|(database, broker)| {
        run::shown(bench.env("TEST_DATABASE_URL", database).env("TEST_AMQP_URL", broker))
    });
    stop(&postgres, &rabbitmq)?;
    measured
}

/// Stops and removes the servers of a bench that was killed. Whether there was something to stop.
pub(crate) fn clear(checkout: &Checkout) -> Result<bool> {
    if !checkout.dev.join("bench").exists() {
        return Ok(false);
    }
    let place = checkout.beside("bench")?;
    let (postgres, rabbitmq) = servers(&place)?;
    let did_run = stop(&postgres, &rabbitmq)?;
    postgres.wipe(&place)?;
    Ok(did_run)
}

fn servers(place: &Checkout) -> Result<(Postgres, RabbitMq)> {
    Ok((Postgres::of(place).with(settings()?.iter().map(String::as_str)), RabbitMq::of(place)))
}

fn stop(postgres: &Postgres, rabbitmq: &RabbitMq) -> Result<bool> {
    Ok(rabbitmq.stop()? | postgres.stop()?)
}

/// Has the documentation show the results.
fn publish(checkout: &Checkout, results: &Path) -> Result<()> {
    let docs = checkout.root.join("docs");
    for file in ["performance.json", "performance.svg"] {
        fs::copy(results.join(file), docs.join(file)).with_context(|| format!("cannot write docs/{file}"))?;
    }
    let page = docs.join("performance.md");
    let text = fs::read_to_string(&page)?;
    let (before, rest) =
        text.split_once(TABLE[0]).context("docs/performance.md has no place for the table")?;
    let (_, after) = rest.split_once(TABLE[1]).context("docs/performance.md has no end of the table")?;
    let table = fs::read_to_string(results.join("performance.md"))?;
    fs::write(page, format!("{before}{}\n{table}\n{}{after}", TABLE[0], TABLE[1]))?;
    Ok(())
}
