//! A profile in few bytes, as a dry run of very many records keeps it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    Channel, Contact, PackedLog, Profile, ProfileId, ResourceId, Stamp, Subscription, SubscriptionStatus,
};

/// Fields, subscriptions and log as JSON without names.
#[derive(Debug, Clone)]
pub(super) struct Packed(Box<[u8]>);

type Row<'a> = (
    ResourceId,
    Cow<'a, str>,
    Cow<'a, str>,
    i16,
    Option<i32>,
    Cow<'a, Map<String, Value>>,
    Cow<'a, BTreeSet<String>>,
);

impl Packed {
    /// `None` never: everything in a profile has a form in JSON.
    pub(super) fn of(profile: &Profile) -> Option<Self> {
        let rows: Vec<Row<'_>> = profile.subscriptions.iter().map(|subscription| row(subscription)).collect();
        let PackedLog { base, rest } = PackedLog::of(profile)?;
        serde_json::to_vec(&(&*profile.fields, rows, base, rest)).ok().map(|bytes| Self(bytes.into()))
    }

    /// `None` never: it was packed by [`Self::of`].
    pub(super) fn unpack(&self, id: ProfileId) -> Option<Profile> {
        let (fields, rows, base, rest): (Map<String, Value>, Vec<Row<'_>>, Stamp, Option<String>) =
            serde_json::from_slice(&self.0).ok()?;
        let subscriptions =
            rows.into_iter().map(|row| subscription(row).map(Arc::new)).collect::<Option<_>>()?;
        Some(Profile { id, fields: Arc::new(fields), subscriptions, log: PackedLog { base, rest }.unpack()? })
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}

fn row(subscription: &Subscription) -> Row<'_> {
    let Subscription { resource_id, channel, contact, status, priority, custom_fields, cats } = subscription;
    (
        *resource_id,
        Cow::Borrowed(channel.word()),
        contact.address(),
        status.number(),
        *priority,
        Cow::Borrowed(custom_fields),
        Cow::Borrowed(cats),
    )
}

fn subscription(
    (resource_id, channel, address, status, priority, custom_fields, cats): Row<'_>,
) -> Option<Subscription> {
    let channel = Channel::of(&channel);
    Some(Subscription {
        resource_id,
        contact: Contact::of(&channel, &address)?,
        channel,
        status: SubscriptionStatus::from_number(status)?,
        priority,
        custom_fields: custom_fields.into_owned(),
        cats: cats.into_owned(),
    })
}
