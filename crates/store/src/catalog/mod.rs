//! The catalogue in the database: loaded whole, changed by a declaration, and the tokens beside it.

mod declare;
mod load;
mod orphans;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use load::LastCatalog;
pub use tokens::TokenEntry;
