//! Profiles in their tables: find by value, claim values, lock, write, and read for people.

pub(crate) mod claim;
mod copy;
pub(crate) mod find;
pub(crate) mod identities;
pub(crate) mod lock;
mod read;
pub(crate) mod repeats;
#[cfg(test)]
mod tests;
pub(crate) mod write;

pub use read::StoredProfile;
