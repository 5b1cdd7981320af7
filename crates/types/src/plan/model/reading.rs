//! The model's own reading of a record: the first mistake fails it, policies decide about nulls and unknown names.

use super::person::{Slug, nulled};
use super::record::{Op, Reached, Rec, Sub};
use crate::{Header, MatchRule, UnknownFields};

/// Reads a record; gives its warnings, too.
pub(super) fn read(header: &Header, rec: &Rec) -> (Result<Read, Slug>, Vec<Slug>) {
    let mut reading = Reading { header, rec, warnings: Vec::new() };
    (reading.read(), reading.warnings)
}

/// One record being applied.
struct Reading<'a> {
    header: &'a Header,
    rec: &'a Rec,
    warnings: Vec<Slug>,
}

/// A record whose own mistakes are ruled out.
pub(super) struct Read {
    pub(super) email: Option<Op<u8>>,
    pub(super) phones: Option<Op<Vec<u8>>>,
    pub(super) number: Option<Op<i64>>,
    pub(super) code: Option<Op<u8>>,
    pub(super) points: Option<Op<i64>>,
    pub(super) score: Option<Op<i64>>,
    pub(super) tags: Option<Op<Vec<u8>>>,
    pub(super) name: Option<Op<u8>>,
    pub(super) subs: Vec<(Sub, SubFields)>,
}

/// What a subscription does to its fields.
#[derive(Clone)]
pub(super) struct SubFields {
    pub(super) source: Option<Op<u8>>,
    pub(super) hits: Option<Op<i64>>,
}

/// What a field of this kind takes beside `set` and `unset`.
struct Takes {
    add: bool,
    delete: bool,
    unset: bool,
    /// What a value of the wrong type is called.
    wrong: Slug,
}

const PLAIN: Takes = Takes { add: false, delete: false, unset: true, wrong: "invalid_type" };
const NUMBER: Takes = Takes { add: true, ..PLAIN };
const LIST: Takes = Takes { add: true, delete: true, ..PLAIN };

impl Reading<'_> {
    fn op<T: Clone>(&mut self, op: Option<&Op<T>>, takes: &Takes) -> Result<Option<Op<T>>, Slug> {
        match op.cloned() {
            None => Ok(None),
            Some(Op::Bad) => Err(takes.wrong),
            Some(Op::BadAction) => Err("invalid_action"),
            Some(Op::Add(_)) if !takes.add => Err("invalid_action"),
            Some(Op::Delete(_)) if !takes.delete => Err("invalid_action"),
            Some(Op::Unset) if !takes.unset => Err("invalid_action"),
            Some(op) => nulled(op, self.header.nulls, &mut self.warnings),
        }
    }

    /// Member by member, in the order in which they are written: the first mistake counts.
    fn read(&mut self) -> Result<Read, Slug> {
        let rec = self.rec;
        let email = Takes { unset: false, wrong: "invalid_email", ..PLAIN };
        let phones = Takes { wrong: "invalid_phone", ..LIST };
        let mut read = Read {
            email: self.op(rec.email.as_ref(), &email)?,
            phones: self.op(rec.phones.as_ref(), &phones)?,
            number: self.op(rec.number.as_ref(), &NUMBER)?,
            code: self.op(rec.code.as_ref(), &PLAIN)?,
            points: self.op(rec.points.as_ref(), &NUMBER)?,
            score: self.op(rec.score.as_ref(), &NUMBER)?,
            tags: self.op(rec.tags.as_ref(), &LIST)?,
            name: self.op(rec.name.as_ref(), &PLAIN)?,
            subs: Vec::new(),
        };
        if rec.unknown {
            self.unknown()?;
        }
        if rec.token.is_some() && self.header.rule != MatchRule::PushSub {
            self.unknown()?;
            self.unknown()?;
        }
        for sub in &rec.subs {
            match self.sub(sub) {
                Ok(fields) => read.subs.push((sub.clone(), fields)),
                Err(_) if self.header.skip_invalid_subscriptions => {
                    self.warnings.push("subscription_skipped");
                }
                Err(_) => return Err("invalid_subscription"),
            }
        }
        self.phone(&mut read)?;
        Ok(read)
    }

    /// `phone` comes before `phones`.
    fn phone(&self, read: &mut Read) -> Result<(), Slug> {
        let Some(first) = self.rec.phone else { return Ok(()) };
        read.phones = match read.phones.take() {
            None | Some(Op::Unset) => Some(Op::Set(vec![first])),
            Some(Op::Set(others) | Op::SetByFunction(others)) => {
                Some(Op::Set([vec![first], others].concat()))
            }
            Some(_) => return Err("invalid_action"),
        };
        Ok(())
    }

    fn unknown(&mut self) -> Result<(), Slug> {
        match self.header.unknown_fields {
            UnknownFields::Reject => Err("unknown_field"),
            UnknownFields::Ignore => {
                self.warnings.push("field_ignored");
                Ok(())
            }
        }
    }

    /// Resource 29 has e-mail and sms alone, and no categories.
    fn sub(&mut self, sub: &Sub) -> Result<SubFields, Slug> {
        let has_channel = sub.resource == 28 || matches!(sub.reached, Reached::Email(_) | Reached::Sms(_));
        if !has_channel {
            return Err("invalid_subscription");
        }
        let fields = if sub.resource == 29 && (sub.source.is_some() || sub.hits.is_some()) {
            // It has no fields either. In the order of their names, as an object keeps them.
            if sub.hits.is_some() {
                self.unknown()?;
            }
            if sub.source.is_some() {
                self.unknown()?;
            }
            SubFields { source: None, hits: None }
        } else {
            let hits = self.op(sub.hits.as_ref(), &NUMBER)?;
            SubFields { source: self.op(sub.source.as_ref(), &PLAIN)?, hits }
        };
        if sub.bad_cat || (sub.resource == 29 && !sub.cats.is_empty()) {
            return Err("invalid_subscription");
        }
        Ok(fields)
    }
}
