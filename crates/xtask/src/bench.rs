//! `cargo xtask bench`: what an installation takes in and applies, against what the database alone can do, on servers of its
//! own.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::memory::Memory;
use crate::packages::{self, Wanted};
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use crate::{check, run, steps};

/// What deploy/postgres/postgresql.conf has that figures depend on; all that is written is durable.
const SETTINGS: &[&str] = &[
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "wal_compression=lz4",
    "default_toast_compression=lz4",
    "random_page_cost=1.1",
];

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
    fn has(&self, option: &str) -> bool {
        self.bench.iter().any(|argument| argument.to_string_lossy().split('=').next() == Some(option))
    }
}

pub(crate) fn bench(checkout: &Checkout, options: &Options) -> Result<()> {
    ensure!(!(options.publish && options.has("--only")), "--publish is for all figures: leave out --only");
    packages::ensure_installed(checkout, Wanted { postgres: true, rabbitmq: true, ..Wanted::default() })?;
    let build = ["build", "--release", "--workspace", "--bins"];
    check::cargo(checkout, "cargo build --release (the first time: many minutes)", &build, &[])?;
    if options.has("--help") {
        return run::shown(&mut command(checkout, options)?);
    }
    let place = checkout.beside("bench")?;
    let shared_buffers = shared_buffers()?;
    let settings = SETTINGS.iter().copied().chain([shared_buffers.as_str()]);
    let (postgres, rabbitmq) = (Postgres::of(&place).with(settings), RabbitMq::of(&place));
    let stop = || -> Result<()> {
        rabbitmq.stop()?;
        postgres.stop().map(|_| ())
    };
    stop()?;
    let mut memory = Memory::load(&place)?;
    let started = postgres
        .start(&place, &mut memory)
        .and_then(|(_, database)| Ok((database, rabbitmq.start(&mut memory)?.1)));
    let measured = started.and_then(|(database, broker)| {
        let mut bench = command(checkout, options)?;
        run::shown(bench.env("TEST_DATABASE_URL", database).env("TEST_AMQP_URL", broker))
    });
    stop()?;
    measured?;
    let [json, svg] = results(checkout, options).map(|path| checkout.show(&path));
    steps::say(&format!("Figures: {json}; plot: {svg}"));
    Ok(())
}

/// The bench, which writes its figures and its plot.
fn command(checkout: &Checkout, options: &Options) -> Result<Command> {
    let [json, svg] = results(checkout, options);
    let parent = json.parent().context("a file is in a folder")?;
    fs::create_dir_all(parent)?;
    let mut bench = Command::new(checkout.root.join("target/release/intake-bench"));
    bench.arg("--json").arg(&json).arg("--svg").arg(&svg).args(&options.bench);
    Ok(bench)
}

/// Where figures and plot go.
fn results(checkout: &Checkout, options: &Options) -> [PathBuf; 2] {
    let folder =
        if options.publish { checkout.root.join("docs") } else { checkout.dev.join("bench").join("results") };
    ["performance.json", "performance.svg"].map(|name| folder.join(name))
}
