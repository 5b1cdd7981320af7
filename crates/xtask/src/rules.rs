//! The house rules that no tool of others checks: how long a file is, and which crate may name which dependency.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::checkout::Checkout;
use crate::run;

const MAX_LINES: usize = 400;

/// Dependencies with one owner. deny.toml says the same for machines with cargo-deny.
const OWNERS: &[(&str, &str)] = &[
    ("actix-web", "intake-gateway"),
    ("diesel", "intake-store"),
    ("diesel_migrations", "intake-store"),
    ("lapin", "intake-broker"),
    ("libfuzzer-sys", "intake-fuzz"),
    ("quick-xml", "intake-types"),
    ("r2d2", "intake-store"),
];

/// What each crate may use of the others: `types <- {broker, store} <- {gateway, worker, cli} <- tests`.
const LAYERS: &[(&str, &[&str])] = &[
    ("intake-types", &[]),
    ("intake-fuzz", &["intake-types"]),
    ("intake-telemetry", &["intake-types"]),
    ("intake-broker", &["intake-telemetry", "intake-types"]),
    ("intake-store", &["intake-telemetry", "intake-types"]),
    ("intake-gateway", &["intake-broker", "intake-store", "intake-telemetry", "intake-types"]),
    ("intake-worker", &["intake-broker", "intake-store", "intake-telemetry", "intake-types"]),
    ("intake-cli", &["intake-broker", "intake-store", "intake-telemetry", "intake-types"]),
    ("xtask", &[]),
];

/// No Rust file is longer than the house allows.
pub(crate) fn sizes(checkout: &Checkout) -> Result<()> {
    let mut long = Vec::new();
    for directory in ["crates", "tests"] {
        let mut files = Vec::new();
        rust_files(&checkout.root.join(directory), &mut files)?;
        for file in files {
            let lines = fs::read_to_string(&file)?.lines().count();
            if lines > MAX_LINES {
                long.push(format!("  {}: {lines} lines", checkout.show(&file)));
            }
        }
    }
    ensure!(long.is_empty(), "over {MAX_LINES} lines, split them by responsibility:\n{}", long.join("\n"));
    Ok(())
}

/// Normal dependencies point the right way. Development dependencies are free.
pub(crate) fn directions(checkout: &Checkout) -> Result<()> {
    let mut cargo = run::cargo(&checkout.root);
    cargo.args(["tree", "--workspace", "--edges", "normal", "--depth", "1", "--prefix", "depth"]);
    let tree = run::output(cargo.args(["--all-features", "--target", "all", "--format", " {p}"]))?;
    let wrong = offences(&tree);
    ensure!(wrong.is_empty(), "dependencies in the wrong direction:\n{}", wrong.join("\n"));
    Ok(())
}

/// Reads `cargo tree` with a depth in front of each package: a line of depth 0 opens a crate of the workspace.
fn offences(tree: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut user = "";
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        let (Some(depth), Some(name)) = (words.next(), words.next()) else { continue };
        if depth == "0" {
            user = name;
        } else if !allowed(user, name) {
            wrong.push(format!("  {user} must not depend on {name}"));
        }
    }
    wrong
}

fn allowed(user: &str, name: &str) -> bool {
    // The test crate sits on top of everything; what it names itself is its own affair.
    if user == "intake-tests" {
        return true;
    }
    let owned = OWNERS.iter().find(|(dependency, _)| *dependency == name);
    let layer = LAYERS.iter().find(|(member, _)| *member == user);
    owned.is_none_or(|(_, owner)| *owner == user)
        && (!name.starts_with("intake-") || layer.is_some_and(|(_, below)| below.contains(&name)))
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_has_one_owner() {
        let tree = "0 intake-broker v0.1.0\n1 lapin v4.12.3\n\n0 intake-worker v0.1.0\n1 lapin v4.12.3\n";
        assert_eq!(offences(tree), ["  intake-worker must not depend on lapin"]);
    }

    #[test]
    fn crates_of_one_layer_do_not_meet() {
        let tree = "0 intake-store v0.1.0\n1 intake-types v0.1.0\n1 intake-broker v0.1.0\n1 diesel v2.3.14\n";
        assert_eq!(offences(tree), ["  intake-store must not depend on intake-broker"]);
    }

    #[test]
    fn an_unknown_crate_has_to_be_given_its_place() {
        assert_eq!(offences("0 intake-new v0.1.0\n1 intake-types v0.1.0\n").len(), 1);
    }
}
