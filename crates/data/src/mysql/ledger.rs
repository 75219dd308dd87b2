//! What is done, kept on the target beside the rows: a chunk's line is written in the transaction that loads it, so
//! that both are there or neither. Gone once the copy is finished.
//!
//! In a database of its own, or, where the target's user may make none, in tables of the first that is copied.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Row};

use crate::error::{Error, Result, Side};
use crate::plan::key::Range;
use crate::plan::lanes::Lanes;
use crate::plan::schema::ident;

/// The database that holds it.
pub const LEDGER: &str = "outboard_copy";
/// What its tables' names begin with in a database that has others.
const WITHIN: &str = "outboard_copy_";

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    job: String,
    tables: String,
    chunks: String,
    apart: bool,
}

/// Whether a table of that name is part of a ledger within its database.
pub fn is_part(table: &str) -> bool {
    ["job", "tables", "chunks"].iter().any(|name| table.strip_prefix(WITHIN) == Some(name))
}

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

impl Ledger {
    fn apart() -> Self {
        let of = |name: &str| format!("{LEDGER}.{name}");
        Self { job: of("job"), tables: of("tables"), chunks: of("chunks"), apart: true }
    }

    fn within(database: &str) -> Self {
        let of = |name: &str| format!("{}.{}", ident(database), ident(&format!("{WITHIN}{name}")));
        Self { job: of("job"), tables: of("tables"), chunks: of("chunks"), apart: false }
    }

    /// The one that an earlier run left; `first`: the first database that is copied.
    pub async fn find(conn: &mut Conn, first: &str) -> Result<Option<Self>> {
        let sql = "SELECT TABLE_NAME FROM information_schema.TABLES \
                   WHERE (TABLE_SCHEMA='outboard_copy' AND TABLE_NAME='job') OR (TABLE_SCHEMA=? AND TABLE_NAME='outboard_copy_job')";
        let found: Vec<String> = conn.exec(sql, (first,)).await.map_err(failed)?;
        Ok(match found.iter().any(|name| name == "job") {
            true => Some(Self::apart()),
            false => found.first().map(|_| Self::within(first)),
        })
    }

    /// A new one; databases that are copied have to be there.
    pub async fn begin(conn: &mut Conn, first: &str, fingerprint: &str) -> Result<Self> {
        let made = conn.query_drop("CREATE DATABASE IF NOT EXISTS outboard_copy CHARACTER SET utf8mb4").await;
        let ledger = match made {
            Ok(()) => Self::apart(),
            Err(mysql_async::Error::Server(error)) if matches!(error.code, 1044 | 1227 | 1410) => {
                Self::within(first)
            }
            Err(error) => return Err(failed(error)),
        };
        let Self { job, tables, chunks, .. } = &ledger;
        for sql in [
            format!(
                "CREATE TABLE IF NOT EXISTS {job} (id INT PRIMARY KEY, fingerprint VARCHAR(64) NOT NULL) ENGINE=InnoDB"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {tables} (place VARBINARY(512) PRIMARY KEY, fingerprint VARCHAR(64) NOT NULL, \
                 planned TINYINT NOT NULL DEFAULT 0, indexed TINYINT NOT NULL DEFAULT 0) ENGINE=InnoDB"
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {chunks} (place VARBINARY(512) NOT NULL, number INT UNSIGNED NOT NULL, \
                 bounds LONGBLOB NOT NULL, loaded TINYINT NOT NULL DEFAULT 0, \
                 source_rows BIGINT UNSIGNED, source_sum BIGINT UNSIGNED, source_xor BIGINT UNSIGNED, \
                 sent_rows BIGINT UNSIGNED, sent_sum BIGINT UNSIGNED, sent_xor BIGINT UNSIGNED, bytes BIGINT UNSIGNED, \
                 PRIMARY KEY (place, number)) ENGINE=InnoDB"
            ),
        ] {
            conn.query_drop(sql).await.map_err(failed)?;
        }
        exec(conn, &format!("REPLACE INTO {job} VALUES (1, ?)"), (fingerprint,)).await?;
        Ok(ledger)
    }

    /// What it says of its job.
    pub async fn job(&self, conn: &mut Conn) -> Result<String> {
        let sql = format!("SELECT fingerprint FROM {} WHERE id=1", self.job);
        let fingerprint: Option<String> = conn.query_first(sql).await.map_err(failed)?;
        Ok(fingerprint.unwrap_or_default())
    }

    pub async fn end(&self, conn: &mut Conn) -> Result<()> {
        let sql = if self.apart {
            "DROP DATABASE IF EXISTS outboard_copy".to_owned()
        } else {
            format!("DROP TABLE IF EXISTS {}, {}, {}", self.chunks, self.tables, self.job)
        };
        match conn.query_drop(sql).await {
            // Went with the database that it was in.
            Err(mysql_async::Error::Server(error)) if error.code == 1049 => Ok(()),
            outcome => outcome.map_err(failed),
        }
    }

