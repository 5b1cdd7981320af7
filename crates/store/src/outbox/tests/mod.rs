//! Events on a real database: which are written, what is sent, and in which order.

mod order;
mod sending;
mod writing;

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{Dispatch, Limits};
use crate::Store;

const LIMITS: Limits = Limits { rows: 500, bytes: 1 << 20 };

/// The events of a message.
fn events(dispatch: &Dispatch) -> Vec<Value> {
    let events: Vec<Value> = serde_json::from_str(&dispatch.body).unwrap();
    assert_eq!(events.len(), usize::try_from(dispatch.events).unwrap());
    events
}

/// Sends all that waits; gives back the messages.
async fn drain(store: &Store, limits: Limits) -> Vec<Dispatch> {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let mut after = -1;
    loop {
        let sent = Arc::clone(&sent);
        let publish = move |dispatch| {
            sent.lock().unwrap().push(dispatch);
            Ok::<(), ()>(())
        };
        match store.relay(after, limits, publish).await.unwrap() {
            Some(relayed) => after = relayed.strand,
            None => break,
        }
    }
    Arc::into_inner(sent).unwrap().into_inner().unwrap()
}

/// Type and changed names of all that waits, those of a profile in order.
async fn told(store: &Store) -> Vec<(String, Vec<String>)> {
    let sent = drain(store, LIMITS).await;
    let told = |event: &Value| {
        let changed = event["data"]["changed"].as_array().cloned().unwrap_or_default();
        let changed = changed.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        (event["type"].as_str().unwrap().to_owned(), changed)
    };
    sent.iter().flat_map(events).map(|event| told(&event)).collect()
}
