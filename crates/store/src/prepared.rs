//! Statements written in SQL. Unlike those of [`diesel::sql_query`] they are prepared once on each connection: to parse and plan
//! one takes as long as to run it for a few rows.

use std::borrow::Cow;
use std::fmt;

use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{SqlType, Untyped};

/// A statement with parameters `$1`, `$2`, … and no other `$`. Its text must be one of few: each is kept prepared.
pub(crate) fn prepared<'a>(sql: impl Into<Cow<'a, str>>) -> Prepared<'a> {
    Prepared { sql: sql.into(), values: Vec::new() }
}

/// A statement and the values of its first parameters.
pub(crate) struct Prepared<'a> {
    sql: Cow<'a, str>,
    values: Vec<Box<dyn QueryFragment<Pg> + 'a>>,
}

impl<'a> Prepared<'a> {
    /// Gives the next parameter its value.
    pub(crate) fn bind<T, V>(mut self, value: V) -> Self
    where
        T: SqlType + TypedExpressionType,
        V: AsExpression<T>,
        V::Expression: QueryFragment<Pg> + 'a,
    {
        self.values.push(Box::new(value.as_expression()));
        self
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Prepared").field(&self.sql).finish_non_exhaustive()
    }
}

// Diesel numbers parameters in the order in which they are met.
impl QueryFragment<Pg> for Prepared<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut met: Vec<usize> = Vec::with_capacity(self.values.len());
        let mut pieces = self.sql.split('$');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            let number: usize = number.parse().unwrap_or_default();
            if let Some(place) = met.iter().position(|other| *other == number) {
                out.push_sql(&format!("${}", place + 1));
            } else {
                let value = number.checked_sub(1).and_then(|index| self.values.get(index));
                let unbound = || diesel::result::Error::QueryBuilderError("a parameter has no value".into());
                value.ok_or_else(unbound)?.walk_ast(out.reborrow())?;
                met.push(number);
            }
            out.push_sql(rest);
        }
        Ok(())
    }
}

// What it is prepared as is told by its text and the types of its parameters.
impl QueryId for Prepared<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared<'_> {
    type SqlType = Untyped;
}

impl<C> RunQueryDsl<C> for Prepared<'_> {}

#[cfg(test)]
mod tests {
    use diesel::sql_types::{Array, Integer, Text};
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::testing::TestDatabase;

    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }

    #[test]
    fn parameters_may_stand_anywhere_and_be_repeated() {
        let database = TestDatabase::create();
        let mut connection = PgConnection::establish(database.url().expose_secret()).unwrap();
        for texts in [["a", "b"], ["c", "d"]] {
            let row: Row =
                prepared("SELECT array_to_string($2 || $2, '+') || $1 || array_length($2, 1) AS text")
                    .bind::<Integer, _>(7)
                    .bind::<Array<Text>, _>(texts.as_slice())
                    .get_result(&mut connection)
                    .unwrap();
            let [first, second] = texts;
            assert_eq!(row.text, format!("{first}+{second}+{first}+{second}72"));
        }
        let unbound = prepared("SELECT $1 || $2 AS text").bind::<Text, _>("a");
        assert!(unbound.get_result::<Row>(&mut connection).is_err());
        let kept: Vec<Row> = prepared(
            "SELECT statement AS text FROM pg_prepared_statements WHERE statement LIKE 'SELECT array%'",
        )
        .load(&mut connection)
        .unwrap();
        let texts: Vec<&str> = kept.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(texts, ["SELECT array_to_string($1 || $1, '+') || $2 || array_length($1, 1) AS text"]);
    }
}
