//! The text that a costly check read last. A record mostly has an address or a number twice: in its field and in a subscription.

use std::cell::RefCell;
use std::thread::LocalKey;

use super::Problem;

/// Of one kind of text, what was read last on this thread.
pub(super) type Last = LocalKey<RefCell<Option<Read>>>;

/// A text, and what it reads as in a region.
pub(super) struct Read {
    text: String,
    region: Option<String>,
    stored: String,
}

/// What a text reads as, without reading it again when it was the last.
pub(super) fn once(
    last: &'static Last,
    text: &str,
    region: Option<&str>,
    read: impl FnOnce() -> Result<String, Problem>,
) -> Result<String, Problem> {
    let is_it = |last: &&Read| last.text == text && last.region.as_deref() == region;
    if let Some(known) = last.with_borrow(|last| last.as_ref().filter(is_it).map(|last| last.stored.clone()))
    {
        return Ok(known);
    }
    let stored = read()?;
    last.set(Some(Read { text: text.to_owned(), region: region.map(str::to_owned), stored: stored.clone() }));
    Ok(stored)
}
