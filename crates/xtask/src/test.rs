//! `cargo xtask test`: everything that CI runs.

use std::env;
use std::ffi::OsString;

use anyhow::{Context, Result};

use crate::check::{self, NEXTEST};
use crate::checkout::Checkout;
use crate::packages::Wanted;
use crate::servers::{Plan, Servers};
use crate::{faketime, run, soak, steps};

/// The short form of the soak: always the same faults at the same times.
const SOAK: soak::Options = soak::Options { minutes: 2, seed: Some(1) };

/// Command line options.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) no_check: bool,
    pub(crate) no_soak: bool,
    pub(crate) no_docker: bool,
    /// Arguments for the test runner.
    pub(crate) runner: Vec<OsString>,
}

pub(crate) fn test(checkout: &Checkout, options: &Options) -> Result<()> {
    let plan = Plan::make(checkout, options.no_docker, Wanted { faketime: true, ..Wanted::default() })?;
    let mut left_out = Vec::new();
    if !options.no_check {
        left_out = check::check(checkout)?;
        check::cargo(checkout, "cargo test --doc", &["test", "--workspace", "--doc"], &[])?;
    }
    // Stories start workers as processes of their own; a test run by itself builds no programs.
    check::cargo(
        checkout,
        "cargo build (the programs that tests start)",
        &["build", "--workspace", "--bins"],
        &[],
    )?;
    let servers = plan.start(checkout)?;
    let result = run_tests(checkout, options, &servers, &mut left_out);
    result.and(servers.release(checkout))?;
    // Whoever chooses tests has no use for it.
    if !options.no_soak && options.runner.is_empty() {
        left_out.extend(soak::with_built(checkout, &SOAK)?);
    }
    check::conclude("All passed.", &left_out);
    Ok(())
}

/// Runs the tests with their output shown: how many there were is worth seeing.
fn run_tests(
    checkout: &Checkout,
    options: &Options,
    servers: &Servers,
    left_out: &mut Vec<String>,
) -> Result<()> {
    let mut cargo = run::cargo(&checkout.root);
    if NEXTEST.is_installed(checkout) {
        cargo.args(["nextest", "run", "--workspace"]);
    } else {
        left_out.push(format!("tests with a process each: {}", NEXTEST.absence()));
        cargo.args(["test", "--workspace", "--all-targets"]);
    }
    for (name, url) in
        [("TEST_DATABASE_URL", &servers.test_database_url), ("TEST_AMQP_URL", &servers.test_amqp_url)]
    {
        if env::var_os(name).is_none() {
            cargo.env(name, url);
        }
    }
    if let Some(library) = faketime::installed() {
        cargo.env("TEST_FAKETIME", library);
    }
    steps::say("");
    run::shown(cargo.args(&options.runner)).context("tests failed")
}
