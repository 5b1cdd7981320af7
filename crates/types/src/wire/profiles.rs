//! Profiles as they are read back: each in the shape of an import record, so that what is read can be posted again.

use chrono::{DateTime, Utc};

use super::answer::{moment, success, warning_list};
use super::{Format, Node};
use crate::{Profile, Subscription, Warning};

/// A stored profile and when it came and last changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileView {
    /// The profile.
    pub profile: Profile,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Members of a view that are no fields; a field of such a name is not shown, lest the key be there twice.
const NO_FIELDS: [&str; 4] = ["profile_id", "created_at", "updated_at", "subscriptions"];

/// The body that shows profiles, in the order given. `warnings` is there where there are any.
pub fn profiles(views: &[ProfileView], warnings: &[Warning], format: Format) -> Vec<u8> {
    let data = ("data", Node::List(views.iter().map(view).collect()));
    if warnings.is_empty() {
        success([data], format)
    } else {
        success([data, ("warnings", warning_list(warnings))], format)
    }
}

fn view(view: &ProfileView) -> Node<'_> {
    let fields = view.profile.fields.iter().filter(|(name, _)| !NO_FIELDS.contains(&name.as_str()));
    let subscriptions = view.profile.subscriptions.iter().map(|held| subscription(held)).collect();
    let mut all = vec![("profile_id".into(), Node::text(view.profile.id.to_string()))];
    all.extend(fields.map(|(name, value)| (name.into(), Node::from(value))));
    all.push(("subscriptions".into(), Node::List(subscriptions)));
    all.push(("created_at".into(), moment(view.created_at)));
    all.push(("updated_at".into(), moment(view.updated_at)));
    Node::Object(all)
}

fn subscription(subscription: &Subscription) -> Node<'_> {
    let custom_fields = &subscription.custom_fields;
    let custom_fields = custom_fields.iter().map(|(name, value)| (name.into(), Node::from(value))).collect();
    let mut all = vec![
        ("channel".into(), Node::text(subscription.channel.word())),
        ("resource_id".into(), Node::int(subscription.resource_id.0)),
    ];
    let contact = subscription.contact.members().into_iter();
    all.extend(contact.map(|(name, value)| (name.into(), Node::of(value))));
    all.push(("status".into(), Node::text(subscription.status.word())));
    all.extend(subscription.priority.map(|priority| ("priority".into(), Node::int(priority))));
    all.push(("custom_fields".into(), Node::Object(custom_fields)));
    all.push(("cats".into(), Node::List(subscription.cats.iter().map(Node::text).collect())));
    Node::Object(all)
}
