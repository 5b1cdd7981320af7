//! The progress of a job on standard error: one line that is drawn over, or now and then a line in a log.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::describe;
use crate::client::Status;
use crate::output::{is_interactive, plain, remark, say};

/// Between two lines in a log, in seconds.
const QUIET: u64 = 10;
/// Between two looks of somebody who watches, in seconds.
const GLANCE: u64 = 1;
const CLEAR_LINE: &str = "\r\x1b[2K";

/// Clears its line when it is dropped.
pub(crate) struct Progress {
    interactive: bool,
    drawn: bool,
    told: Option<(Instant, String)>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { interactive: is_interactive(), drawn: false, told: None }
    }

    /// Seconds between two looks at the job.
    pub(crate) fn interval(&self) -> u64 {
        if self.interactive { GLANCE } else { QUIET }
    }

    pub(crate) fn show(&mut self, status: &Status) {
        let text = describe::progress(status);
        if self.interactive {
            say(&format!("{CLEAR_LINE}{}", plain(&text)));
            self.drawn = true;
        } else if is_due(self.told.as_ref(), &text, Instant::now()) {
            remark(&text);
            self.told = Some((Instant::now(), text));
        }
    }

    /// Says that there is no answer just now.
    pub(crate) fn trouble(&mut self, error: &(dyn std::error::Error + 'static)) {
        let text = format!("{}; still trying", Chain(error));
        if self.told.as_ref().is_none_or(|(_, told)| *told != text) {
            self.clear();
            remark(&text);
            self.told = Some((Instant::now(), text));
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            say(CLEAR_LINE);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Whether a log should get this line: a new one, and not too soon.
fn is_due(told: Option<&(Instant, String)>, text: &str, now: Instant) -> bool {
    told.is_none_or(|(at, told)| told != text && now.duration_since(*at) >= Duration::from_secs(QUIET))
}

/// An error and its sources in one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.0)?;
        match self.0.source() {
            Some(source) => write!(formatter, ": {}", Chain(source)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_gets_new_lines_and_not_too_many() {
        let now = Instant::now();
        let told = Some((now, "a".to_owned()));
        assert!(is_due(None, "a", now));
        assert!(!is_due(told.as_ref(), "b", now + Duration::from_secs(QUIET - 1)));
        assert!(!is_due(told.as_ref(), "a", now + Duration::from_secs(QUIET)));
        assert!(is_due(told.as_ref(), "b", now + Duration::from_secs(QUIET)));
    }
}
