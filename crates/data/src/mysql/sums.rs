//! Asks a server for the checksum of a range, and for the keys at which a table can be cut.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use crate::error::{Error, Result, Side};
use crate::plan::key::{Range, literal};
use crate::plan::lanes::Lanes;
use crate::plan::schema::{Column, Table, ident};

pub async fn ask(conn: &mut Conn, side: Side, table: &Table, sql: &str) -> Result<Lanes> {
    let doing = || format!("computing the checksum of {}", table.place);
    let row: Option<(u64, Option<String>, u64)> =
        conn.query_first(sql).await.map_err(|error| of_table(side, table, doing(), error))?;
    row.and_then(|(rows, sum, xor)| Lanes::from_sql(rows, sum.as_deref(), xor))
        .ok_or_else(|| Error::Internal(format!("{side} answered no checksum of {}", table.place)))
}

/// A definition that changed under a snapshot is told as that.
pub fn of_table(side: Side, table: &Table, doing: String, error: mysql_async::Error) -> Error {
    match error {
        // Definition changed, no such table, no such column.
        mysql_async::Error::Server(error)
            if side == Side::Source && matches!(error.code, 1412 | 1146 | 1054) =>
        {
            Error::Changed { place: table.place.clone() }
        }
        error => Error::sql(side, doing, error),
    }
}

/// Every n-th key, by reading the key once.
pub async fn walk(
    conn: &mut Conn,
    table: &Table,
    columns: &[&Column],
    every: u64,
) -> Result<Vec<Vec<String>>> {
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let read: Vec<String> = columns.iter().map(|column| column.read()).collect();
    let key = table.key().map(|key| ident(&key.name)).unwrap_or_default();
    let order: Vec<String> = names.iter().map(|name| ident(name)).collect();
    let mut bounds: Vec<Vec<String>> = vec![];
    loop {
        let after = bounds.last().cloned().unwrap_or_default();
        let range = Range { columns: names.clone(), after, to: vec![] };
        let sql = format!(
            "SELECT {} FROM {} FORCE INDEX ({key}) WHERE {} ORDER BY {} LIMIT {},1",
            read.join(","),
            table.place.sql(),
            range.condition(),
            order.join(","),
            every.max(1) - 1,
        );
        let doing = || format!("cutting {}", table.place);
        let row: Option<Row> =
            conn.query_first(sql).await.map_err(|error| of_table(Side::Source, table, doing(), error))?;
        let Some(row) = row else { return Ok(bounds) };
        let cell = |at: usize| match row.as_ref(at) {
            Some(Value::Bytes(bytes)) => Some(bytes.as_slice()),
            _ => None,
        };
        let bound: Option<Vec<String>> =
            columns.iter().enumerate().map(|(at, column)| Some(literal(column, cell(at)?))).collect();
        match bound {
            Some(bound) if bounds.last() != Some(&bound) => bounds.push(bound),
            // Cannot be, of a key; going on would never end.
            _ => return Err(Error::Internal(format!("the keys of {} do not go on", table.place))),
        }
    }
}
