//! Where something stands in a record: made into a text only where somebody is told of it.

use std::fmt;

/// A place in a record, and all that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// A member of the record itself.
    Of(&'a str),
    /// A member of what stands there.
    Member(&'a Path<'a>, &'a str),
    /// An element of what stands there.
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(super) fn member(&'a self, name: &'a str) -> Self {
        Self::Member(self, name)
    }

    pub(super) fn item(&'a self, position: usize) -> Self {
        Self::Item(self, position)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(name) => f.write_str(name),
            Self::Member(within, name) => write!(f, "{within}.{name}"),
            Self::Item(within, position) => write!(f, "{within}[{position}]"),
        }
    }
}
