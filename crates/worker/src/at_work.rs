//! How many imports this process is applying, from their first chunk to their last; those that are applied together as one.

use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub(crate) struct AtWork(AtomicUsize);

/// One of them, until it is dropped.
pub(crate) struct Turn<'a>(&'a AtWork);

impl AtWork {
    pub(crate) fn begin(&self) -> Turn<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(self)
    }
}

impl Turn<'_> {
    /// Whether there is no other.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_alone_while_there_is_no_other() {
        let at_work = AtWork::default();
        let one = at_work.begin();
        assert!(one.is_alone());
        let other = at_work.begin();
        assert!(!one.is_alone() && !other.is_alone());
        drop(one);
        assert!(other.is_alone());
    }
}
