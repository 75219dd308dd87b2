//! Definitions on the target: databases and tables before rows come, everything else once they are there. Each step finds
//! out what is there already, so that it can be done again. By sessions of text: one of bytes would take the members of
//! an ENUM as bytes, too.

use std::collections::BTreeMap;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use crate::error::{Error, Result, Side};
use crate::plan::ddl::{Split, with_definer};
use crate::plan::schema::{Database, ForeignKey, Made, MadeKind, Place, Table, ident};

/// Tables that are there, by database.
pub async fn existing(conn: &mut Conn, databases: &[Database]) -> Result<Vec<String>> {
    let mut found = vec![];
    for database in databases {
        let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA=?";
        let names: Vec<String> =
            conn.exec(sql, (&database.name,)).await.map_err(|error| failed("looking at it", error))?;
        found.extend(names.into_iter().map(|name| format!("{}.{name}", database.name)));
    }
    Ok(found)
}

/// Drops them.
pub async fn empty(conn: &mut Conn, databases: &[Database]) -> Result<()> {
    for database in databases {
        let sql = format!("DROP DATABASE IF EXISTS {}", ident(&database.name));
        execute(conn, &sql, || format!("dropping database {}", database.name)).await?;
    }
    Ok(())
}

pub async fn database(conn: &mut Conn, database: &Database) -> Result<()> {
    let name = ident(&database.name);
    let sql = format!(
        "CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET {} COLLATE {}",
        database.charset, database.collation
    );
    execute(conn, &sql, || format!("making database {}", database.name)).await
}

/// A table that the source no longer has.
pub async fn gone(conn: &mut Conn, place: &str) -> Result<()> {
    let Some((database, table)) = place.split_once('.') else { return Ok(()) };
    let place = Place::new(database, table);
    execute(conn, &format!("DROP TABLE IF EXISTS {}", place.sql()), || format!("dropping {place}")).await
}

pub async fn table(conn: &mut Conn, table: &Table, split: &Split) -> Result<()> {
    let doing = || format!("creating {}", table.place);
    execute(conn, &format!("DROP TABLE IF EXISTS {}", table.place.sql()), doing).await?;
    execute(conn, &split.create, doing).await
}

/// Those of them that are not there yet, in as few reads of the table as can be.
pub async fn indexes(conn: &mut Conn, table: &Table, split: &Split) -> Result<()> {
    if split.indexes.is_empty() && split.alone.is_empty() {
        return Ok(());
    }
    let sql =
        "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA=? AND TABLE_NAME=?";
    let there: Vec<String> = conn
        .exec(sql, (&table.place.database, &table.place.table))
        .await
        .map_err(|error| failed("looking at its indexes", error))?;
    let missing = |list: &[String]| -> Vec<String> {
        list.iter()
            .filter(|add| !there.iter().any(|name| add.contains(&format!(" {} (", ident(name)))))
            .cloned()
            .collect()
    };
    let together = missing(&split.indexes);
    let statements =
        (!together.is_empty()).then(|| together.join(", ")).into_iter().chain(missing(&split.alone));
    for adding in statements {
        let sql = format!("ALTER TABLE {} {adding}", table.place.sql());
        execute(conn, &sql, || format!("building indexes of {}", table.place)).await?;
    }
    Ok(())
}

pub async fn foreign_keys(conn: &mut Conn, table: &Table, split: &Split) -> Result<()> {
    if split.foreign_keys.is_empty() {
        return Ok(());
    }
    let sql = "SELECT CONSTRAINT_NAME FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE='FOREIGN KEY' \
         AND TABLE_SCHEMA=? AND TABLE_NAME=?";
    let there: Vec<String> = conn
        .exec(sql, (&table.place.database, &table.place.table))
        .await
        .map_err(|error| failed("looking at its foreign keys", error))?;
    let missing: Vec<&str> = split
        .foreign_keys
        .iter()
        .filter(|add| !there.iter().any(|name| add.starts_with(&format!("ADD CONSTRAINT {} ", ident(name)))))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let sql = format!("ALTER TABLE {} {}", table.place.sql(), missing.join(", "));
    execute(conn, &sql, || format!("adding foreign keys of {}", table.place)).await
}

