//! The callbacks of an account: declared, checked, compared. Secrets are never repeated.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Change, Token};
use crate::callback::{CallbackHost, CallbackSecret, Callbacks};

/// Whom an account may have told that a job has ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbacksDeclaration {
    /// Hosts by name, or origins.
    pub hosts: Vec<String>,
    /// One secret, or several that all sign. One that is written as the catalogue shows it stays.
    #[serde(rename = "secret", deserialize_with = "one_or_several")]
    pub secrets: Vec<Token>,
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Token>, D::Error> {
    struct OneOrSeveral;

    impl<'de> Visitor<'de> for OneOrSeveral {
        type Value = Vec<Token>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a secret, or a list of secrets")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![Token(text.to_owned())])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut secrets = Vec::new();
            while let Some(secret) = items.next_element()? {
                secrets.push(secret);
            }
            Ok(secrets)
        }
    }

    deserializer.deserialize_any(OneOrSeveral)
}

/// What is wrong with it, each with its path. `known` is what the account has now.
pub(super) fn problems(
    path: &str,
    declared: &CallbacksDeclaration,
    known: Option<&Callbacks>,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut hosts = BTreeSet::new();
    for (at, text) in declared.hosts.iter().enumerate() {
        match CallbackHost::parse(text) {
            Ok(host) if hosts.contains(&host) => {
                problems.push(format!("{path}.hosts[{at}]: {host} is declared twice"));
            }
            Ok(host) => {
                hosts.insert(host);
            }
            Err(problem) => problems.push(format!("{path}.hosts[{at}]: {problem}")),
        }
    }
    if declared.hosts.is_empty() {
        problems
            .push(format!("{path}.hosts: at least one is needed; for no callbacks leave `callbacks` out"));
    }
    let (count, most) = (declared.secrets.len(), Callbacks::MOST_SECRETS);
    if count == 0 || count > most {
        problems.push(format!("{path}.secret: 1 to {most} secrets are expected, got {count}"));
    }
    let mut secrets = Vec::new();
    for (at, text) in declared.secrets.iter().enumerate() {
        match secret(text, known) {
            Ok(secret) if secrets.contains(&secret) => {
                problems.push(format!("{path}.secret[{at}]: it is declared twice"));
            }
            Ok(secret) => secrets.push(secret),
            Err(problem) => problems.push(format!("{path}.secret[{at}]: {problem}")),
        }
    }
    problems
}

fn secret(Token(text): &Token, known: Option<&Callbacks>) -> Result<CallbackSecret, String> {
    if !CallbackSecret::is_masked(text) {
        return CallbackSecret::parse(text);
    }
    // Its fingerprint is all that it says.
    let mut known = known.into_iter().flat_map(|known| &known.secrets);
    let found = known.find(|secret| secret.masked() == *text).cloned();
    found.ok_or_else(|| format!("{text:?} is none of the account's secrets; write the secret itself"))
}

/// What a declaration without problems makes of it.
pub(super) fn build(declared: &CallbacksDeclaration, known: Option<&Callbacks>) -> Callbacks {
    Callbacks {
        hosts: declared.hosts.iter().filter_map(|text| CallbackHost::parse(text).ok()).collect(),
        secrets: declared.secrets.iter().filter_map(|text| secret(text, known).ok()).collect(),
    }
}

