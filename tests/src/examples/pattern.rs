//! Text in which `…` stands for any characters.

/// Whether a text is as expected.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('…') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces = rest.split('…');
    let end = pieces.next_back().unwrap_or_default();
    for piece in pieces {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn what_is_left_out_may_be_anything() {
        for (pattern, text) in [
            ("", ""),
            ("ab", "ab"),
            ("…", ""),
            ("…", "x"),
            ("a…", "a"),
            ("a…c", "abbc"),
            ("…b…d", "abcbd"),
            ("a……c", "ac"),
        ] {
            assert!(fits(pattern, text), "{pattern:?} {text:?}");
        }
        for (pattern, text) in [("a", "ab"), ("a…", "ba"), ("…a", "ab"), ("a…a", "a"), ("a…b…c", "acb")]
        {
            assert!(!fits(pattern, text), "{pattern:?} {text:?}");
        }
    }
}
