//! `intake results`: what became of each record.

use std::fmt;

use clap::{Args, ValueEnum};
use uuid::Uuid;

use crate::client::{Config, Gateway, status_path};
use crate::ending::Ending;
use crate::error::Error;
use crate::output::Output;

const MORE: &str = "\
One entry for each record, in the order of the batch. While the job runs, these are the entries so far. \
The failed records themselves, with what is wrong with each, come with --payload: mended, they can be imported \
as they are.

Examples:
  intake results 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --only failed
  intake results 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --format csv > results.csv
  intake results 01938c1e-7f3a-7c4e-9a30-2f6b1d5e8c47 --only failed --payload --format ndjson > to-mend.ndjson
";

/// Prints the results of a job as the gateway sends them
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Results {
    /// Id of the job, as `intake import` prints it
    #[arg(value_parser = crate::client::job_id)]
    id: Uuid,

    /// Language of the results
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// Entries of these fates alone, with commas between
    #[arg(long, value_delimiter = ',', value_name = "FATES",
          value_parser = ["created", "updated", "unchanged", "skipped", "failed"])]
    only: Vec<String>,

    /// With `--only failed`: each entry with its record; in NDJSON the records themselves, with what was wrong as `_error`,
    /// to be mended and sent again
    #[arg(long, requires = "only")]
    payload: bool,

    #[command(flatten)]
    gateway: Config,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Xml,
    Ndjson,
    Csv,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        })
    }
}

impl Results {
    pub(crate) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let gateway = Gateway::new(&self.gateway)?;
        let mut path = format!("{}/results?format={}", status_path(self.id), self.format);
        if !self.only.is_empty() {
            path.push_str("&only=");
            path.push_str(&self.only.join(","));
        }
        if self.payload {
            path.push_str("&payload=true");
        }
        let answer = gateway.get(&path)?;
        let url = self.gateway.url.as_str();
        let cut = |error| crate::client::Error::cut(error, url).into();
        output.copy(answer.reader(), cut)?;
        Ok(Ending::Fine)
    }
}
