//! `intake token list`: which tokens there are, without the tokens.

use clap::Args;
use intake_store::{Config, Store, TokenEntry};

use crate::ending::Ending;
use crate::error::Error;
use crate::operator::with_store;
use crate::output::{Output, plain};

const MORE: &str = "\
Times are in UTC.

Example:
  intake token list
";

/// Lists all tokens by their ids, also the revoked ones
#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(super) struct List {
    #[command(flatten)]
    database: Config,
}

impl List {
    pub(super) fn run(self, output: &mut Output) -> Result<Ending, Error> {
        let tokens = with_store(&self.database, async |store: Store| store.tokens().await)?;
        if tokens.is_empty() {
            output.line("no tokens")?;
        } else {
            table(&tokens).iter().try_for_each(|line| output.line(line))?;
        }
        Ok(Ending::Fine)
    }
}

/// One line for each, under a heading.
fn table(tokens: &[TokenEntry]) -> Vec<String> {
    const TIME: &str = "%Y-%m-%d %H:%M";
    let heading = ["ID", "ACCOUNT", "CREATED", "REVOKED", "LABEL"].map(str::to_owned);
    let rows = tokens.iter().map(|token| {
        [
            token.id.clone(),
            plain(&token.account),
            token.created_at.format(TIME).to_string(),
            token.revoked_at.map_or_else(|| "-".to_owned(), |at| at.format(TIME).to_string()),
            plain(&token.label),
        ]
    });
    let rows: Vec<[String; 5]> = std::iter::once(heading).chain(rows).collect();
    let widths = rows.iter().fold([0; 5], |mut widths, row| {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
        widths
    });
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let created_at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let token = |id: &str, account: &str, label: &str, revoked| TokenEntry {
            id: id.to_owned(),
            account: account.to_owned(),
            label: label.to_owned(),
            created_at,
            revoked_at: revoked,
        };
        let tokens = [
            token("0123456789ab", "demo", "nightly\nimport", None),
            token("ffffffffffff", "a longer name", "", Some(created_at)),
        ];
        let expected = [
            "ID            ACCOUNT        CREATED           REVOKED           LABEL",
            "0123456789ab  demo           2027-01-15 08:00  -                 nightly\\nimport",
            "ffffffffffff  a longer name  2027-01-15 08:00  2027-01-15 08:00",
        ];
        assert_eq!(table(&tokens), expected);
    }
}
