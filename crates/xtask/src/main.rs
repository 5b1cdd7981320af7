//! Developer commands: `cargo xtask up`, `test`, `check`, `soak`, `bench`, `fuzz`, `down`.
//!
//! Everything that a contributor needs beyond Rust itself is started from here: real servers, private to the
//! checkout, below `.dev/`. Depends on next to nothing, so that it builds in seconds on a fresh machine and
//! before libpq is installed.

mod bench;
mod check;
mod checkout;
mod compose;
mod daemon;
mod down;
mod faketime;
mod fuzz;
mod health;
mod lease;
mod memory;
mod packages;
mod ports;
mod postgres;
mod rabbitmq;
mod rules;
mod run;
mod servers;
mod services;
mod signals;
mod soak;
mod steps;
mod test;
mod up;

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use lexopt::prelude::*;

use crate::checkout::Checkout;

const HELP: &str = include_str!("help.txt");

/// One command with its options, as the command line gave it.
enum Command {
    Up(up::Options),
    Test(test::Options),
    Check,
    Soak(soak::Options),
    Bench(bench::Options),
    Fuzz(fuzz::Options),
    Down(down::Options),
    Help,
}

fn main() -> ExitCode {
    match perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if signals::interrupted() => {
            steps::say("\nInterrupted.");
            ExitCode::from(130)
        }
        Err(error) => {
            steps::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn perform() -> Result<()> {
    let command =
        parse(lexopt::Parser::from_env()).map_err(|error| anyhow!("{error:#}. See `cargo xtask help`"))?;
    if matches!(command, Command::Help) {
        steps::say(HELP.trim_end());
        return Ok(());
    }
    signals::install()?;
    let checkout = Checkout::open()?;
    match command {
        Command::Up(options) => up::up(&checkout, &options),
        Command::Test(options) => test::test(&checkout, &options),
        Command::Check => check::command(&checkout),
        Command::Soak(options) => soak::soak(&checkout, &options),
        Command::Bench(options) => bench::bench(&checkout, &options),
        Command::Fuzz(options) => fuzz::fuzz(&checkout, &options),
        Command::Down(options) => down::down(&checkout, options),
        Command::Help => Ok(()),
    }
}

fn parse(mut arguments: lexopt::Parser) -> Result<Command> {
    let name = match arguments.next()? {
        None | Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    let mut command = match name.as_str() {
        "up" => Command::Up(up::Options::default()),
        "test" => Command::Test(test::Options::default()),
        "check" => Command::Check,
        "soak" => Command::Soak(soak::Options::default()),
        "bench" => Command::Bench(bench::Options::default()),
        "fuzz" => Command::Fuzz(fuzz::Options::default()),
        "down" => Command::Down(down::Options::default()),
        "help" => Command::Help,
        unknown => bail!("there is no command `{unknown}`"),
    };
    while let Some(argument) = arguments.next()? {
        match (&mut command, argument) {
            (_, Short('h') | Long("help")) => return Ok(Command::Help),
            (Command::Up(options), Long("port")) => options.port = arguments.value()?.parse()?,
            (Command::Up(options), Long("detach")) => options.detach = true,
            (Command::Up(options), Long("no-docker")) => options.no_docker = true,
            (Command::Test(options), Long("no-docker")) => options.no_docker = true,
            (Command::Test(options), Long("no-check")) => options.no_check = true,
            (Command::Test(options), Long("no-soak")) => options.no_soak = true,
            (Command::Test(options), Value(value)) => options.runner.push(value),
            (Command::Soak(options), Long("minutes")) => options.minutes = arguments.value()?.parse()?,
            (Command::Soak(options), Long("seed")) => options.seed = Some(arguments.value()?.parse()?),
            (Command::Bench(options), Long("publish")) => options.publish = true,
            (Command::Bench(options), Value(value)) => options.bench.push(value),
            (Command::Fuzz(options), Long("seconds")) => options.seconds = arguments.value()?.parse()?,
            (Command::Fuzz(options), Long("target")) => options.target = Some(arguments.value()?.string()?),
            (Command::Down(options), Long("wipe")) => options.wipe = true,
            (_, other) => return Err(other.unexpected().into()),
        }
    }
    Ok(command)
}