/// How they differ, in lines about `subject`.
pub(super) fn changes(subject: &str, old: Option<&Callbacks>, new: Option<&Callbacks>) -> Vec<Change> {
    let hosts = |side: Option<&Callbacks>| {
        side.map_or_else(|| "none".to_owned(), |side| listed(side.hosts.iter().map(ToString::to_string)))
    };
    let secrets = |side: Option<&Callbacks>| {
        side.map_or_else(
            || "none".to_owned(),
            |side| listed(side.secrets.iter().map(CallbackSecret::fingerprint)),
        )
    };
    let lines =
        [("callbacks to", hosts(old), hosts(new)), ("callbacks signed by", secrets(old), secrets(new))];
    let altered = lines.into_iter().filter(|(_, old, new)| old != new);
    altered.map(|(what, old, new)| Change::altered(format!("{subject}: {what} {old} -> {new}"))).collect()
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Declaration};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn read(callbacks: &str) -> Declaration {
        serde_saphyr::from_str(&format!("accounts: [{{ name: shop{callbacks} }}]")).unwrap()
    }

    fn declare(catalog: &Catalog, hosts: &str, secret: &str) -> Result<(Catalog, Vec<String>), Vec<String>> {
        let callbacks = format!(", callbacks: {{ hosts: [{hosts}], secret: {secret} }}");
        let (target, changes) = catalog.declare(&read(&callbacks))?;
        Ok((target, changes.iter().map(ToString::to_string).collect()))
    }

    #[test]
    fn what_changes_is_told_without_the_secret() {
        let none = Catalog::default().declare(&read("")).unwrap().0;
        let (one, lines) = declare(&none, "b.example.com, 'http://127.0.0.1:9'", SECRET).unwrap();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ~ account "shop": callbacks to none -> b.example.com, http://127.0.0.1:9
        ~ account "shop": callbacks signed by none -> f74e1720
        "#);
        let (two, lines) = declare(&one, "b.example.com", &format!("[{SECRET}, {OTHER}]")).unwrap();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ~ account "shop": callbacks to b.example.com, http://127.0.0.1:9 -> b.example.com
        ~ account "shop": callbacks signed by f74e1720 -> f74e1720, 9d908ecf
        "#);
        let (_, lines) = declare(&Catalog::default(), "b.example.com", SECRET).unwrap();
        assert_eq!(lines.len(), 3, "{lines:?}");
        let lines = two.declare(&read("")).unwrap().1;
        assert!(lines[1].to_string().ends_with("-> none"), "{lines:?}");
        assert!(
            !format!("{two:?}{:?}", read(&format!(", callbacks: {{ hosts: [], secret: {SECRET} }}")))
                .contains("MfKQ")
        );
    }

    #[test]
    fn a_secret_as_it_is_shown_stays() {
        let (one, _) =
            declare(&Catalog::default(), "b.example.com", &format!("[{SECRET}, {OTHER}]")).unwrap();
        let shown: Vec<String> = one.accounts["shop"]
            .callbacks
            .iter()
            .flat_map(|callbacks| &callbacks.secrets)
            .map(CallbackSecret::masked)
            .collect();
        let (again, lines) = declare(&one, "b.example.com", &format!("[{}]", shown.join(", "))).unwrap();
        assert_eq!((again, lines), (one, Vec::new()));
        let problems = declare(&Catalog::default(), "b.example.com", &shown[0]).unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"accounts[0].callbacks.secret[0]: "whsec_****f74e1720" is none of the account's secrets; write the secret itself"#);
    }

    #[test]
    fn each_mistake_has_its_path() {
        let problems =
            declare(&Catalog::default(), "a b, b.example.com, B.example.com, 10.0.0.5", "whsec_short")
                .unwrap_err();
        insta::assert_snapshot!(problems.join("\n"), @r#"
        accounts[0].callbacks.hosts[0]: "a b" will not do: a host's name such as hooks.example.com is expected, or an origin such as http://127.0.0.1:9000
        accounts[0].callbacks.hosts[2]: b.example.com is declared twice
        accounts[0].callbacks.hosts[3]: "10.0.0.5" will not do: a host's name such as hooks.example.com is expected, or an origin such as http://127.0.0.1:9000
        accounts[0].callbacks.secret[0]: a secret is whsec_ and the base64 of 24 to 64 random bytes, such as `echo whsec_$(openssl rand -base64 32)` makes
        "#);
        assert_eq!(declare(&Catalog::default(), "", "[]").unwrap_err().len(), 2);
        let twice =
            declare(&Catalog::default(), "a.example.com", &format!("[{SECRET}, {SECRET}]")).unwrap_err();
        assert_eq!(twice, ["accounts[0].callbacks.secret[1]: it is declared twice"]);
        let wrong = serde_saphyr::from_str::<Declaration>(
            "accounts: [{ name: a, callbacks: { hosts: [b], secret: {whsec_x: 1} } }]",
        );
        assert!(wrong.unwrap_err().to_string().contains("a secret, or a list of secrets"));
    }
}
