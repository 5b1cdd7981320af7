//! `intake catalog apply`: the catalogue becomes what a file says.

use std::path::PathBuf;

use clap::Args;
use intake_store::Config;
use intake_types::catalog::{Change, ChangeKind};

use super::file;
use crate::ending::Ending;
use crate::error::Error;
use crate::operator::with_store;
use crate::output::Output;

const MORE: &str = "\
The file is the whole truth about databases, fields, resources and accounts: what it leaves out is \
removed, unless there are profiles or subscriptions that need it. Tokens are only ever added; `intake token \
revoke` ends one, and an account that goes takes its tokens along. Either all of the file is applied or \
nothing. Gateways and workers take the change up within seconds.

Example of a file:
  databases:
    - id: 1
      name: Customers
      default_region: DE      # of phone numbers without +
      unique: [email]         # no two profiles share one; phones can be, too
      fields:
        - { name: crm_id, type: int, matchable: true, unique: true }
        - { name: plan, type: enum, values: [free, pro] }
  resources:
    - id: 28
      name: Newsletter
      databases: [1]
      channels: [email, sms]
      categories: [news, offers]
  accounts:
    - name: shop
      databases: [1]
      callbacks:              # callback_url of an import may name these
        hosts: [hooks.example.com]
        secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw   # of your own: echo whsec_$(openssl rand -base64 32)

Types of fields: int, float, string, date, bool, enum, ip, tags, object, arr_object

Examples:
  intake catalog apply catalog.yaml --dry-run
  intake catalog show > catalog.yaml     # then edit it, and:
  intake catalog apply catalog.yaml
";

/// Makes the catalogue what a file says, and prints what that changes
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct Apply {
    /// YAML file; - for standard input
    file: PathBuf,

    /// Change nothing; only print what would change
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    database: Config,
}

impl Apply {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let declaration = file::read(&self.file)?;
        let declared =
            with_store(&self.database, async |store| store.declare(declaration, self.dry_run).await);
        let changes = declared.map_err(|error| match error {
            Error::Store(intake_store::Error::Declaration(reasons)) => {
                Error::Refused { path: self.file, reasons }
            }
            other => other,
        })?;
        for change in &changes {
            output.line(change)?;
        }
        let kinds: Vec<ChangeKind> = changes.iter().map(Change::kind).collect();
        output.line(summary(&kinds, self.dry_run))?;
        Ok(Ending::Fine)
    }
}

fn summary(kinds: &[ChangeKind], dry_run: bool) -> String {
    if kinds.is_empty() {
        return "nothing to change".to_owned();
    }
    let counts =
        [(ChangeKind::Added, "added"), (ChangeKind::Altered, "altered"), (ChangeKind::Removed, "removed")];
    let counts = counts.map(|(wanted, word)| (kinds.iter().filter(|kind| **kind == wanted).count(), word));
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let prefix = if dry_run { "dry run, nothing was changed: would be " } else { "" };
    format!("{prefix}{}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use intake_types::catalog::Catalog;

    use super::*;

    const EXAMPLE: &str =
        "databases:\n  - id: 1\n    name: Customers\n    fields:\n      - { name: plan, type: string }\n";

    #[test]
    fn the_summary_counts_what_there_is() {
        use ChangeKind::{Added, Altered, Removed};
        assert_eq!(summary(&[], false), "nothing to change");
        assert_eq!(summary(&[], true), "nothing to change");
        assert_eq!(summary(&[Added, Removed, Added], false), "2 added, 1 removed");
        assert_eq!(summary(&[Altered], true), "dry run, nothing was changed: would be 1 altered");
    }

    #[test]
    fn a_change_is_a_line_with_a_sign() {
        let declaration = serde_saphyr::from_str(EXAMPLE).unwrap();
        let (_, changes) = Catalog::default().declare(&declaration).unwrap();
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("+ database 1")), "{lines:?}");
    }

    #[test]
    fn the_example_of_the_help_can_be_applied() {
        let example = MORE.split("Example of a file:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
        let declaration = serde_saphyr::from_str(example.unwrap()).unwrap();
        Catalog::default().declare(&declaration).unwrap();
    }
}
