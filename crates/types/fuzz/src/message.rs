//! A payload from the broker: what is read of it is what was sent, and can be applied.

use intake_types::Message;

use crate::plan;

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(message) = Message::from_bytes(bytes) {
        check_twin(&message);
        plan::check(message);
    }
}

/// Written and read again, a message is the same.
pub(crate) fn check_twin(message: &Message<'_>) {
    let bytes = message.to_bytes();
    let twin = Message::from_bytes(&bytes).unwrap_or_else(|error| {
        panic!("what was written cannot be read: {error}\n{}", String::from_utf8_lossy(&bytes))
    });
    assert_eq!(twin.header(), message.header());
    assert_eq!(String::from_utf8_lossy(&twin.to_bytes()), String::from_utf8_lossy(&bytes));
}
