//! What is said beside a message, in headers, for whoever cannot read it or does not unpack it.

use super::Message;

/// The header that says which job a message is of, so that the job can be ended where the payload cannot be read.
pub const JOB_HEADER: &str = "x-intake-job";
/// The header that tells what a message is.
pub const KIND_HEADER: &str = "x-intake-kind";
/// The header that says where a part of a stream begins.
pub const FIRST_INDEX_HEADER: &str = "x-intake-first-index";

impl Message<'_> {
    /// The headers that it is published with.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let first_index = match self {
            Self::PartV1(part) => Some(part.first_index.to_string()),
            Self::V1(_) | Self::SealV1(_) | Self::CutV1(_) | Self::RepeatedV1(_) => None,
        };
        let kind = Some((KIND_HEADER, self.kind().word().to_owned()));
        let job = self.header().brief().map(|brief| (JOB_HEADER, brief));
        let first_index = first_index.map(|index| (FIRST_INDEX_HEADER, index));
        kind.into_iter().chain(job).chain(first_index)
    }
}
