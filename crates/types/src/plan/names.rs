//! The names of what differs of a row, or of what a new one has. Very many rows are told of, and most have many: those of one
//! row are one text.

use serde::{Serialize, Serializer};

/// Ends each name, and is in none.
const END: char = '\0';

/// Bytes that are taken at once: enough for most.
const ROOM: usize = 96;

/// Some names, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(String);

impl Names {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator(END)
    }

    /// Adds one that is put together of two texts.
    pub(super) fn push(&mut self, prefix: &str, name: &str) {
        if self.0.is_empty() {
            self.0.reserve(ROOM);
        }
        self.0.extend([prefix, name]);
        self.0.push(END);
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push("", name));
        all
    }
}

/// As an array.
impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
