//! The clock of a process, in the hands of a story: libfaketime answers in the system's place,
//! <https://github.com/wolfcw/libfaketime>.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// What a process takes for the time of day: so many hours ahead of the system's. How time passes for it is left alone.
#[derive(Debug)]
pub struct Clock(TempDir);

impl Clock {
    /// One that is ahead by so many hours.
    pub fn ahead(hours: i32) -> Self {
        let clock = Self(tempfile::tempdir().expect("a place for a file"));
        clock.jump(hours);
        clock
    }

    /// Has it be ahead by so many hours from now on.
    pub fn jump(&self, hours: i32) {
        let next = self.0.path().join("next");
        fs::write(&next, format!("{hours:+}h\n")).expect("the file is written");
        fs::rename(next, self.shift()).expect("it is there at once and whole");
    }

    fn shift(&self) -> PathBuf {
        self.0.path().join("shift")
    }

    /// Has a process go by it.
    #[expect(clippy::disallowed_methods, reason = "tests have no main that could read it")]
    pub(crate) fn rule(&self, command: &mut Command) {
        let library = std::env::var("TEST_FAKETIME")
            .expect("TEST_FAKETIME must name the library of libfaketime; `cargo xtask test` installs it");
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", self.shift());
        // Looked at whenever the time is asked for, which a process does by another clock to wait for something.
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}
