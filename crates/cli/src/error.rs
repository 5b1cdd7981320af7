//! Why a command could not do what was asked for.

use std::io;
use std::path::PathBuf;

use uuid::Uuid;

use crate::{client, input};

/// Why a command could not do what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {}", input::name(.path))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: {problem}", input::name(.path))]
    File { path: PathBuf, problem: String },
    #[error("{} is refused, nothing was changed\n  {}", input::name(.path), .reasons.join("\n  "))]
    Refused { path: PathBuf, reasons: Vec<String> },
    #[error(transparent)]
    Store(#[from] intake_store::Error),
    #[error(transparent)]
    Broker(#[from] intake_broker::Error),
    #[error(
        "{name} is not in the dead queue, or in the hands of another command; `intake dead list` names what is"
    )]
    NotDead { name: String },
    #[error("{name} cannot be read: {problem}")]
    Dead { name: String, problem: String },
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("it is not known whether the request was accepted")]
    Uncertain(#[source] client::Error),
    #[error("job {job} is not finished after {seconds} s; it goes on, see `intake job {job}`")]
    Late { job: Uuid, seconds: u64 },
    #[error("the operating system gives no random numbers")]
    Randomness(#[source] rand::rngs::SysError),
    #[error("the catalogue cannot be written as YAML")]
    Unwritable(#[source] serde_saphyr::SerializeError),
    #[error("a message cannot be written as JSON")]
    Unshown(#[source] serde_json::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot write the output")]
    Output(#[source] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_on_a_line_of_its_own() {
        let reasons = vec!["databases[0].id: no".to_owned(), "accounts[1].name: no".to_owned()];
        let error = Error::Refused { path: "catalog.yaml".into(), reasons };
        let text =
            "catalog.yaml is refused, nothing was changed\n  databases[0].id: no\n  accounts[1].name: no";
        assert_eq!(error.to_string(), text);
    }
}
