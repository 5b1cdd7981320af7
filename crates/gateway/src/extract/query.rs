//! The query string, as pairs.

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
