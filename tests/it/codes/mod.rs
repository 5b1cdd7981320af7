//! Every code and every refusal that docs/api.md lists is produced, with the text that it shows; and none is left out.

mod records;
mod refusals;

/// The reference that lists them.
const API: &str = include_str!("../../../docs/api.md");

/// The cells of a row; panics, with them, when there is another number of them.
fn cells<const N: usize>(row: Vec<String>) -> [String; N] {
    row.try_into().unwrap()
}
