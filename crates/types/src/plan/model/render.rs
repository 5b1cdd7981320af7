//! The model's records as JSON, in the order in which the model reads them.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::naive::made_by;
use super::record::{Beside, ObjectOp, Op, OrdersOp, Reached, Rec, Sub};
use crate::MatchRule;

/// How scalars are written: as JSON has them, or as text, which is all that XML has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalars {
    Typed,
    Text,
}

impl Scalars {
    fn of(self, value: Value) -> Value {
        match value {
            Value::Number(number) if self == Self::Text => Value::from(number.to_string()),
            other => other,
        }
    }
}

fn op<T: Clone>(op: &Op<T>, bad: Value, value: impl Fn(T) -> Value) -> Value {
    match op {
        Op::Set(set) => value(set.clone()),
        Op::SetByFunction(set) => json!({"action": "set", "value": value(set.clone())}),
        Op::Null => Value::Null,
        Op::Unset => json!({"action": "unset"}),
        Op::Add(more) => json!({"action": "add", "value": value(more.clone())}),
        Op::Delete(gone) => json!({"action": "delete", "value": value(gone.clone())}),
        Op::Bad => bad,
        Op::BadAction => json!({"action": "upsert", "submatch": "a", "value": 1}),
    }
}

fn number(number: &Op<i64>, scalars: Scalars, write: impl Fn(i64) -> Value) -> Value {
    match number {
        Op::Add(more) => json!({"action": "incr", "value": scalars.of(write(*more))}),
        other => op(other, json!("x"), |value| scalars.of(write(value))),
    }
}

pub(super) fn tenths(tenths: i64) -> Value {
    let sign = if tenths < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10);
    serde_json::from_str(&text).unwrap()
}

pub(super) fn email(who: u8) -> String {
    format!("p{who}@example.com")
}

pub(super) fn phone(who: u8) -> String {
    format!("+7900000000{who}")
}

pub(super) fn order((id, count): (u8, Option<u8>)) -> Value {
    match count {
        Some(count) => json!({"id": id, "count": count}),
        None => json!({"id": id}),
    }
}

/// The contact's members, flat, and the object that would hold them nested.
pub(super) fn contact(reached: Reached) -> (&'static str, &'static str, Value) {
    match reached {
        Reached::Email(who) => ("email", "email_data", json!({"email": email(who)})),
        Reached::Sms(who) => ("sms", "phone_data", json!({"phone": phone(who)})),
        Reached::Push(provider, token) => (
            "push",
            "push_data",
            json!({"provider": format!("provider {provider}"), "subscription_id": format!("token {token}")}),
        ),
        Reached::Telegram(id) => ("telegram_bot", "cc_data", json!({"id": id})),
        Reached::Whatsapp(who) => ("whatsapp", "cc_data", json!({"phone": phone(who)})),
        Reached::Pager(login, zone) => {
            ("pager", "cc_data", json!({"login": format!("l{login}"), "zone": zone.to_string()}))
        }
    }
}

pub(super) fn cats(cats: &[bool]) -> Vec<&'static str> {
    cats.iter().map(|second| if *second { "b" } else { "a" }).collect()
}

fn sub(sub: &Sub, scalars: Scalars) -> Value {
    let (channel, nested, contact) = contact(sub.reached);
    let mut written = json!({"channel": channel, "resource_id": scalars.of(json!(sub.resource))});
    if sub.nested || nested == "cc_data" {
        written[nested] = contact;
    } else {
        written.as_object_mut().unwrap().extend(contact.as_object().unwrap().clone());
    }
    let mut fields = json!({});
    if let Some(source) = &sub.source {
        fields["source"] = op(source, json!([]), |value| json!(format!("source {value}")));
    }
    if let Some(hits) = &sub.hits {
        fields["hits"] = number(hits, scalars, |value| json!(value));
    }
    if fields != json!({}) {
        written["custom_fields"] = fields;
    }
    if let Some(status) = sub.status {
        written["status"] = scalars.of(json!(status));
    }
    if let Some(priority) = sub.priority {
        written["priority"] = scalars.of(json!(priority));
    }
    let mut names = cats(&sub.cats);
    if sub.bad_cat {
        names.push("nowhere");
    }
    if !names.is_empty() {
        written["cats"] = json!(names);
    }
    written
}

