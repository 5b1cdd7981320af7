//! `cargo xtask fuzz`: looks for bytes that break what must hold of any input (`crates/types/fuzz`).
//!
//! libFuzzer on the stable toolchain: the compiler's coverage pass is asked for by flags, as `cargo fuzz` does, but
//! without a sanitizer, which alone would need nightly; the code has no `unsafe` for one to watch. What is found is
//! written to the cases that the tests replay, so that it stays a test.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::Checkout;
use crate::{check, run, signals, steps};

const TARGETS: [&str; 4] = ["json", "xml", "message", "record"];

/// Coverage of edges, counted inline, and of what is compared with what, so that the fuzzer learns magic words.
/// <https://clang.llvm.org/docs/SanitizerCoverage.html>
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Bounds of each target. <https://llvm.org/docs/LibFuzzer.html#options>
const BOUNDS: [&str; 5] =
    ["-rss_limit_mb=1024", "-malloc_limit_mb=256", "-timeout=10", "-report_slow_units=5", "-max_len=8192"];

/// Command line options.
pub(crate) struct Options {
    /// For each target.
    pub(crate) seconds: u32,
    /// The only one to run.
    pub(crate) target: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 60, target: None }
    }
}

pub(crate) fn fuzz(checkout: &Checkout, options: &Options) -> Result<()> {
    let wanted = |target: &&&str| options.target.as_deref().is_none_or(|only| only == **target);
    let targets: Vec<&str> = TARGETS.iter().filter(wanted).copied().collect();
    ensure!(!targets.is_empty(), "no such target; there are: {}", TARGETS.join(", "));
    ensure!(run::succeeds(Command::new("c++").arg("--version")), "no C++ compiler (apt install g++)");
    let binaries = build(checkout)?;
    steps::say(&format!(
        "\n  {:<9}{:>12}{:>10}{:>9}{:>9}{:>11}{:>10}{:>9}",
        "target", "executions", "per s", "seconds", "corpus", "features", "coverage", "peak MB"
    ));
    let mut broken = Vec::new();
    for target in targets {
        signals::check()?;
        let found = attack(checkout, &binaries.join(format!("fuzz-{target}")), target, options.seconds)?;
        broken.extend(found);
    }
    ensure!(
        broken.is_empty(),
        "{}\n\nThe inputs are cases of the tests from now on: `cargo test -p intake-fuzz` replays them.",
        broken.join("\n\n")
    );
    steps::say("Nothing broke.");
    Ok(())
}

/// Builds all targets; gives the folder that they are in. Apart from other builds: these flags are for every crate.
fn build(checkout: &Checkout) -> Result<PathBuf> {
    let host = run::output(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let folder = checkout.root.join("target/fuzz");
    let folder_text = folder.to_str().context("the checkout's path is no text")?;
    // With a target named, build scripts and macros are built without the flags, for which they have no runtime.
    let arguments = [
        "build",
        "--package",
        "intake-fuzz",
        "--features",
        "libfuzzer",
        "--bins",
        "--profile",
        "fuzz",
        "--target",
        &host,
        "--target-dir",
        folder_text,
    ];
    check::cargo(checkout, "cargo build (the fuzz targets)", &arguments, &[("RUSTFLAGS", COVERAGE)])?;
    Ok(folder.join(host).join("fuzz"))
}

/// Runs one target for its time, and prints what it did. What it broke, if anything.
fn attack(checkout: &Checkout, binary: &PathBuf, target: &str, seconds: u32) -> Result<Option<String>> {
    let home = checkout.root.join("crates/types/fuzz");
    let cases = home.join("cases").join(target);
    let corpus = checkout.dev.join("fuzz").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot create {}", corpus.display()))?;
    let dictionary = home.join("dict").join(if target == "xml" { "xml.dict" } else { "json.dict" });
    let option = |name: &str, value: OsString| {
        let mut option = OsString::from(name);
        option.push(value);
        option
    };
    let log = checkout.log(&format!("fuzz-{target}"));
    let mut command = Command::new(binary);
    // The first folder grows, the second is only read; what breaks is written to the second all the same.
    command.current_dir(&checkout.root).args([&corpus, &cases]).args(BOUNDS).args([
        option("-dict=", dictionary.into()),
        option("-artifact_prefix=", cases.join("found-").into()),
        format!("-max_total_time={seconds}").into(),
        "-print_final_stats=1".into(),
    ]);
    let start = Instant::now();
    let result = run::logged(&mut command, &log);
    let took = start.elapsed().as_secs();
    signals::check()?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let said = Said::of(&text);
    steps::say(&format!(
        "  {target:<9}{:>12}{:>10}{took:>9}{:>9}{:>11}{:>10}{:>9}",
        said.executions, said.per_second, said.corpus, said.features, said.coverage, said.peak
    ));
    let Err(error) = result else { return Ok(None) };
    match said.input {
        Some(input) => Ok(Some(format!("{target} broke on {input}:\n{error:#}"))),
        None => bail!("{target} cannot run: {error:#}"),
    }
}

/// What libFuzzer says of a run.
struct Said<'l> {
    executions: &'l str,
    per_second: &'l str,
    peak: &'l str,
    coverage: &'l str,
    features: &'l str,
    corpus: &'l str,
    /// The file of an input that broke it.
    input: Option<&'l str>,
}

impl<'l> Said<'l> {
    fn of(log: &'l str) -> Self {
        let after = |line: &'l str, word: &str| -> Option<&'l str> {
            line.split_once(word).and_then(|(_, rest)| rest.split_whitespace().next())
        };
        let last = |word: &str| log.lines().rev().find_map(|line| after(line, word)).unwrap_or("?");
        Self {
            executions: last("stat::number_of_executed_units:"),
            per_second: last("stat::average_exec_per_sec:"),
            peak: last("stat::peak_rss_mb:"),
            coverage: last(" cov: "),
            features: last(" ft: "),
            corpus: last(" corp: ").split('/').next().unwrap_or("?"),
            input: log.lines().find_map(|line| after(line, "Test unit written to ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_read() {
        let log = "#10\tREDUCE cov: 9 ft: 19 corp: 2/3b\n\
            #1048576\tpulse  cov: 1234 ft: 5678 corp: 910/11Kb lim: 4096 exec/s: 512 rss: 99Mb\n\
            artifact_prefix='x'; Test unit written to /c/found-crash-1\nDone\n\
            stat::number_of_executed_units: 1048577\nstat::average_exec_per_sec:     52428\nstat::peak_rss_mb: 99\n";
        let said = Said::of(log);
        assert_eq!((said.executions, said.per_second, said.peak), ("1048577", "52428", "99"));
        assert_eq!((said.coverage, said.features, said.corpus), ("1234", "5678", "910"));
        assert_eq!(said.input, Some("/c/found-crash-1"));
        assert_eq!(Said::of("").executions, "?");
    }
}
