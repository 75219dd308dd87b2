//! What is done, kept on the target beside the rows: a chunk's line is written in the transaction that loads it, so
//! that both are there or neither. Gone once the copy is finished.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row};

use crate::error::{Error, Result, Side};
use crate::plan::key::Range;
use crate::plan::lanes::Lanes;

/// The database that holds it.
pub const LEDGER: &str = "outboard_copy";

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS outboard_copy.job (id INT PRIMARY KEY, fingerprint VARCHAR(64) NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS outboard_copy.tables (place VARBINARY(512) PRIMARY KEY, fingerprint VARCHAR(64) NOT NULL, \
     planned TINYINT NOT NULL DEFAULT 0, indexed TINYINT NOT NULL DEFAULT 0) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS outboard_copy.chunks (place VARBINARY(512) NOT NULL, number INT UNSIGNED NOT NULL, \
     bounds LONGBLOB NOT NULL, loaded TINYINT NOT NULL DEFAULT 0, \
     source_rows BIGINT UNSIGNED, source_sum BIGINT UNSIGNED, source_xor BIGINT UNSIGNED, \
     sent_rows BIGINT UNSIGNED, sent_sum BIGINT UNSIGNED, sent_xor BIGINT UNSIGNED, bytes BIGINT UNSIGNED, \
     PRIMARY KEY (place, number)) ENGINE=InnoDB",
];

/// A table as an earlier run left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub place: String,
    pub fingerprint: String,
    pub planned: bool,
    pub indexed: bool,
    pub chunks: Vec<Line>,
}

/// A chunk: where it is, and once it is loaded, what was read and what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub range: Range,
    pub loaded: Option<Loaded>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub source: Lanes,
    pub sent: Lanes,
    pub bytes: u64,
}

/// What the ledger says of its job; none: there is no ledger.
pub async fn job(conn: &mut Conn) -> Result<Option<String>> {
    let there: Option<u64> = conn
        .query_first("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA='outboard_copy' AND TABLE_NAME='job'")
        .await
        .map_err(failed)?;
    if there != Some(1) {
        return Ok(None);
    }
    let fingerprint: Option<String> =
        conn.query_first("SELECT fingerprint FROM outboard_copy.job WHERE id=1").await.map_err(failed)?;
    Ok(Some(fingerprint.unwrap_or_default()))
}

pub async fn begin(conn: &mut Conn, fingerprint: &str) -> Result<()> {
    conn.query_drop("CREATE DATABASE IF NOT EXISTS outboard_copy CHARACTER SET utf8mb4")
        .await
        .map_err(failed)?;
    for table in TABLES {
        conn.query_drop(*table).await.map_err(failed)?;
    }
    exec(conn, "REPLACE INTO outboard_copy.job VALUES (1, ?)", (fingerprint,)).await
}

pub async fn end(conn: &mut Conn) -> Result<()> {
    conn.query_drop("DROP DATABASE IF EXISTS outboard_copy").await.map_err(failed)
}

pub async fn entries(conn: &mut Conn) -> Result<Vec<Entry>> {
    let tables: Vec<(Vec<u8>, String, u8, u8)> = conn
        .query("SELECT place, fingerprint, planned, indexed FROM outboard_copy.tables ORDER BY place")
        .await
        .map_err(failed)?;
    let rows: Vec<Row> = conn
        .query(
            "SELECT place, bounds, loaded, source_rows, source_sum, source_xor, sent_rows, sent_sum, sent_xor, bytes \
             FROM outboard_copy.chunks ORDER BY place, number",
        )
        .await
        .map_err(failed)?;
    let mut chunks = std::collections::BTreeMap::<Vec<u8>, Vec<Line>>::new();
    for row in rows {
        let unreadable = || Error::Internal("the ledger on the target cannot be read".into());
        let place: Vec<u8> = row.get(0).ok_or_else(unreadable)?;
        let bounds: Vec<u8> = row.get(1).ok_or_else(unreadable)?;
        let range = serde_json::from_slice(&bounds).map_err(|_| unreadable())?;
        let number = |at: usize| row.get::<Option<u64>, _>(at).flatten().unwrap_or(0);
        let lanes = |at: usize| Lanes { rows: number(at), sum: number(at + 1), xor: number(at + 2) };
        let loaded = (number(2) == 1).then(|| Loaded { source: lanes(3), sent: lanes(6), bytes: number(9) });
        chunks.entry(place).or_default().push(Line { range, loaded });
    }
    Ok(tables
        .into_iter()
        .map(|(place, fingerprint, planned, indexed)| Entry {
            chunks: chunks.remove(&place).unwrap_or_default(),
            place: String::from_utf8_lossy(&place).into_owned(),
            fingerprint,
            planned: planned == 1,
            indexed: indexed == 1,
        })
        .collect())
}