    pub async fn entries(&self, conn: &mut Conn) -> Result<Vec<Entry>> {
        let sql = format!("SELECT place, fingerprint, planned, indexed FROM {} ORDER BY place", self.tables);
        let tables: Vec<(Vec<u8>, String, u8, u8)> = conn.query(sql).await.map_err(failed)?;
        let sql = format!(
            "SELECT place, bounds, loaded, source_rows, source_sum, source_xor, sent_rows, sent_sum, sent_xor, bytes \
             FROM {} ORDER BY place, number",
            self.chunks
        );
        let rows: Vec<Row> = conn.query(sql).await.map_err(failed)?;
        let mut chunks = std::collections::BTreeMap::<Vec<u8>, Vec<Line>>::new();
        for row in rows {
            let unreadable = || Error::Internal("the ledger on the target cannot be read".into());
            let place: Vec<u8> = row.get(0).ok_or_else(unreadable)?;
            let bounds: Vec<u8> = row.get(1).ok_or_else(unreadable)?;
            let range = serde_json::from_slice(&bounds).map_err(|_| unreadable())?;
            let number = |at: usize| row.get::<Option<u64>, _>(at).flatten().unwrap_or(0);
            let lanes = |at: usize| Lanes { rows: number(at), sum: number(at + 1), xor: number(at + 2) };
            let loaded =
                (number(2) == 1).then(|| Loaded { source: lanes(3), sent: lanes(6), bytes: number(9) });
            chunks.entry(place).or_default().push(Line { range, loaded });
        }
        let entry = |(place, fingerprint, planned, indexed): (Vec<u8>, String, u8, u8)| Entry {
            chunks: chunks.remove(&place).unwrap_or_default(),
            place: String::from_utf8_lossy(&place).into_owned(),
            fingerprint,
            planned: planned == 1,
            indexed: indexed == 1,
        };
        Ok(tables.into_iter().map(entry).collect())
    }

    pub async fn forget(&self, conn: &mut Conn, place: &str) -> Result<()> {
        exec(conn, &format!("DELETE FROM {} WHERE place=?", self.chunks), (place,)).await?;
        exec(conn, &format!("DELETE FROM {} WHERE place=?", self.tables), (place,)).await
    }

    /// Many at once: a copy may have thousands of tables.
    pub async fn created(&self, conn: &mut Conn, tables: &[(String, String)]) -> Result<()> {
        for some in tables.chunks(500) {
            let marks = vec!["(?,?)"; some.len()].join(",");
            let values: Vec<mysql_async::Value> =
                some.iter().flat_map(|(place, fingerprint)| [place.into(), fingerprint.into()]).collect();
            let sql = format!("REPLACE INTO {} (place, fingerprint) VALUES {marks}", self.tables);
            exec(conn, &sql, Params::Positional(values)).await?;
        }
        Ok(())
    }

    /// All chunks of a table, in one transaction with the word that these are all.
    pub async fn planned(&self, conn: &mut Conn, place: &str, ranges: &[Range]) -> Result<()> {
        conn.query_drop("START TRANSACTION").await.map_err(failed)?;
        for (group, some) in ranges.chunks(500).enumerate() {
            let mut values: Vec<mysql_async::Value> = vec![];
            for (index, range) in some.iter().enumerate() {
                let bounds = serde_json::to_vec(range).map_err(|error| Error::Internal(error.to_string()))?;
                values.extend([place.into(), ((group * 500 + index) as u64).into(), bounds.into()]);
            }
            let marks = vec!["(?,?,?)"; some.len()].join(",");
            let sql = format!("INSERT INTO {} (place, number, bounds) VALUES {marks}", self.chunks);
            exec(conn, &sql, Params::Positional(values)).await?;
        }
        exec(conn, &format!("UPDATE {} SET planned=1 WHERE place=?", self.tables), (place,)).await?;
        conn.query_drop("COMMIT").await.map_err(failed)
    }

    /// Within the transaction that loaded it. Literals: a statement of its own to prepare would cost a round trip.
    /// What leaked is not written down as loaded: whoever takes the copy up has to see it too.
    pub async fn loaded(
        &self,
        conn: &mut Conn,
        place: &str,
        number: usize,
        loaded: &Loaded,
        leaked: bool,
    ) -> Result<()> {
        let hex: String = place.bytes().map(|byte| format!("{byte:02x}")).collect();
        let (source, sent) = (loaded.source, loaded.sent);
        let sql = format!(
            "UPDATE {} SET loaded={}, source_rows={}, source_sum={}, source_xor={}, sent_rows={}, sent_sum={}, \
             sent_xor={}, bytes={} WHERE place=X'{hex}' AND number={number}",
            self.chunks,
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

    pub async fn unloaded(&self, conn: &mut Conn, place: &str, number: usize) -> Result<()> {
        let sql = format!("UPDATE {} SET loaded=0 WHERE place=? AND number=?", self.chunks);
        exec(conn, &sql, (place, number as u64)).await
    }

    pub async fn indexed(&self, conn: &mut Conn, place: &str) -> Result<()> {
        exec(conn, &format!("UPDATE {} SET indexed=1 WHERE place=?", self.tables), (place,)).await
    }
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
    Err(Error::Busy)
}
