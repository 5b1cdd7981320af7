//! What a message is, said beside it, for whoever does not unpack it.

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A job with all of its records.
    Import,
    /// Some records of a stream.
    Part,
    /// The good end of a stream: from here on it is a job.
    Seal,
    /// A stream that did not come to its end.
    Cut,
    /// A stream that was sent before.
    Repeated,
}

impl MessageKind {
    const ALL: [Self; 5] = [Self::Import, Self::Part, Self::Seal, Self::Cut, Self::Repeated];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Part => "part",
            Self::Seal => "seal",
            Self::Cut => "cut",
            Self::Repeated => "repeated",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it is of a stream that is no job yet, or never will be one.
    pub fn is_piece(self) -> bool {
        match self {
            Self::Part | Self::Cut | Self::Repeated => true,
            Self::Import | Self::Seal => false,
        }
    }
}
