//! Where the gateway is, and the token to show it.

use std::net::IpAddr;
use std::str::FromStr;

use clap::Args;
use secrecy::SecretString;
use ureq::http::Uri;

/// Where the gateway is, and who asks. The doc comments are the `--help`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct Config {
    /// Address of the gateway, `http://` or `https://`.
    ///
    /// Certificates are checked against those that the system trusts. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are
    /// honoured.
    #[arg(long, env = "INTAKE_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: Address,

    /// API token.
    ///
    /// Better given in the environment: other users of the machine can see the arguments of a command.
    #[arg(long, env = "INTAKE_TOKEN", hide_env_values = true)]
    pub(crate) token: SecretString,
}

/// The address of a gateway, maybe with a path that a proxy adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// The URL of a path that starts with `/`.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this machine, which no proxy leads to.
    pub(super) fn is_local(&self) -> bool {
        let uri: Option<Uri> = self.0.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        host == "localhost"
            || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim().trim_end_matches('/');
        let uri: Uri =
            text.parse().map_err(|_error| "no URL; an example of one is https://intake.example.com")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("it must start with http:// or https://");
        }
        // Anything here would be shown in messages.
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("user and password are not used; the token says who asks");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("it must end before the first ? or #");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_joined_with_one_slash() {
        let url = |text: &str| text.parse::<Address>().unwrap().join("/api/v1.1/jobs");
        assert_eq!(url("http://127.0.0.1:8080/"), "http://127.0.0.1:8080/api/v1.1/jobs");
        assert_eq!(url("https://example.com/intake"), "https://example.com/intake/api/v1.1/jobs");
    }

    #[test]
    fn what_is_no_address_of_a_gateway_is_refused() {
        for text in
            ["", "127.0.0.1:8080", "ftp://h", "http://", "http://u:p@h", "http://h/?a=b", "http://h/#a", "/x"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        let local = |text: &str| text.parse::<Address>().unwrap().is_local();
        assert!(local("http://127.0.0.1:8080") && local("http://localhost") && local("http://[::1]:80"));
        assert!(!local("http://127.example.com") && !local("https://example.com"));
    }
}
