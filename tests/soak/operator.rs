//! The operator: gives up jobs in the middle, as the last delivery of one does, and has what is left of them redriven while
//! everything goes on; and mends the catalogue.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use intake_store::Store;
use intake_tests::binary;
use intake_types::Header;
use rand::RngExt as _;

use crate::catalog;
use crate::programs::Programs;
use crate::request::draw;

/// Between two jobs that are given up, about.
const PAUSE: Duration = Duration::from_secs(3);

/// How long a command may take: it waits for servers that are away.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why a message is not redriven, as the command line says it.
const SENT_AGAIN: &str = ": the request was sent again since";

const UNDER_WAY: &str = "SELECT header FROM jobs WHERE state = 'processing' ORDER BY random() LIMIT 1";

/// Somebody with the database and the command line at hand.
pub(crate) struct Operator<'a> {
    programs: &'a Programs,
    /// Not through a relay.
    store: Store,
    seed: u64,
}

impl<'a> Operator<'a> {
    pub(crate) fn new(programs: &'a Programs, seed: u64) -> Self {
        Self { programs, store: programs.database.store(), seed }
    }

    /// Declares what was missing, as soon as the database lets it.
    pub(crate) fn mend_catalog(&self, at: Instant) {
        sleep(at.saturating_duration_since(Instant::now()));
        while self.programs.runtime.block_on(self.store.declare(catalog::mended(), false)).is_err() {
            sleep(Duration::from_millis(500));
        }
    }

    /// Gives up jobs and has them redriven, until it is over. Some commands are killed in the middle.
    pub(crate) fn give_up_and_redrive(&self, is_over: impl Fn() -> bool) {
        let mut draw = draw(self.seed, u64::MAX - 2);
        while !is_over() {
            sleep(PAUSE.mul_f64(draw.random_range(0.3..1.7)));
            self.give_up();
            if draw.random_range(0..3) == 0 {
                let mut command = self.start_redrive();
                if draw.random_range(0..3) == 0 {
                    sleep(Duration::from_millis(draw.random_range(20..500)));
                    let _ended = command.kill();
                }
                wait(command);
            }
        }
    }

    /// Gives up one of the jobs under way, if the database lets it.
    fn give_up(&self) {
        let Some(header) =
            self.programs.database.try_texts(UNDER_WAY).and_then(|rows| rows.into_iter().next())
        else {
            return;
        };
        let header: Header = serde_json::from_str(&header).expect("it is a header");
        let given_up = self.store.fail(&header, 500, "given up by the soak".to_owned());
        let _away = self.programs.runtime.block_on(given_up);
    }

    /// Has all that was given up redriven, and drops what is refused since its request has another job: a retry that came to
    /// nothing may have been asked for again.
    pub(crate) fn redrive(&self) {
        let told = self.dead(&["redrive", "--all"]).output().expect("the command runs");
        for line in String::from_utf8_lossy(&told.stderr).lines() {
            if let Some((before, _)) = line.split_once(SENT_AGAIN) {
                let name = before.rsplit(' ').next().unwrap_or_default();
                let _stays = self.dead(&["drop", name]).output();
            }
        }
    }

    fn start_redrive(&self) -> Child {
        let mut command = self.dead(&["redrive", "--all"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
    }

    fn dead(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("intake"));
        command.arg("dead").args(arguments).args(self.programs.operators_arguments()).stdin(Stdio::null());
        command
    }
}

/// Waits for a command, whatever comes of it: it can be run again at any time.
fn wait(mut command: Child) {
    let start = Instant::now();
    while command.try_wait().expect("its parent may ask").is_none() {
        if start.elapsed() > PATIENCE {
            let _ended = command.kill();
        }
        sleep(Duration::from_millis(20));
    }
}
