//! Reads what a database consists of. A question about all tables at once, not one a table: there may be thousands.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};

use crate::error::{Error, Result, Side};
use crate::plan::schema::{Column, Database, ForeignKey, Index, Made, MadeKind, Part, Place, Table, ident};

pub async fn databases(conn: &mut Conn, names: &[String]) -> Result<Vec<Database>> {
    let mut found = vec![];
    let mut missing = vec![];
    for name in names {
        match database(conn, name).await? {
            Some(database) => found.push(database),
            None => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    Err(Error::Refused {
        message: format!("the source has no database {}, or its user may not see it", missing.join(", ")),
        fix: "correct `databases`, or grant the source's user SELECT, SHOW VIEW, TRIGGER and EVENT on it"
            .to_owned(),
    })
}

async fn database(conn: &mut Conn, name: &str) -> Result<Option<Database>> {
    let sql = "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ";
    let Some(row) = rows(conn, format!("{sql}{}", text(name))).await?.pop() else { return Ok(None) };
    let (charset, collation) = (row.text(0), row.text(1));
    let (tables, mut made) = tables(conn, name).await?;
    made.extend(routines(conn, name).await?);
    made.sort_by_key(|made| made.kind);
    Ok(Some(Database { name: name.to_owned(), charset, collation, tables, made }))
}

async fn tables(conn: &mut Conn, database: &str) -> Result<(Vec<Table>, Vec<Made>)> {
    let of = format!("TABLE_SCHEMA = {}", text(database));
    let mut columns = columns(conn, &of).await?;
    let mut indexes = indexes(conn, &of).await?;
    let mut foreign_keys = foreign_keys(conn, database).await?;
    let listed = rows(
        conn,
        format!(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES WHERE {of} ORDER BY TABLE_NAME"
        ),
    )
    .await?;
    let (mut tables, mut made) = (vec![], vec![]);
    for row in listed {
        let (name, kind) = (row.text(0), row.text(1));
        let place = Place::new(database, &name);
        match kind.as_str() {
            "VIEW" => {
                let create = show(conn, &format!("SHOW CREATE VIEW {}", place.sql()), 1).await?;
                made.push(Made { name, kind: MadeKind::View, create, sql_mode: None });
            }
            "SEQUENCE" => {
                let create = show(conn, &format!("SHOW CREATE SEQUENCE {}", place.sql()), 1).await?;
                made.push(Made { name, kind: MadeKind::Sequence, create, sql_mode: None });
            }
            _ => {
                let create = show(conn, &format!("SHOW CREATE TABLE {}", place.sql()), 1).await?;
                tables.push(Table {
                    create,
                    engine: row.text(2),
                    rows: row.number(3),
                    bytes: row.number(4),
                    versioned: kind == "SYSTEM VERSIONED",
                    columns: columns.remove(&name).unwrap_or_default(),
                    indexes: indexes.remove(&name).unwrap_or_default(),
                    foreign_keys: foreign_keys.remove(&name).unwrap_or_default(),
                    place,
                });
            }
        }
    }
    Ok((tables, made))
}

async fn columns(conn: &mut Conn, of: &str) -> Result<BTreeMap<String, Vec<Column>>> {
    let sql = format!(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, \
         IS_GENERATED, CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS WHERE {of} ORDER BY TABLE_NAME, ORDINAL_POSITION"
    );
    let mut found: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in rows(conn, sql).await? {
        found.entry(row.text(0)).or_default().push(Column {
            name: row.text(1),
            kind: row.text(2).to_lowercase(),
            full: row.text(3),
            charset: row.maybe(4),
            collation: row.maybe(5),
            nullable: row.text(6) == "YES",
            generated: row.text(7) == "ALWAYS",
            length: row.maybe(8).and_then(|length| length.parse().ok()),
        });
    }
    Ok(found)
}

/// In the order in which the server has them, which is also the one by which it chooses where rows lie.
async fn indexes(conn: &mut Conn, of: &str) -> Result<BTreeMap<String, Vec<Index>>> {
    let sql = format!(
        "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, COLLATION FROM information_schema.STATISTICS \
         WHERE {of}"
    );
    let mut found: BTreeMap<String, Vec<Index>> = BTreeMap::new();
    for row in rows(conn, sql).await? {
        let of = found.entry(row.text(0)).or_default();
        let part =
            Part { column: row.text(3), prefix: row.maybe(4).is_some(), descending: row.text(5) == "D" };
        match of.last_mut().filter(|index| index.name == row.text(1)) {
            Some(index) => index.parts.push(part),
            None => of.push(Index { name: row.text(1), unique: row.text(2) == "0", parts: vec![part] }),
        }
    }
    Ok(found)
}

async fn foreign_keys(conn: &mut Conn, database: &str) -> Result<BTreeMap<String, Vec<ForeignKey>>> {
    let sql = format!(
        "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME \
         FROM information_schema.KEY_COLUMN_USAGE WHERE CONSTRAINT_SCHEMA = {0} AND TABLE_SCHEMA = {0} AND REFERENCED_TABLE_NAME IS NOT NULL \
         ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
        text(database)
    );
    let mut found: BTreeMap<String, Vec<ForeignKey>> = BTreeMap::new();
    for row in rows(conn, sql).await? {
        let of = found.entry(row.text(0)).or_default();
        if of.last().is_none_or(|key| key.name != row.text(1)) {
            of.push(ForeignKey {
                name: row.text(1),
                columns: vec![],
                parent: Place::new(row.text(3), row.text(4)),
                parent_columns: vec![],
            });
        }
        if let Some(key) = of.last_mut() {
            key.columns.push(row.text(2));
            key.parent_columns.push(row.text(5));
        }
    }
    Ok(found)
}

async fn routines(conn: &mut Conn, database: &str) -> Result<Vec<Made>> {
    let mut made = vec![];
    let quoted = text(database);
    let lists = [
        format!(
            "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {quoted} ORDER BY 2"
        ),
        // In this order they are made, so that those of one event run in the order they had.
        format!(
            "SELECT 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {quoted} \
             ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER"
        ),
        format!(
            "SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {quoted} ORDER BY 2"
        ),
    ];
    for list in lists {
        for row in rows(conn, list).await? {
            let (kind, create) = match row.text(0).as_str() {
                "FUNCTION" => (MadeKind::Function, 2),
                "PROCEDURE" => (MadeKind::Procedure, 2),
                "TRIGGER" => (MadeKind::Trigger, 2),
                "EVENT" => (MadeKind::Event, 3),
                other => {
                    return Err(Error::Refused {
                        message: format!(
                            "{database}.{} is a {other}, which cannot be copied yet",
                            row.text(1)
                        ),
                        fix: "drop it, or copy another database".to_owned(),
                    });
                }
            };
            let name = row.text(1);
            let sql = format!("SHOW CREATE {} {}.{}", kind.sql(), ident(database), ident(&name));
            let answer = rows(conn, sql).await?.pop().ok_or_else(|| hidden(database, &name))?;
            let text = answer.maybe(create).ok_or_else(|| hidden(database, &name))?;
            made.push(Made { name, kind, create: text, sql_mode: answer.maybe(1) });
        }
    }
    Ok(made)
}

fn hidden(database: &str, name: &str) -> Error {
    Error::Refused {
        message: format!("the source's user may not see how {database}.{name} is made"),
        fix: "grant it SELECT on mysql.proc, and SHOW VIEW, TRIGGER and EVENT on the database".to_owned(),
    }
}

async fn show(conn: &mut Conn, sql: &str, column: usize) -> Result<String> {
    let answer = rows(conn, sql.to_owned()).await?.pop();
    answer
        .and_then(|row| row.maybe(column))
        .ok_or_else(|| Error::Internal(format!("`{sql}` was not answered")))
}

async fn rows(conn: &mut Conn, sql: String) -> Result<Vec<Answer>> {
    let rows: Vec<Row> =
        conn.query(sql).await.map_err(|error| Error::sql(Side::Source, "reading its schema", error))?;
    Ok(rows.into_iter().map(Answer).collect())
}

/// A row of text.
struct Answer(Row);

impl Answer {
    fn maybe(&self, column: usize) -> Option<String> {
        match self.0.as_ref(column)? {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }

    fn text(&self, column: usize) -> String {
        self.maybe(column).unwrap_or_default()
    }

    fn number(&self, column: usize) -> u64 {
        self.maybe(column).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A name as a value in a statement.
fn text(name: &str) -> String {
    format!("'{}'", name.replace('\\', "\\\\").replace('\'', "''"))
}

/// How many rows a server guesses in a range.
pub async fn guess(conn: &mut Conn, table: &Table, range: &crate::plan::key::Range) -> Result<u64> {
    let key = table.key().map(|key| format!(" FORCE INDEX ({})", ident(&key.name))).unwrap_or_default();
    let sql = format!("EXPLAIN SELECT 1 FROM {}{key} WHERE {}", table.place.sql(), range.condition());
    let answer = rows(conn, sql).await?.pop();
    // `rows` is the ninth; without it nothing can match.
    Ok(answer.map(|row| row.number(8)).unwrap_or(0))
}

/// Least and greatest of a column, where there are rows.
pub async fn ends(conn: &mut Conn, table: &Table, column: &str) -> Result<Option<(i128, i128)>> {
    let name = ident(column);
    let sql = format!("SELECT MIN({name}), MAX({name}) FROM {}", table.place.sql());
    let answer = rows(conn, sql).await?.pop();
    let number = |row: &Answer, at| row.maybe(at).and_then(|text| text.parse::<i128>().ok());
    Ok(answer.and_then(|row| Some((number(&row, 0)?, number(&row, 1)?))))
}

/// Some of a column's values as text, from both ends of the table.
pub async fn samples(conn: &mut Conn, table: &Table, column: &Column, most: usize) -> Result<Vec<String>> {
    let name = ident(&column.name);
    let value = if column.is_bytes() { name.clone() } else { format!("CONVERT({name} USING utf8mb4)") };
    let mut found = vec![];
    let orders = match table.key().and_then(|key| key.parts.first()) {
        Some(first) => ["", " DESC"].map(|way| format!(" ORDER BY {}{way}", ident(&first.column))).to_vec(),
        None => vec![String::new()],
    };
    for order in &orders {
        let sql = format!(
            "SELECT {value} FROM {} WHERE {name} IS NOT NULL{order} LIMIT {}",
            table.place.sql(),
            most / orders.len()
        );
        found.extend(rows(conn, sql).await?.iter().filter_map(|row| row.maybe(0)));
    }
    Ok(found)
}
