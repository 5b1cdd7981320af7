//! Connection strings in libpq's two forms: `postgres://…?key=value` and `key=value key=value`.

/// Adds a parameter unless the string names it already.
pub(crate) fn with_default(conninfo: &str, key: &str, value: &str) -> String {
    if names(conninfo, key) { conninfo.to_owned() } else { with(conninfo, key, value) }
}

/// Adds a parameter; it overrides one of the same name, because libpq takes the last.
pub(crate) fn with(conninfo: &str, key: &str, value: &str) -> String {
    if !is_uri(conninfo) {
        return format!("{conninfo} {key}={value}");
    }
    let separator = if query(conninfo).is_some() { '&' } else { '?' };
    format!("{conninfo}{separator}{key}={value}")
}

fn names(conninfo: &str, key: &str) -> bool {
    let named = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    if is_uri(conninfo) {
        query(conninfo).is_some_and(|query| query.split('&').any(named))
    } else {
        conninfo.split_whitespace().any(named)
    }
}

fn is_uri(conninfo: &str) -> bool {
    conninfo.starts_with("postgres://") || conninfo.starts_with("postgresql://")
}

/// What follows the `?` of a URI; one in a password does not count.
fn query(uri: &str) -> Option<&str> {
    let after_password = uri.rsplit_once('@').map_or(uri, |(_, rest)| rest);
    after_password.split_once('?').map(|(_, query)| query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_added_in_the_form_at_hand() {
        assert_eq!(with_default("postgres://u:p@h/d", "a", "1"), "postgres://u:p@h/d?a=1");
        assert_eq!(with_default("postgresql://u:p?@h/d?b=2", "a", "1"), "postgresql://u:p?@h/d?b=2&a=1");
        assert_eq!(with_default("host=h dbname=d", "a", "1"), "host=h dbname=d a=1");
    }

    #[test]
    fn a_parameter_that_is_given_stays() {
        assert_eq!(with_default("postgres://h/d?b=2&a=3", "a", "1"), "postgres://h/d?b=2&a=3");
        assert_eq!(with_default("host=h a=3", "a", "1"), "host=h a=3");
    }
}
