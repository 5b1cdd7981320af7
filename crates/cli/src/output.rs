//! What people and scripts read: results on standard output, remarks and complaints on standard error.
//!
//! A reader that leaves early (`| head`) is no failure: what it does not want to read is dropped, and the command goes
//! on, so that its exit code is still right.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};

use crate::error::Error;

/// Standard output.
pub(crate) struct Output {
    /// `None` once nobody reads any more.
    sink: Option<Box<dyn Write>>,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self { sink: Some(Box::new(io::stdout())) }
    }

    /// Writes one line. Control characters in it are escaped: texts of others must not steer a terminal.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Error> {
        self.write(format!("{}\n", plain(&text.to_string())).as_bytes()).map(|_read| ())
    }

    /// Writes a text of several lines as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Error> {
        self.write(text.as_bytes()).map(|_read| ())
    }

    /// Writes a body as it is, and ends its last line.
    pub(crate) fn copy(
        &mut self,
        mut body: impl Read,
        broken: impl Fn(io::Error) -> Error,
    ) -> Result<(), Error> {
        let mut buffer = vec![0; 64 * 1024];
        let mut last = b'\n';
        loop {
            let length = match body.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(error)),
            };
            let read = buffer.get(..length).unwrap_or_default();
            let Some(end) = read.last() else { break };
            last = *end;
            if !self.write(read)? {
                return Ok(());
            }
        }
        let end: &[u8] = if last == b'\n' { b"" } else { b"\n" };
        self.write(end).map(|_read| ())
    }

    /// Whether somebody still reads.
    fn write(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let Some(sink) = &mut self.sink else { return Ok(false) };
        match sink.write_all(bytes).and_then(|()| sink.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.sink = None;
                Ok(false)
            }
            Err(error) => Err(Error::Output(error)),
        }
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(text: &str) {
    remark(&format!("error: {text}"));
}

/// Says something on standard error that is no result.
pub(crate) fn remark(text: &str) {
    let text: Vec<String> = text.lines().map(plain).collect();
    say(&format!("{}\n", text.join("\n")));
}

/// Writes to standard error as it is. If nobody reads there, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether standard error is a terminal, where a line can be drawn over.
pub(crate) fn is_interactive() -> bool {
    io::stderr().is_terminal()
}

/// A text with its control characters escaped.
pub(crate) fn plain(text: &str) -> String {
    let escaped = |letter: char| {
        let (escape, letter) =
            if letter.is_control() { (Some(letter.escape_default()), None) } else { (None, Some(letter)) };
        escape.into_iter().flatten().chain(letter)
    };
    text.chars().flat_map(escaped).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Keeps so many bytes, then breaks like a pipe.
    #[derive(Clone, Default)]
    struct Pipe {
        kept: Arc<Mutex<Vec<u8>>>,
        room: usize,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut kept = self.kept.lock().unwrap();
            if kept.len() >= self.room {
                return Err(ErrorKind::BrokenPipe.into());
            }
            kept.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(room: usize, write: impl FnOnce(&mut Output) -> Result<(), Error>) -> String {
        let pipe = Pipe { room, ..Pipe::default() };
        let mut output = Output { sink: Some(Box::new(pipe.clone())) };
        write(&mut output).unwrap();
        String::from_utf8(pipe.kept.lock().unwrap().clone()).unwrap()
    }

    /// What a command prints.
    pub(crate) fn printed(write: impl FnOnce(&mut Output) -> Result<(), Error>) -> String {
        written(usize::MAX, write)
    }

    #[test]
    fn a_reader_that_leaves_is_no_failure() {
        let text = written(3, |output| (0..10).try_for_each(|line| output.line(line)));
        assert_eq!(text, "0\n1\n");
        let text = written(1, |output| output.copy(io::repeat(b'x').take(1 << 20), Error::Output));
        assert_eq!(text.len(), 64 * 1024);
    }

    #[test]
    fn a_body_ends_with_a_line_end() {
        assert_eq!(printed(|output| output.copy(&b"{}"[..], Error::Output)), "{}\n");
        assert_eq!(printed(|output| output.copy(&b"{}\n"[..], Error::Output)), "{}\n");
        assert_eq!(printed(|output| output.copy(&b""[..], Error::Output)), "");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(printed(|output| output.line("a\u{1b}[2Jb\nü")), "a\\u{1b}[2Jb\\nü\n");
    }
}
