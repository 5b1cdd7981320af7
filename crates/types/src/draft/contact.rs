//! The contact of a subscription, flat or nested, as its channel takes it.

use std::fmt::{self, Display, Formatter};

use serde_json::{Map, Value};

use super::path::Path;
use super::reader::Reader;
use super::subscription::{invalid, unfit};
use crate::field::{email, phone, scalar};
use crate::{Channel, Contact, Failure, Problem};

/// Most characters of a push provider's name.
const LONGEST_PROVIDER: usize = 100;

/// The members of a subscription that hold its contact.
pub(super) struct Members {
    /// Side by side with the others.
    pub(super) flat: &'static [&'static str],
    /// The object that holds the same, nested.
    pub(super) nested: &'static str,
    /// What may be in that object; `None`: anything.
    pub(super) within: Option<&'static [&'static str]>,
}

impl Members {
    pub(super) fn of(channel: &Channel) -> Self {
        let (flat, nested, within): (&[&str], _, Option<&[&str]>) = match channel {
            Channel::Email => (&["email"], "email_data", Some(&["email"])),
            Channel::Sms => (&["phone"], "phone_data", Some(&["phone"])),
            Channel::Push => {
                (&["provider", "subscription_id"], "push_data", Some(&["provider", "subscription_id"]))
            }
            Channel::TelegramBot => (&[], "cc_data", Some(&["id"])),
            Channel::Whatsapp | Channel::Viber | Channel::Notify => (&[], "cc_data", Some(&["phone"])),
            Channel::Custom(_) => (&[], "cc_data", None),
        };
        Self { flat, nested, within }
    }
}

/// A text of a contact, and where it stands.
struct Part<'a> {
    place: Place<'a>,
    text: &'a str,
}

/// Side by side with the other members of a subscription, or nested.
#[derive(Clone, Copy)]
struct Place<'a> {
    subscription: Path<'a>,
    nested: Option<&'a str>,
    name: &'a str,
}

impl Display for Place<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { subscription, nested, name } = self;
        match nested {
            Some(nested) => write!(f, "{subscription}.{nested}.{name}"),
            None => write!(f, "{subscription}.{name}"),
        }
    }
}

pub(super) fn read(
    reader: &Reader<'_>,
    path: Path<'_>,
    members: &Map<String, Value>,
    channel: &Channel,
) -> Result<Contact, Failure> {
    let region = reader.database.default_region.as_deref();
    let part = |name| part(path, members, channel, name);
    let contact = match channel {
        Channel::Email => Contact::Email(checked(&part("email")?, email::normalise)?),
        Channel::Sms => Contact::Phone(checked(&part("phone")?, |text| phone::normalise(text, region))?),
        Channel::Push => {
            let (provider, subscription_id) = (part("provider")?, part("subscription_id")?);
            if provider.text.chars().count() > LONGEST_PROVIDER {
                let text = format!("at most {LONGEST_PROVIDER} characters are allowed");
                return Err(invalid(provider.place, text));
            }
            Contact::Push {
                provider: provider.text.to_owned(),
                subscription_id: subscription_id.text.to_owned(),
            }
        }
        Channel::TelegramBot => {
            let id = part("id")?.text;
            let canonical = id.parse::<i64>().ok().filter(|number| number.to_string() == *id);
            cc_data([("id", canonical.map_or(Value::from(id), Value::from))])
        }
        Channel::Whatsapp | Channel::Viber | Channel::Notify => {
            let number = checked(&part("phone")?, |text| phone::normalise(text, region))?;
            cc_data([("phone", Value::from(number))])
        }
        Channel::Custom(_) => own(path, members)?,
    };
    let length = contact.address().len();
    if length > Contact::LONGEST {
        let text = format!("the contact has {length} bytes, {} are allowed", Contact::LONGEST);
        return Err(invalid(path, text));
    }
    Ok(contact)
}

fn cc_data<const N: usize>(members: [(&str, Value); N]) -> Contact {
    Contact::CcData(members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

fn checked(part: &Part<'_>, normalise: impl Fn(&str) -> Result<String, Problem>) -> Result<String, Failure> {
    normalise(part.text).map_err(|problem| invalid(part.place, problem.text))
}

/// One text of the contact. Where it is sent both flat and nested, both must say the same.
fn part<'a>(
    subscription: Path<'a>,
    members: &'a Map<String, Value>,
    channel: &Channel,
    name: &'a str,
) -> Result<Part<'a>, Failure> {
    let Members { flat, nested, .. } = Members::of(channel);
    let beside = flat.contains(&name).then(|| members.get(name)).flatten();
    let inside = members.get(nested).and_then(|data| data.get(name));
    let is_inside = flat.is_empty() || beside.is_none() && inside.is_some();
    let place = Place { subscription, nested: is_inside.then_some(nested), name };
    if let (Some(beside), Some(inside)) = (beside, inside)
        && beside != inside
    {
        return Err(invalid(place, format!("differs from `{nested}.{name}`; send one of them")));
    }
    let Some(value) = beside.or(inside).filter(|value| !value.is_null()) else {
        let either = if flat.is_empty() { String::new() } else { format!("`{name}` or ") };
        let text = format!("missing; a subscription to {channel} needs {either}`{nested}.{name}`");
        return Err(invalid(place, text));
    };
    match scalar(value).filter(|text| !text.is_empty() && !text.contains('\0')) {
        Some(text) => Ok(Part { place, text }),
        None => Err(unfit(place, value, "a string that is not empty")),
    }
}

/// The contact of a custom channel: one or more texts or numbers. What they mean is for the channel to know, so numbers
/// are kept as their text: XML has no others.
fn own(path: Path<'_>, members: &Map<String, Value>) -> Result<Contact, Failure> {
    let path = path.member("cc_data");
    let Some(data) = members.get("cc_data").and_then(Value::as_object).filter(|data| !data.is_empty()) else {
        return Err(invalid(path, "an object with at least one text or number is expected"));
    };
    let mut own = Map::new();
    for (name, value) in data {
        let text =
            scalar(value).filter(|text| !text.is_empty() && !text.contains('\0') && !name.contains('\0'));
        let Some(text) = text else {
            let allowed = "text that is not empty, or a number,";
            return Err(unfit(path.member(name), value, allowed));
        };
        own.insert(name.clone(), Value::from(text));
    }
    Ok(Contact::CcData(own))
}
