//! `intake results`: what became of each record.

use std::fmt;

use clap::{Args, ValueEnum};
use uuid::Uuid;

use crate::client::{Config, Gateway, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

const MORE: &str = "\
One entry for each record, in the order of the batch. While the job runs, these are the entries so far.

Examples:
  intake results 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 | jq '.result[] | select(.error != 0)'
  intake results 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --format xml > results.xml
";

/// Prints the results of a job as the gateway sends them
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Results {
    /// Id of the job, as `intake import` prints it
    #[arg(value_parser = crate::job::id)]
    id: Uuid,

    /// Language of the results
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    #[command(flatten)]
    gateway: Config,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Xml,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Json => "json",
            Self::Xml => "xml",
        })
    }
}

impl Results {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let gateway = Gateway::new(&self.gateway)?;
        let answer = gateway.get(&format!("{}/results?format={}", status_path(self.id), self.format))?;
        let url = self.gateway.url.as_str();
        let cut = |error| crate::client::Error::cut(error, url).into();
        output.copy(answer.reader(), cut)?;
        Ok(Ending::Fine)
    }
}
