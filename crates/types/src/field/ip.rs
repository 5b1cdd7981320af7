//! IP addresses of both versions, stored in their canonical text (RFC 5952).

use std::net::IpAddr;

use serde_json::Value;

use super::Problem;
use crate::Code;

const ALLOWED: &str = "an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1";

pub(super) fn check(value: &Value) -> Result<Value, Problem> {
    let Value::String(text) = value else {
        return Err(Problem::unfit(Code::InvalidType, value, ALLOWED));
    };
    match text.trim().parse::<IpAddr>() {
        Ok(address) => Ok(Value::String(address.to_string())),
        Err(_) => Err(Problem::unfit(Code::InvalidIp, value, ALLOWED)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_have_one_spelling() {
        for (sent, stored) in [
            (" 127.0.0.1 ", "127.0.0.1"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ] {
            assert_eq!(check(&json!(sent)), Ok(json!(stored)));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1.2.3", "256.1.1.1", "01.2.3.4", "1.2.3.4:80", "fe80::1%eth0", "10.0.0.0/8", "host"]
        {
            assert_eq!(check(&json!(text)).unwrap_err().code, Code::InvalidIp, "{text}");
        }
        assert_eq!(check(&json!(1)).unwrap_err().code, Code::InvalidType);
    }
}
