//! Profiles, read back and posted again.

use std::collections::BTreeSet;

use super::answers::{at, both, job};
use super::*;
use crate::{Channel, Contact, Profile, ProfileId, ResourceId, Subscription, SubscriptionStatus};

fn profile() -> ProfileView {
    let fields = json!({
        "email": "a@example.com", "phones": ["+79000000000"], "_sex": "female", "loyalty_points": 7,
        "score": 1.50, "vip": true, "interests": ["a"], "address": {"first line": "1 <Main> St", "tags": []},
        "orders": [{"id": 1}], "note": "", "empty": {}, "profile_id": "not this one",
    });
    let Value::Object(fields) = fields else { panic!("an object") };
    let subscription = |channel: Channel, address: &str, priority| Subscription {
        resource_id: ResourceId(28),
        contact: Contact::of(&channel, address).unwrap(),
        channel,
        status: SubscriptionStatus::Subscribed,
        priority,
        custom_fields: serde_json::Map::default(),
        cats: BTreeSet::from(["category_1".to_owned()]),
    };
    let mut sms = subscription(Channel::Sms, "+79000000000", Some(1));
    sms.custom_fields.insert("source".to_owned(), json!("shop"));
    sms.cats.clear();
    let subscriptions = vec![subscription(Channel::Email, "a@example.com", None).into(), sms.into()];
    let profile = Profile {
        id: ProfileId::made_by(job(), 0),
        fields: fields.into(),
        subscriptions,
        log: crate::Log::default(),
    };
    ProfileView { profile, created_at: at(0), updated_at: at(60) }
}

#[test]
#[expect(clippy::too_many_lines, reason = "what is long is the snapshot")]
fn profiles_read_back() {
    insta::assert_snapshot!(both(|format| profiles(&[profile()], &[], format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "data":[{"profile_id":"018bcfe5687b7000803a4c0000000000",
    "_sex":"female",
    "address":{"first line":"1 <Main> St",
    "tags":[]},
    "email":"a@example.com",
    "empty":{},
    "interests":["a"],
    "loyalty_points":7,
    "note":"",
    "orders":[{"id":1}],
    "phones":["+79000000000"],
    "score":1.5,
    "vip":true,
    "subscriptions":[{"channel":"email",
    "resource_id":28,
    "email":"a@example.com",
    "status":"subscribed",
    "custom_fields":{},
    "cats":["category_1"]},{"channel":"sms",
    "resource_id":28,
    "phone":"+79000000000",
    "status":"subscribed",
    "priority":1,
    "custom_fields":{"source":"shop"},
    "cats":[]}],
    "created_at":"2023-11-14T22:13:20.123Z",
    "updated_at":"2023-11-14T22:14:20.123Z"}]}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <data>
    <profile_id>018bcfe5687b7000803a4c0000000000</profile_id>
    <_sex>female</_sex>
    <address>
    <first_x0020_line>1 &lt;Main&gt; St</first_x0020_line>
    <tags array='true'/>
    </address>
    <email>a@example.com</email>
    <empty object='true'/>
    <interests array='true'>a</interests>
    <loyalty_points>7</loyalty_points>
    <note/>
    <orders array='true'>
    <id>1</id>
    </orders>
    <phones>+79000000000</phones>
    <score>1.5</score>
    <vip>true</vip>
    <subscriptions>
    <channel>email</channel>
    <resource_id>28</resource_id>
    <email>a@example.com</email>
    <status>subscribed</status>
    <custom_fields object='true'/>
    <cats>category_1</cats>
    </subscriptions>
    <subscriptions>
    <channel>sms</channel>
    <resource_id>28</resource_id>
    <phone>+79000000000</phone>
    <status>subscribed</status>
    <priority>1</priority>
    <custom_fields>
    <source>shop</source>
    </custom_fields>
    <cats array='true'/>
    </subscriptions>
    <created_at>2023-11-14T22:13:20.123Z</created_at>
    <updated_at>2023-11-14T22:14:20.123Z</updated_at>
    </data>
    </xml>
    "#);
    insta::assert_snapshot!(both(|format| profiles(&[], &[], format)), @r#"
    {"error":0,
    "error_text":"Successful operation",
    "data":[]}

    <xml>
    <error>0</error>
    <error_text>Successful operation</error_text>
    <data array='true'/>
    </xml>
    "#);
}

#[test]
fn what_is_read_can_be_posted_again() {
    let views = [profile(), profile()];
    let again = |format| {
        let body = profiles(&views, &[], format);
        let envelope = read(format, &body, &Limits::default()).unwrap();
        value_of(&envelope)["data"].take()
    };
    let (json, xml) = (again(Format::Json), again(Format::Xml));
    assert_eq!(json.as_array().unwrap().len(), 2);
    assert_eq!(json[1]["address"], xml[1]["address"]);
    assert_eq!(json[1]["subscriptions"][0], {
        let mut subscription = xml[1]["subscriptions"][0].clone();
        subscription["resource_id"] = json!(28);
        subscription
    });
    assert_eq!(xml[0]["orders"], json!([{"id": "1"}]));
    assert_eq!(xml[0]["empty"], json!({}));
}
