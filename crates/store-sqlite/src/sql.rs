//! What the statements of all ports share: names, values, and reading rows. No statement stands here.

use crate::error::failed;
use rusqlite::{
    Connection, Params, Row,
    types::{ToSqlOutput, ValueRef},
};
use store::{Family, StoreError, records::Value};

/// The table or view of a family.
pub(crate) fn table(family: Family) -> String {
    family.name().replace(':', "_")
}

/// A number of rows as `LIMIT` takes it.
pub(crate) fn row_limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A field's value, or NULL, as a statement takes it.
pub(crate) struct Field<'a>(pub(crate) Option<&'a Value>);

impl rusqlite::ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            None => ValueRef::Null,
            Some(Value::Integer(number)) => ValueRef::Integer(*number),
            Some(Value::Text(text)) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// All rows of a statement, as `read` reads them.
pub(crate) fn rows<T>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(operation))?;
    let mut rows = statement.query(values).map_err(failed(operation))?;
    let mut answer = Vec::new();
    while let Some(row) = rows.next().map_err(failed(operation))? {
        answer.push(read(row)?);
    }
    Ok(answer)
}

/// Runs a statement that is run often; says how many rows it changed.
pub(crate) fn run(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
) -> Result<usize, StoreError> {
    let ran = connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
    ran.map_err(failed(operation))
}
