//! A body that was read: checked, made a message, applied to an empty database.

use intake_types::{Batch, Envelope, Operation};

use crate::world::{ACCOUNT, account, catalog, database, job};
use crate::{message, plan, refusal};

pub(crate) fn check(envelope: Envelope<'_>) {
    // What a handler asks before it has a database.
    let _ = (envelope.token(), envelope.format(), envelope.database_id());
    match Batch::check(envelope, Operation::Import, catalog(), account(), database()) {
        Ok(batch) => {
            let message = batch.into_message(job(), ACCOUNT);
            message::check_twin(&message);
            plan::check(message);
        }
        Err(refused) => refusal::check(&refused, b""),
    }
}
