//! E-mail addresses, by the rule of HTML forms that most addresses were collected by, in one spelling per mailbox.
//!
//! Lower case throughout: no provider in use tells local parts apart by case, and people type them either way.

use std::cell::RefCell;

use serde_json::Value;
use validator::ValidateEmail;

use super::{Problem, last};
use crate::Code;

const ALLOWED: &str = "an e-mail address such as name@example.com";
/// RFC 5321, 4.5.3.1.3: a path has at most 256 octets, its angle brackets included.
const LONGEST: usize = 254;

pub(super) fn check(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::String(text) => normalise(text).map(Value::String),
        _ => Err(Problem::unfit(Code::InvalidType, value, ALLOWED)),
    }
}

/// Checks an address and spells it the one way that it is stored and compared: trimmed, lower case, domain in ASCII.
pub(crate) fn normalise(text: &str) -> Result<String, Problem> {
    thread_local! {
        static LAST: RefCell<Option<last::Read>> = const { RefCell::new(None) };
    }
    last::once(&LAST, text, None, || normalised(text))
}

fn normalised(text: &str) -> Result<String, Problem> {
    let unfit = || Problem::unfit_text(Code::InvalidEmail, text, ALLOWED);
    let too_long = || {
        Problem::unfit_text(
            Code::InvalidEmail,
            text,
            &format!("an e-mail address of at most {LONGEST} octets"),
        )
    };
    let (local, domain) = text.trim().rsplit_once('@').ok_or_else(unfit)?;
    // Punycode shrinks nothing to less than a quarter, so what is longer than this cannot become short enough.
    if local.len() + domain.len() > LONGEST * 4 {
        return Err(too_long());
    }
    let domain = idna::domain_to_ascii(domain).ok().ok_or_else(unfit)?;
    // The validator takes host names without a dot and address literals too; nobody is reached by mail there.
    if !domain.contains('.') || domain.contains('[') {
        return Err(unfit());
    }
    let address = format!("{}@{domain}", local.to_ascii_lowercase());
    if address.len() > LONGEST {
        return Err(too_long());
    }
    if address.validate_email() { Ok(address) } else { Err(unfit()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mailbox_has_one_spelling() {
        for (sent, stored) in [
            ("john@example.com", "john@example.com"),
            (" John.DOE+news@Example.COM\n", "john.doe+news@example.com"),
            ("user@пример.рф", "user@xn--e1afmkfd.xn--p1ai"),
            ("user@XN--E1AFMKFD.xn--p1ai", "user@xn--e1afmkfd.xn--p1ai"),
            ("o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"),
            ("a@b.c", "a@b.c"),
        ] {
            assert_eq!(normalise(sent).as_deref(), Ok(stored), "{sent}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "x".repeat(65));
        let long_label = format!("x@{}.com", "x".repeat(64));
        let long = format!("x@{}com", "abcdefg.".repeat(40));
        let huge = format!("x@{}", "я".repeat(100_000));
        for text in [
            "",
            "john",
            "@example.com",
            "john@",
            "john@localhost",
            "john@[127.0.0.1]",
            "john@x [127.0.0.1]",
            "a b@example.com",
            "a@b@example.com",
            "john@example..com",
            "john@.com",
            "john@example.com.",
            "john@-example.com",
            "john@exa_mple.com",
            "имя@example.com",
            "a\0@example.com",
            "John <j@example.com>",
            "a@example.com, b@example.com",
            "\u{212A}@example.com",
            &long_local,
            &long_label,
            &long,
            &huge,
        ] {
            let problem = normalise(text).unwrap_err();
            assert_eq!(problem.code, Code::InvalidEmail, "{text}");
            assert!(problem.text.contains("an e-mail address"), "{}", problem.text);
        }
        assert_eq!(check(&Value::from(1)).unwrap_err().code, Code::InvalidType);
    }
}
