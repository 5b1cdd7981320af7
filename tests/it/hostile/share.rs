//! An account that sends more than can be taken: it is told to wait, and the others are not.

use intake_tests::{DEMO_TOKEN, OTHER_TOKEN, World, until};
use serde_json::json;

use super::IMPORT;

#[test]
fn an_account_leaves_half_of_the_memory_to_others() {
    let world = World::start();
    let import = |token| {
        let body = json!({"db_id": 2, "data": [{"email": "a@example.com"}]});
        world.post_body_as(token, IMPORT, &body)
    };
    let slow = world.hold_share(DEMO_TOKEN);
    let refused = until("the account has all that it may have", || {
        Some(import(DEMO_TOKEN)).filter(|answer| answer.status != 202)
    });
    assert_eq!((refused.status, refused.value()["error"].as_u64()), (429, Some(429)), "{}", refused.text);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(import(OTHER_TOKEN).status, 202, "another account is not concerned");
    drop(slow);
    until("there is room again", || (import(DEMO_TOKEN).status == 202).then_some(()));
}