/// Rows whose foreign key points nowhere. Nobody else looks: adding the key did not.
pub async fn orphans(conn: &mut Conn, table: &Table, key: &ForeignKey) -> Result<u64> {
    let pairs: Vec<(String, String)> = key
        .columns
        .iter()
        .zip(&key.parent_columns)
        .map(|(child, parent)| (ident(child), ident(parent)))
        .collect();
    let on: Vec<String> = pairs.iter().map(|(child, parent)| format!("c.{child}=p.{parent}")).collect();
    let set: Vec<String> = pairs.iter().map(|(child, _)| format!("c.{child} IS NOT NULL")).collect();
    let sql = format!(
        "SELECT COUNT(*) FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})",
        table.place.sql(),
        set.join(" AND "),
        key.parent.sql(),
        on.join(" AND ")
    );
    match conn.query_first::<u64, _>(sql).await {
        Ok(count) => Ok(count.unwrap_or(0)),
        // The other table is not there, so every row points nowhere; the server says so when it is written to.
        Err(mysql_async::Error::Server(error)) if matches!(error.code, 1146 | 1049) => Ok(0),
        Err(error) => Err(failed(&format!("looking for orphans in {}", table.place), error)),
    }
}

/// Routines, views, triggers and events of a database, and what was left out of them.
pub async fn made(
    conn: &mut Conn,
    database: &Database,
    definer: Option<&str>,
    events: bool,
    kinds: &[MadeKind],
) -> Result<()> {
    execute(conn, &format!("USE {}", ident(&database.name)), || "choosing a database".to_owned()).await?;
    let wanted = database.made.iter().filter(|made| kinds.contains(&made.kind));
    let (views, others): (Vec<&Made>, Vec<&Made>) = wanted.partition(|made| made.kind == MadeKind::View);
    for one in others {
        make(conn, database, one, definer, events).await?;
    }
    // A view may be made of views: those that can be are made, until all are or none can.
    let mut waiting = views;
    while !waiting.is_empty() {
        let (mut failed_views, mut first) = (vec![], None);
        let before = waiting.len();
        for view in waiting {
            if let Err(error) = make(conn, database, view, definer, events).await {
                if error.passes() {
                    return Err(error);
                }
                failed_views.push(view);
                first.get_or_insert(error);
            }
        }
        if let (true, Some(error)) = (failed_views.len() == before, first) {
            return Err(error);
        }
        waiting = failed_views;
    }
    Ok(())
}

async fn make(
    conn: &mut Conn,
    database: &Database,
    made: &Made,
    definer: Option<&str>,
    events: bool,
) -> Result<()> {
    let doing = || format!("making {} {}.{}", made.kind.sql().to_lowercase(), database.name, made.name);
    // What is there of an earlier run is the same, or older.
    if made.kind != MadeKind::Sequence {
        execute(conn, &format!("DROP {} IF EXISTS {}", made.kind.sql(), ident(&made.name)), doing).await?;
    }
    let mode = made.sql_mode.as_deref().unwrap_or("");
    execute(conn, &format!("SET SESSION sql_mode='{}'", mode.replace('\'', "")), doing).await?;
    let mut create = with_definer(&made.create, definer);
    match made.kind {
        MadeKind::Event if !events => create = create.replacen(" PRESERVE ENABLE", " PRESERVE DISABLE", 1),
        MadeKind::Sequence => {
            create = create.replacen("CREATE SEQUENCE ", "CREATE SEQUENCE IF NOT EXISTS ", 1);
        }
        _ => {}
    }
    execute(conn, &create, doing).await
}

/// Where each sequence stands; it is set so that none is given out twice.
pub async fn sequences(source: &mut Conn, target: &mut Conn, database: &Database) -> Result<()> {
    for sequence in database.made.iter().filter(|made| made.kind == MadeKind::Sequence) {
        let name = format!("{}.{}", ident(&database.name), ident(&sequence.name));
        let sql = format!("SELECT next_not_cached_value, cycle_count FROM {name}");
        let doing = || format!("reading sequence {}.{}", database.name, sequence.name);
        let state: Option<(i64, u64)> =
            source.query_first(sql).await.map_err(|error| Error::sql(Side::Source, doing(), error))?;
        let Some((next, cycle)) = state else { continue };
        execute(target, &format!("DO SETVAL({name}, {next}, 0, {cycle})"), doing).await?;
    }
    Ok(())
}

pub async fn analyze(conn: &mut Conn, tables: &[&Table]) -> Result<()> {
    let mut by_statement: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (at, table) in tables.iter().enumerate() {
        by_statement.entry(at / 50).or_default().push(table.place.sql());
    }
    for names in by_statement.values() {
        execute(conn, &format!("ANALYZE TABLE {}", names.join(",")), || "counting its indexes".to_owned())
            .await?;
    }
    Ok(())
}

async fn execute(conn: &mut Conn, sql: &str, doing: impl Fn() -> String) -> Result<()> {
    conn.query_drop(sql).await.map_err(|error| failed(&doing(), error))
}

fn failed(doing: &str, error: mysql_async::Error) -> Error {
    Error::sql(Side::Target, doing, error)
}