/// The parameters that a mode takes.
pub(super) fn beside(beside: &Beside, rule: &MatchRule) -> Value {
    let field_value = match rule {
        MatchRule::Custom { field } if field == "number" => {
            beside.number.map(|number| json!(number.to_string()))
        }
        MatchRule::Custom { field } if field == "code" => beside.code.map(|code| json!(format!("c{code}"))),
        MatchRule::Custom { .. } => beside
            .tags
            .as_ref()
            .map(|tags| json!(tags.iter().map(|tag| format!("t{tag}")).collect::<Vec<_>>().join(", "))),
        MatchRule::CustomSub { field } => beside.member.map(|member| json!(cc_data(field, member))),
        _ => None,
    };
    let all = [
        ("email", beside.email.map(|who| json!(email(who)))),
        ("phone", beside.phone.map(|who| json!(phone(who)))),
        ("field_value", field_value),
        (
            "profile_id",
            beside.profile_id.map(|(job, index)| json!(made_by(job.into(), index.into()).to_string())),
        ),
        ("provider", beside.token.map(|(provider, _)| json!(format!("provider {provider}")))),
        ("subscription_id", beside.token.map(|(_, token)| json!(format!("token {token}")))),
    ];
    all.into_iter()
        .filter(|(name, _)| rule.parameters().contains(name))
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// A member of `cc_data` as its text.
pub(super) fn cc_data(name: &str, value: u8) -> String {
    match name {
        "id" => value.to_string(),
        "phone" => phone(value),
        _ => format!("l{value}"),
    }
}

fn orders(orders: &OrdersOp) -> Value {
    match orders {
        OrdersOp::Set(all) => all.iter().map(|one| order(*one)).collect(),
        OrdersOp::Add(one) => json!({"action": "add", "value": order(*one)}),
        OrdersOp::Delete(one) => json!({"action": "delete", "value": [order(*one)]}),
        OrdersOp::DeleteById(id) => json!({"action": "delete", "submatch": "id", "value": id}),
        OrdersOp::PutEachCount(count) => json!({"action": "upsert", "submatch": "count", "value": count}),
    }
}

fn object(object: &ObjectOp) -> Value {
    match object {
        ObjectOp::Set(value) => json!({"a": value}),
        ObjectOp::Put(false, value) => json!({"action": "upsert", "submatch": "a", "value": value}),
        ObjectOp::Put(true, value) => json!({"action": "upsert", "submatch": "b.c", "value": value}),
    }
}

/// The record, member by member in this order.
pub(super) fn record(rec: &Rec, scalars: Scalars) -> Box<RawValue> {
    let phones = |items: Vec<u8>| items.into_iter().map(phone).collect();
    let tags = |items: Vec<u8>| items.into_iter().map(|tag| format!("t{tag}")).collect();
    let text = |prefix: &'static str| move |value: u8| json!(format!("{prefix}{value}"));
    let members = [
        ("email", rec.email.as_ref().map(|o| op(o, json!("no address"), |who| json!(email(who))))),
        ("phone", rec.phone.map(|who| json!(phone(who)))),
        ("phones", rec.phones.as_ref().map(|o| op(o, json!("no number"), phones))),
        ("number", rec.number.as_ref().map(|o| number(o, scalars, |value| json!(value)))),
        ("code", rec.code.as_ref().map(|o| op(o, json!([]), text("c")))),
        ("points", rec.points.as_ref().map(|o| number(o, scalars, |value| json!(value)))),
        ("score", rec.score.as_ref().map(|o| number(o, scalars, tenths))),
        ("tags", rec.tags.as_ref().map(|o| op(o, json!({}), tags))),
        ("_fname", rec.name.as_ref().map(|o| op(o, json!([]), text("name ")))),
        ("object", rec.object.as_ref().map(object)),
        ("orders", rec.orders.as_ref().map(orders)),
        ("nowhere", rec.unknown.then(|| json!(1))),
        (
            "profile_id",
            rec.profile_id.map(|(job, index)| json!(made_by(job.into(), index.into()).to_string())),
        ),
        ("provider", rec.token.map(|(provider, _)| json!(format!("provider {provider}")))),
        ("subscription_id", rec.token.map(|(_, token)| json!(format!("token {token}")))),
        (
            "subscriptions",
            (!rec.subs.is_empty()).then(|| rec.subs.iter().map(|one| sub(one, scalars)).collect()),
        ),
    ];
    let members: Vec<String> =
        members.into_iter().filter_map(|(name, value)| Some(format!("{}:{}", json!(name), value?))).collect();
    RawValue::from_string(format!("{{{}}}", members.join(","))).unwrap()
}
