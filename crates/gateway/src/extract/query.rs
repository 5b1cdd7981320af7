//! The query string, as pairs.

use std::ops::RangeInclusive;

use actix_web::HttpRequest;
use actix_web::web;
use intake_types::{Refusal, shortened};

/// The parameters of a query string, in order.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self::parse(request.query_string())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text);
        Self(pairs.map(web::Query::into_inner).unwrap_or_default())
    }

    /// The parameter of this name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All parameters of this name.
    pub(crate) fn every(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// A number within bounds.
    pub(crate) fn number(&self, name: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.first(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (bounds.start(), bounds.end());
            let problem = format!("must be a number from {least} to {most}, got `{}`", shortened(text));
            Refusal::parameter(name, problem)
        })
    }

    /// True or false; false where it is not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.first(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(text) => {
                let problem = format!("must be true or false, got `{}`", shortened(text));
                Err(Refusal::parameter(name, problem))
            }
        }
    }

    /// Words with commas between them; none where it is not there.
    pub(crate) fn words<T>(
        &self,
        name: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Refusal> {
        let Some(text) = self.first(name) else { return Ok(Vec::new()) };
        let read = |word: &str| {
            parse(word.trim()).ok_or_else(|| {
                let problem = format!("`{}` is not allowed; allowed: {allowed}", shortened(word.trim()));
                Refusal::parameter(name, problem)
            })
        };
        text.split(',').map(read).collect()
    }

    /// The parameters but those of these names.
    pub(crate) fn without(&self, names: &[&str]) -> Vec<(&str, &str)> {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        others.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// All of them.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// The names that are not among these.
    pub(crate) fn others<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|(name, _)| name.as_str()).filter(|name| !known.contains(name))
    }

    /// Refuses a name that is there twice: no answer to "which one counts" would be safe.
    pub(crate) fn once(&self) -> Result<(), Refusal> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(<[&str]>::first) {
            None => Ok(()),
            Some(name) => {
                Err(Refusal::parameter(shortened(name), "sent more than once in the query; send it once"))
            }
        }
    }

    /// Refuses what is not among these: a filter that is ignored would be a wrong answer.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.others(known).next() {
            None => Ok(()),
            Some(name) => {
                let problem = format!("not available here; the query may hold {}", known.join(", "));
                Err(Refusal::parameter(shortened(name), problem))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_refused() {
        let query = Query::parse("limit=10&payload=true&only=a,%20b&flag=yes&none=");
        assert_eq!(query.number("limit", 1..=10), Ok(Some(10)));
        assert_eq!(query.number("other", 1..=10), Ok(None));
        let told = query.number("limit", 1..=9).unwrap_err().to_string();
        assert_eq!(told, "limit: must be a number from 1 to 9, got `10`");
        assert!(query.number("none", 0..=9).is_err());
        assert_eq!((query.flag("payload"), query.flag("other")), (Ok(true), Ok(false)));
        assert!(query.flag("flag").is_err());
        let word = |word: &str| ["a", "b"].contains(&word).then(|| word.to_owned());
        assert_eq!(query.words("only", "a, b", word), Ok(vec!["a".to_owned(), "b".to_owned()]));
        let told = query.words("none", "a, b", word).unwrap_err().to_string();
        assert_eq!(told, "none: `` is not allowed; allowed: a, b");
    }

    #[test]
    fn names_are_found_and_others_are_told() {
        let query = Query::parse("token=a%20b&only=failed&=&x");
        assert_eq!(query.first("token"), Some("a b"));
        assert_eq!(query.first("x"), Some(""));
        assert_eq!(query.first("wait"), None);
        let refusal = query.only(&["token", "format"]).unwrap_err();
        assert_eq!(refusal.to_string(), "only: not available here; the query may hold token, format");
        assert!(Query::parse("").only(&[]).is_ok());
        assert!(query.once().is_ok());
        let refusal = Query::parse("format=xml&x&format=json").once().unwrap_err();
        assert_eq!(refusal.to_string(), "format: sent more than once in the query; send it once");
    }
}