pub async fn forget(conn: &mut Conn, place: &str) -> Result<()> {
    exec(conn, "DELETE FROM outboard_copy.chunks WHERE place=?", (place,)).await?;
    exec(conn, "DELETE FROM outboard_copy.tables WHERE place=?", (place,)).await
}

/// Many at once: a copy may have thousands of tables.
pub async fn created(conn: &mut Conn, tables: &[(String, String)]) -> Result<()> {
    for some in tables.chunks(500) {
        let marks = vec!["(?,?)"; some.len()].join(",");
        let values: Vec<mysql_async::Value> =
            some.iter().flat_map(|(place, fingerprint)| [place.into(), fingerprint.into()]).collect();
        let sql = format!("REPLACE INTO outboard_copy.tables (place, fingerprint) VALUES {marks}");
        exec(conn, &sql, Params::Positional(values)).await?;
    }
    Ok(())
}

/// All chunks of a table, in one transaction with the word that these are all.
pub async fn planned(conn: &mut Conn, place: &str, ranges: &[Range]) -> Result<()> {
    conn.query_drop("START TRANSACTION").await.map_err(failed)?;
    for (group, some) in ranges.chunks(500).enumerate() {
        let mut values: Vec<mysql_async::Value> = vec![];
        for (index, range) in some.iter().enumerate() {
            let bounds = serde_json::to_vec(range).map_err(|error| Error::Internal(error.to_string()))?;
            values.extend([place.into(), ((group * 500 + index) as u64).into(), bounds.into()]);
        }
        let marks = vec!["(?,?,?)"; some.len()].join(",");
        let sql = format!("INSERT INTO outboard_copy.chunks (place, number, bounds) VALUES {marks}");
        exec(conn, &sql, Params::Positional(values)).await?;
    }
    exec(conn, "UPDATE outboard_copy.tables SET planned=1 WHERE place=?", (place,)).await?;
    conn.query_drop("COMMIT").await.map_err(failed)
}

/// Within the transaction that loaded it. Literals: a statement of its own to prepare would cost a round trip.
/// What leaked is not written down as loaded: whoever takes the copy up has to see it too.
pub async fn loaded(
    conn: &mut Conn,
    place: &str,
    number: usize,
    loaded: &Loaded,
    leaked: bool,
) -> Result<()> {
    let hex: String = place.bytes().map(|byte| format!("{byte:02x}")).collect();
    let (source, sent) = (loaded.source, loaded.sent);
    let sql = format!(
        "UPDATE outboard_copy.chunks SET loaded={}, source_rows={}, source_sum={}, source_xor={}, sent_rows={}, sent_sum={}, \
         sent_xor={}, bytes={} WHERE place=X'{hex}' AND number={number}",
        u8::from(!leaked),
        source.rows,
        source.sum,
        source.xor,
        sent.rows,
        sent.sum,
        sent.xor,
        loaded.bytes
    );
    conn.query_drop(sql).await.map_err(failed)?;
    // Gone, if somebody else began anew.
    if conn.affected_rows() > 1 {
        return Err(Error::Internal("the ledger has a chunk twice".into()));
    }
    Ok(())
}

pub async fn unloaded(conn: &mut Conn, place: &str, number: usize) -> Result<()> {
    exec(conn, "UPDATE outboard_copy.chunks SET loaded=0 WHERE place=? AND number=?", (place, number as u64))
        .await
}

pub async fn indexed(conn: &mut Conn, place: &str) -> Result<()> {
    exec(conn, "UPDATE outboard_copy.tables SET indexed=1 WHERE place=?", (place,)).await
}

async fn exec(conn: &mut Conn, sql: &str, params: impl Into<Params> + Send) -> Result<()> {
    conn.exec_drop(sql, params).await.map_err(failed)
}

fn failed(error: mysql_async::Error) -> Error {
    Error::sql(Side::Target, "keeping its ledger", error)
}

/// Held for as long as a copy runs: two would write over each other.
pub async fn alone(conn: &mut Conn, patience: u32) -> Result<()> {
    let sql = format!("SELECT GET_LOCK('outboard_copy', {patience})");
    let got: Option<Option<u8>> = conn
        .query_first(sql)
        .await
        .map_err(|error| Error::sql(Side::Target, "asking whether it is alone", error))?;
    if got.flatten() == Some(1) {
        return Ok(());
    }
    Err(Error::Refused {
        message: "another copy is writing to the target".to_owned(),
        fix: "wait until it has finished, or end it".to_owned(),
    })
}
