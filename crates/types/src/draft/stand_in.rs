//! The request's own match values: they stand in for those that its only record lacks.
//!
//! They say whom the record means, no more: a profile that is met keeps its fields as they are, whatever list or set the
//! value was found in. A profile that is made has them in its fields, or it could not be found again.

use serde_json::Value;

use super::matching::{Matching, Named};
use super::reader::{Reader, fail};
use super::{Draft, reader};
use crate::{Code, Failure, Field, MatchRule, Problem};

impl Reader<'_> {
    /// Notes what stands in, and warns of what is not needed since the record says something else.
    pub(super) fn stand_in(&self, draft: &mut Draft, named: &Named) -> Result<(), Failure> {
        for (parameter, field) in fields(&self.header.rule) {
            let Some(value) = self.header.match_values.get(parameter) else { continue };
            let Some(field) = self.database.field(field) else { continue };
            let stored = self.checked(parameter, field, value)?;
            let keys = field.identity_keys(&stored);
            let matching = Matching { header: self.header, database: self.database, draft, named };
            let own = matching.own_keys(field);
            if own.is_empty() {
                draft.stand_ins.push((field.name.clone(), stored));
            } else if !keys.iter().all(|key| own.contains(key)) {
                let text = "ignored: the record has a match value of its own";
                draft.warnings.push(reader::warn(Code::UnknownParameter, parameter, text));
            }
        }
        Ok(())
    }

    fn checked(&self, parameter: &str, field: &Field, value: &Value) -> Result<Value, Failure> {
        let checked = field.field_type.check(value, self.database.default_region.as_deref());
        checked.map_err(|Problem { code, path, text }| fail(code, format_args!("{parameter}{path}"), text))
    }
}

/// The parameters of a mode, each with the field that it is a value of. Of the other modes nothing is stored: their
/// values are looked for as they are.
fn fields(rule: &MatchRule) -> Vec<(&'static str, &str)> {
    match rule {
        MatchRule::Email | MatchRule::EmailProfile | MatchRule::EmailSub => vec![("email", "email")],
        MatchRule::Phone | MatchRule::PhoneSub => vec![("phone", "phones")],
        MatchRule::EmailPhone | MatchRule::EmailPhoneSub => vec![("email", "email"), ("phone", "phones")],
        MatchRule::Custom { field } => vec![("field_value", field)],
        MatchRule::ProfileId | MatchRule::PushSub | MatchRule::CustomSub { .. } => Vec::new(),
    }
}
