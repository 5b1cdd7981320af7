//! Tokens: made, listed and revoked one at a time. Only their hashes are here.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use intake_types::TokenHash;

use crate::schema::{accounts, tokens};
use crate::{Error, Store};

/// What can be told of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEntry {
    /// The first 12 hexadecimal digits of its hash; names it for [`Store::revoke_token`].
    pub id: String,
    /// Whose it is.
    pub account: String,
    /// What it is for, as whoever made it said.
    pub label: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

type Row = (Vec<u8>, String, String, DateTime<Utc>, Option<DateTime<Utc>>);

const ID_DIGITS: usize = 12;

impl From<Row> for TokenEntry {
    fn from((hash, account, label, created_at, revoked_at): Row) -> Self {
        Self { id: id(&hash), account, label, created_at, revoked_at }
    }
}

fn id(hash: &[u8]) -> String {
    hash.iter().take(ID_DIGITS / 2).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Store {
    /// Keeps the hash of a new token of an account.
    pub async fn create_token(
        &self,
        hash: TokenHash,
        account: String,
        label: String,
    ) -> Result<TokenEntry, Error> {
        self.run(move |connection| create(connection, hash, &account, &label)).await
    }

    /// All tokens, also the revoked ones, by account and age.
    pub async fn tokens(&self) -> Result<Vec<TokenEntry>, Error> {
        self.run(list).await
    }

    /// Ends a token by its [`TokenEntry::id`]. Revoking it again changes nothing.
    pub async fn revoke_token(&self, id: String) -> Result<TokenEntry, Error> {
        self.run(move |connection| connection.transaction(|connection| revoke(connection, &id))).await
    }
}

fn create(
    connection: &mut PgConnection,
    hash: TokenHash,
    account: &str,
    label: &str,
) -> Result<TokenEntry, Error> {
    let known: Option<String> =
        accounts::table.find(account).select(accounts::name).first(connection).optional()?;
    if known.is_none() {
        return Err(Error::Unknown(format!("no account {account:?} in the catalogue")));
    }
    let row = (tokens::hash.eq(hash.0.to_vec()), tokens::account.eq(account), tokens::label.eq(label));
    let row: Row = diesel::insert_into(tokens::table)
        .values(row)
        .returning(tokens::all_columns)
        .get_result(connection)?;
    Ok(row.into())
}

fn list(connection: &mut PgConnection) -> Result<Vec<TokenEntry>, Error> {
    let order = (tokens::account, tokens::created_at, tokens::hash);
    let rows: Vec<Row> = tokens::table.order(order).load(connection)?;
    Ok(rows.into_iter().map(TokenEntry::from).collect())
}

fn revoke(connection: &mut PgConnection, wanted: &str) -> Result<TokenEntry, Error> {
    // An installation has a handful of tokens, so all of them are looked through.
    let rows: Vec<Row> = tokens::table.load(connection)?;
    let mut named = rows.into_iter().filter(|(hash, ..)| id(hash) == wanted);
    let (Some((hash, ..)), None) = (named.next(), named.next()) else {
        return Err(Error::Unknown(format!("no token {wanted:?}; `intake token list` shows their ids")));
    };
    let live = tokens::table.find(&hash).filter(tokens::revoked_at.is_null());
    diesel::update(live)
        .set(tokens::revoked_at.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(connection)?;
    let row: Row = tokens::table.find(&hash).first(connection)?;
    Ok(row.into())
}
