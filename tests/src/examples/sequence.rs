//! Sequences in which `…` stands for any number of items.

/// What stands in a sequence.
pub(super) enum Item<T> {
    /// One item of this kind.
    One(T),
    /// Any number of any.
    Any,
}

/// Whether a sequence is as expected.
pub(super) fn aligned<E, A>(expected: &[Item<E>], actual: &[A], fits: &impl Fn(&E, &A) -> bool) -> bool {
    match (expected, actual) {
        ([], _) => actual.is_empty(),
        ([Item::Any, rest @ ..], _) => {
            (0..=actual.len()).any(|skipped| aligned(rest, actual.get(skipped..).unwrap_or_default(), fits))
        }
        ([Item::One(_), ..], []) => false,
        ([Item::One(wanted), rest @ ..], [first, others @ ..]) => {
            fits(wanted, first) && aligned(rest, others, fits)
        }
    }
}

/// Lines of text, `…` alone being any number of them.
pub(super) fn of(text: &str) -> Vec<Item<&str>> {
    text.trim_end().lines().map(|line| if line.trim() == "…" { Item::Any } else { Item::One(line) }).collect()
}
