//! A question for profiles: the match value that a request names, as keys to look up.

use serde_json::Value;

use crate::batch::matching::{VALUES, unused_parameters};
use crate::batch::{matching, resource, unknown_parameters};
use crate::catalog::{Catalog, Database};
use crate::field::scalar;
use crate::match_values::{self, email_key, phone_key};
use crate::subscription::push_key;
use crate::{Envelope, Key, MatchRule, MatchValues, Places, Problem, Refusal, Warning};

/// Parameters of a question, apart from the match values.
const KNOWN: [&str; 6] = ["token", "format", "db_id", "matching", "field_name", "resource_id"];

/// The match value of a `profiles/get`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Whom it means: where there are two lists, whoever carries a value of either.
    pub values: MatchValues,
    /// The places in which they count.
    pub places: Places,
    /// What the client should know: parameters that were ignored.
    pub warnings: Vec<Warning>,
}

impl Lookup {
    /// Reads the question from a request for `database`, which the caller has found to be the account's.
    ///
    /// # Errors
    /// When the matching is unknown, or its value is missing or not one that its field could hold.
    pub fn of(envelope: &Envelope<'_>, catalog: &Catalog, database: &Database) -> Result<Self, Refusal> {
        let rule = matching::rule(envelope, catalog, database)?;
        let question = Question { envelope, database, rule: &rule };
        let values = question.values()?.ok_or_else(|| question.missing())?;
        let places = rule.places(resource(envelope, catalog, database)?);
        Ok(Self { values, places, warnings: question.warnings() })
    }
}

struct Question<'a> {
    envelope: &'a Envelope<'a>,
    database: &'a Database,
    rule: &'a MatchRule,
}

impl Question<'_> {
    fn values(&self) -> Result<Option<MatchValues>, Refusal> {
        let (email, phone) = match self.rule {
            MatchRule::ProfileId => return self.id(),
            MatchRule::PushSub => return self.token(),
            MatchRule::Custom { field } => return self.custom(field),
            MatchRule::CustomSub { field } => {
                let text = self.text("field_value")?;
                let keys = text.map(|text| match_values::member_keys(field, &text, self.database));
                return Ok(MatchValues::first_of(keys));
            }
            MatchRule::Email | MatchRule::EmailProfile | MatchRule::EmailSub => (true, false),
            MatchRule::Phone | MatchRule::PhoneSub => (false, true),
            MatchRule::EmailPhone | MatchRule::EmailPhoneSub => (true, true),
        };
        let mut lists = Vec::new();
        if email {
            lists.push(self.key("email", email_key)?);
        }
        if phone {
            lists.push(self.key("phone", |text| phone_key(text, self.database))?);
        }
        Ok(MatchValues::first_of(lists))
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = unknown_parameters(self.envelope, &[&KNOWN[..], &VALUES].concat());
        warnings.truncate(Envelope::MOST_TOLD);
        warnings.extend(unused_parameters(self.envelope, self.rule));
        warnings
    }

    fn missing(&self) -> Refusal {
        let names = self.rule.parameters();
        let together = if *self.rule == MatchRule::PushSub { " and " } else { " or " };
        let (word, wanted) = (self.rule.word(), names.join(together));
        let problem = format!("required by matching `{word}`: the value to look for ({wanted})");
        Refusal::parameter(names.first().copied().unwrap_or_default(), problem)
    }

    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let Some(value) = self.envelope.sent(name) else { return Ok(None) };
        matching::check_value(name, value)?;
        Ok(scalar(value).filter(|text| !text.is_empty()).map(str::to_owned))
    }

    fn key(&self, name: &str, read: impl Fn(&str) -> Result<Key, Problem>) -> Result<Vec<Key>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(Vec::new()) };
        let key = read(&text).map_err(|problem| Refusal::parameter(name, problem.text))?;
        Ok(vec![key])
    }

    /// An id that no profile can have is nobody's: the answer is empty, as for any other unknown one.
    fn id(&self) -> Result<Option<MatchValues>, Refusal> {
        let Some(text) = self.text("profile_id")? else { return Ok(None) };
        let nobody = || crate::ProfileId(uuid::Uuid::nil());
        Ok(Some(MatchValues::Id(match_values::profile_id(&text).unwrap_or_else(nobody))))
    }

    fn token(&self) -> Result<Option<MatchValues>, Refusal> {
        let (provider, subscription_id) = (self.text("provider")?, self.text("subscription_id")?);
        let missing = |name, other| {
            let problem = format!("required beside `{other}` by matching `{}`", self.rule.word());
            Err(Refusal::parameter(name, problem))
        };
        match (provider, subscription_id) {
            (Some(provider), Some(id)) => Ok(MatchValues::first_of([vec![push_key(&provider, &id)]])),
            (None, None) => Ok(None),
            (None, Some(_)) => missing("provider", "subscription_id"),
            (Some(_), None) => missing("subscription_id", "provider"),
        }
    }

    fn custom(&self, field: &str) -> Result<Option<MatchValues>, Refusal> {
        let name = "field_value";
        let wrong = |problem: String| Refusal::parameter(name, problem);
        let Some(value) = self.envelope.sent(name) else { return Ok(None) };
        matching::check_value(name, value)?;
        let field = self.database.fields.get(field);
        let field = field.ok_or_else(|| wrong(format!("database {} has no such field", self.database.id)))?;
        let region = self.database.default_region.as_deref();
        let stored = field.field_type.check(value, region).map_err(|problem| wrong(problem.text))?;
        let values = (stored != Value::Null).then(|| MatchValues::of_field(field, &stored)).flatten();
        values.map(Some).ok_or_else(|| wrong("a value that is not empty is expected".to_owned()))
    }
}
