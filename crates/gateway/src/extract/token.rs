//! Whose request it is.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use intake_types::Refusal;
use intake_types::catalog::{Account, Catalog};

use super::Query;

/// The tokens that a request carries outside its body. Has no `Debug`: a token is never shown.
pub(crate) struct Credentials {
    header: Option<String>,
    query: Option<String>,
}

impl Credentials {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        Self { header, query: Query::of(request).first("token").map(str::to_owned) }
    }

    /// The account, where it is known before the body is read.
    pub(crate) fn account_by_header<'c>(&self, catalog: &'c Catalog) -> Option<&'c Account> {
        self.header.as_deref().and_then(|token| catalog.account_of(token))
    }

    /// The account of whoever sent this. The first token found decides: header, body, query.
    pub(crate) fn account<'c>(
        &self,
        body: Result<Option<&str>, Refusal>,
        catalog: &'c Catalog,
    ) -> Result<&'c Account, Refusal> {
        let token = match self.header.as_deref() {
            Some(token) => token,
            None => body?.or(self.query.as_deref()).ok_or(Refusal::NoToken)?,
        };
        catalog.account_of(token).ok_or(Refusal::UnknownToken)
    }
}

/// The token of a `Bearer` credential; another scheme is the business of whoever put it there.
fn bearer(value: &[u8]) -> Option<String> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| String::from_utf8_lossy(token.trim_ascii()).into_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use intake_types::TokenHash;

    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        for (token, name) in [("header", "h"), ("body", "b"), ("query", "q")] {
            let account =
                Account { name: name.to_owned(), databases: std::iter::empty().collect(), callbacks: None };
            catalog.accounts.insert(name.to_owned(), account);
            catalog.tokens.insert(TokenHash::of(token), name.to_owned());
        }
        catalog
    }

    fn account(authorization: Option<&str>, body: Option<&str>, uri: &str) -> Result<String, Refusal> {
        let mut request = TestRequest::with_uri(uri);
        if let Some(value) = authorization {
            request = request.insert_header((AUTHORIZATION, value));
        }
        let credentials = Credentials::of(&request.to_http_request());
        credentials.account(Ok(body), &catalog()).map(|account| account.name.clone())
    }

    #[test]
    fn the_first_token_found_decides() {
        let name = |text: &str| Ok(text.to_owned());
        assert_eq!(account(Some("Bearer header"), Some("body"), "/?token=query"), name("h"));
        assert_eq!(account(None, Some("body"), "/?token=query"), name("b"));
        assert_eq!(account(None, None, "/?token=query"), name("q"));
        assert_eq!(account(None, None, "/"), Err(Refusal::NoToken));
    }

    #[test]
    fn a_wrong_token_is_not_made_good_by_a_later_one() {
        assert_eq!(account(Some("bearer wrong"), Some("body"), "/"), Err(Refusal::UnknownToken));
        assert_eq!(account(Some("Bearer "), Some("body"), "/"), Err(Refusal::UnknownToken));
        assert_eq!(account(None, Some("wrong"), "/?token=query"), Err(Refusal::UnknownToken));
    }

    #[test]
    fn another_scheme_is_no_token() {
        assert_eq!(account(Some("Basic aGVhZGVy"), Some("body"), "/"), Ok("b".to_owned()));
        assert_eq!(account(Some("Bearer"), None, "/"), Err(Refusal::NoToken));
    }
}
