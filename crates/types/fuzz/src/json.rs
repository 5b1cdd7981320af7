//! A JSON body.

use intake_types::wire::{Format, read};

use crate::world::LIMITS;
use crate::{batch, refusal};

pub(crate) fn check(bytes: &[u8]) {
    match read(Format::Json, bytes, &LIMITS) {
        Ok(envelope) => batch::check(envelope),
        Err(refused) => refusal::check(&refused, bytes),
    }
}
