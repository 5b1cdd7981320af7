//! Files, and `-` for standard input.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::error::Error;

const STANDARD_INPUT: &str = "-";

/// A file's name, for people.
pub(crate) fn name(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// Whether standard input is meant.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == STANDARD_INPUT
}

/// A file, to be read from its start.
pub(crate) fn open(path: &Path) -> Result<fs::File, Error> {
    fs::File::open(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

/// All bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = if is_standard_input(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_length| bytes)
    } else {
        fs::read(path)
    };
    bytes.map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}
