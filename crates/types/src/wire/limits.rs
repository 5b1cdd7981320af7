//! How much one request may hold. Checked while reading, so that what is too large is never built.

/// What one request may hold. Operators set it; the defaults are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records in `data`.
    pub records: usize,
    /// Levels of objects and arrays in one parameter.
    pub depth: usize,
    /// Bytes of body, decompressed.
    pub body_bytes: usize,
}

impl Limits {
    /// Levels of objects and arrays in one record, the record itself being the first. Beyond it the record fails
    /// alone, when a worker reads it.
    pub const RECORD_DEPTH: usize = 32;
    /// Top-level parameters of a request: several times as many as there are names.
    pub(super) const PARAMETERS: usize = 100;
    /// Bytes of JSON text in one top-level parameter.
    pub(super) const PARAMETER_BYTES: usize = 64 * 1024;
    /// Bytes of JSON text in all of them.
    pub(super) const PARAMETERS_BYTES: usize = 256 * 1024;
    /// Values in one record, however they are nested, and in one parameter: more than anyone can mean. A value costs
    /// many times the bytes of its text. Beyond it a record fails alone, when a worker reads it.
    pub(crate) const VALUES: usize = 50_000;
    /// Levels in a parameter, whatever `depth` says: parameters become trees, which are walked recursively.
    pub(super) const PARAMETER_DEPTH: usize = 100;
}

impl Default for Limits {
    fn default() -> Self {
        Self { records: 10_000, depth: Self::RECORD_DEPTH, body_bytes: 10 * 1024 * 1024 }
    }
}
