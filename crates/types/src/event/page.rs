//! Pages: the events of one transaction as they wait in the outbox, by strand and topic, and messages made of them.

use std::collections::BTreeMap;

use super::{Event, Strand};

/// What the events of a page are about; consumers choose by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Profiles and their subscriptions.
    Profiles,
    /// Jobs.
    Jobs,
}

impl Topic {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Profiles, Self::Jobs];

    /// The word in the database and in routing keys.
    pub fn word(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::Jobs => "jobs",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.word() == word)
    }
}

/// A JSON array of events of one strand and topic, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The strand of all of them.
    pub strand: Strand,
    /// What they are about.
    pub topic: Topic,
    /// How many there are; never none.
    pub events: u32,
    /// The array.
    pub json: String,
}

impl Page {
    /// Size at which a page is closed, so that no message of whole pages can become too large for the broker.
    pub const FULL_BYTES: usize = 256 << 10;
}

/// A page that is being written.
struct Open {
    events: u32,
    json: Vec<u8>,
}

impl Open {
    fn new() -> Self {
        Self { events: 0, json: vec![b'['] }
    }

    #[expect(clippy::expect_used, reason = "writing to memory cannot fail, and all keys are text")]
    fn push(&mut self, event: &Event<'_>) {
        if self.events > 0 {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, event).expect("an event is writable");
        self.events += 1;
    }

    #[expect(clippy::expect_used, reason = "JSON is UTF-8")]
    fn close(mut self, (strand, topic): (Strand, Topic)) -> Page {
        self.json.push(b']');
        Page {
            strand,
            topic,
            events: self.events,
            json: String::from_utf8(self.json).expect("JSON is UTF-8"),
        }
    }
}

/// Puts events into pages: one for each strand and topic, and a further one where that is full. Pages of a strand are in order.
///
/// # Panics
/// Never: writing to memory cannot fail.
pub fn pages<'a>(events: impl Iterator<Item = Event<'a>>) -> Vec<Page> {
    let mut open: BTreeMap<(Strand, Topic), Open> = BTreeMap::new();
    let mut pages = Vec::new();
    for event in events {
        let place = (event.strand, event.topic);
        let page = open.entry(place).or_insert_with(Open::new);
        page.push(&event);
        if page.json.len() >= Page::FULL_BYTES {
            pages.extend(open.remove(&place).map(|page| page.close(place)));
        }
    }
    pages.extend(open.into_iter().map(|(place, page)| page.close(place)));
    pages
}

/// One JSON array of the events of several pages.
pub fn join<'a>(pages: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = "[".to_owned();
    for page in pages {
        if joined.len() > 1 {
            joined.push(',');
        }
        let events = page.strip_prefix('[').and_then(|page| page.strip_suffix(']'));
        joined.push_str(events.unwrap_or_default());
    }
    joined.push(']');
    joined
}
