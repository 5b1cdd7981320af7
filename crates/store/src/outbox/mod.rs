//! The outbox: events written in the transaction that they tell of, and sent from there in order.
//!
//! Events of one profile are in one strand; a strand is sent by one relay at a time, its oldest rows first, which are deleted
//! only when the broker has them. So no event is lost, and none overtakes an earlier one of the same profile. What a relay
//! has sent and not yet deleted when it dies is sent again.

mod relay;
#[cfg(test)]
mod tests;
mod write;

pub use relay::{Backlog, Dispatch, Limits, Relayed};
pub(crate) use write::tell;
