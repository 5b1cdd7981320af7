//! `cargo xtask check`: what can be said about the code without running it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::packages::{self, Wanted};
use crate::{rules, run, steps};

/// The tools that are not part of every Rust installation, and how to get them.
const FMT: Tool = Tool { name: "rustfmt", probe: &["fmt", "--version"], get: "rustup component add rustfmt" };
const CLIPPY: Tool =
    Tool { name: "clippy", probe: &["clippy", "--version"], get: "rustup component add clippy" };
const DENY: Tool =
    Tool { name: "cargo-deny", probe: &["deny", "--version"], get: "cargo install cargo-deny" };
pub(crate) const NEXTEST: Tool =
    Tool { name: "cargo-nextest", probe: &["nextest", "--version"], get: "cargo install cargo-nextest" };
const WASM: &str = "wasm32-unknown-unknown";

/// A cargo subcommand that may be missing.
pub(crate) struct Tool {
    name: &'static str,
    probe: &'static [&'static str],
    get: &'static str,
}

impl Tool {
    pub(crate) fn is_installed(&self, checkout: &Checkout) -> bool {
        run::succeeds(run::cargo(&checkout.root).args(self.probe))
    }

    pub(crate) fn absence(&self) -> String {
        format!("{} is not installed ({})", self.name, self.get)
    }
}

/// The command by itself.
pub(crate) fn command(checkout: &Checkout) -> Result<()> {
    // Build scripts look for libpq.
    packages::ensure_installed(checkout, Wanted::default())?;
    let left_out = check(checkout)?;
    conclude("Checks passed.", &left_out);
    Ok(())
}

/// Prints the closing line, and what it does not cover.
pub(crate) fn conclude(verdict: &str, left_out: &[String]) {
    for gap in left_out {
        steps::say(&format!("  not checked: {gap}"));
    }
    steps::say(verdict);
}

/// Runs all checks, the quick ones first. Returns what could not be checked on this machine.
pub(crate) fn check(checkout: &Checkout) -> Result<Vec<String>> {
    let mut left_out = Vec::new();
    let mut with = |tool: &Tool, title: &str, arguments: &[&str]| {
        if tool.is_installed(checkout) {
            cargo(checkout, title, arguments, &[])
        } else {
            left_out.push(tool.absence());
            Ok(())
        }
    };
    steps::step("file sizes", || rules::sizes(checkout))?;
    steps::step("dependency directions", || rules::directions(checkout))?;
    with(&FMT, "cargo fmt --check", &["fmt", "--all", "--check", "--", "--color", "never"])?;
    // Denied as an argument, not in RUSTFLAGS: other flags would compile every dependency once more.
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    with(&CLIPPY, "cargo clippy", &clippy)?;
    with(&DENY, "cargo deny check", &["deny", "check"])?;
    let doc = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    cargo(checkout, "cargo doc", &doc, &[("RUSTDOCFLAGS", "-D warnings")])?;
    if has_wasm() {
        let types = ["check", "--package", "intake-types", "--target", WASM];
        cargo(checkout, "intake-types for wasm32 (no I/O, no clock)", &types, &[])?;
    } else {
        left_out.push(format!("the target {WASM} is not installed (rustup target add {WASM})"));
    }
    Ok(left_out)
}

/// Runs a cargo command as a step with a log named after it.
pub(crate) fn cargo(
    checkout: &Checkout,
    title: &str,
    arguments: &[&str],
    env: &[(&str, &str)],
) -> Result<()> {
    steps::step(title, || {
        let name = title.trim_start_matches("cargo ").split_whitespace().next().unwrap_or(title);
        let mut command = run::cargo(&checkout.root);
        command.args(arguments).envs(env.iter().copied());
        run::logged(&mut command, &checkout.log(name)).with_context(|| format!("{title} failed"))
    })
}

fn has_wasm() -> bool {
    run::output(Command::new("rustc").args(["--print", "target-libdir", "--target", WASM]))
        .is_ok_and(|directory| PathBuf::from(directory).is_dir())
}
