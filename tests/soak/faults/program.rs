//! What happens to one of the programs.

use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::programs::Program;

/// What a program has to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ProgramFault {
    Kill,
    Stop,
    /// It stands still and does not know of it: a machine that was suspended, a process without a processor.
    Freeze,
}

impl ProgramFault {
    pub(crate) const ALL: [Self; 3] = [Self::Kill, Self::Stop, Self::Freeze];

    pub(crate) fn seconds(self) -> Range<f64> {
        match self {
            Self::Kill | Self::Stop => 0.1..4.0,
            Self::Freeze => 3.0..35.0,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "killed (SIGKILL)",
            Self::Stop => "stopped (SIGTERM)",
            Self::Freeze => "frozen (SIGSTOP)",
        }
    }

    /// Does it, waits, and has the program run again. Whether it ran before; what it did wrong, if it did.
    pub(crate) fn make(self, program: &Program, length: Duration) -> Result<bool, String> {
        match self {
            Self::Kill | Self::Stop => {
                let ended = if self == Self::Kill { program.kill() } else { program.stop() };
                sleep(length);
                program.start_again();
                ended
            }
            Self::Freeze => {
                let runs = program.signal(Signal::STOP);
                sleep(length);
                program.signal(Signal::CONT);
                Ok(runs)
            }
        }
    }
}
