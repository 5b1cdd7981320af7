//! From a request to what it says: its query, token, content type, body, wishes.

mod body;
mod content;
pub(crate) mod cursor;
mod key;
mod prefer;
mod query;
mod token;
mod wish;

pub(crate) use body::{Body, Bounds, WINDOW_LOG_MAX};
pub(crate) use content::{Encoding, format, stream_format};
pub(crate) use key::idempotency_key;
pub(crate) use prefer::Wait;
pub(crate) use query::Query;
pub(crate) use token::Credentials;
pub(crate) use wish::{Wish, check_format, form};
