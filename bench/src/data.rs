//! Copies of a database: `outboard data-copy` beside `mariadb-dump | mariadb` and mydumper with myloader, of the same data with
//! three secondary indexes a table, between the same two servers on this machine. Needs no cluster.

pub mod cost;
mod harm;
mod rival;
pub mod types;

use anyhow::{Context, Result, ensure};
use mysql_async::prelude::Queryable;
use stories::goods::checksums;
use stories::mariadb::MariaDb;

use self::cost::{Cost, Meter};
use self::rival::{RIVALS, Rival};
use crate::setting;
use crate::table::{Table, percentile};

/// Both servers the same: rows fit into memory, as the tables of most environments do.
const SERVER: &[&str] =
    &["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M", "--innodb-flush-log-at-trx-commit=1"];

const DATABASE: &str = "goods";
const TABLES: u64 = 4;

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(measure()))
}

async fn measure() -> Result<()> {
    let (rows, runs) = (setting("ROWS", 2_000_000) as u64, setting("RUNS", 3));
    let source = MariaDb::start(&[SERVER, &["--log-bin"]].concat()).await?;
    fill(&source, rows).await?;
    let bytes: u64 = source
        .one("SELECT SUM(DATA_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA='goods'")
        .await?;
    let version: String = source.one("SELECT VERSION()").await?;
    println!(
        "{rows} rows in {TABLES} tables, {} MB without indexes, {version}; medians of {runs}\n",
        bytes / 1_000_000
    );
    let wanted = checksums(&source, "goods").await?;
    let mut costs: Vec<Vec<Cost>> = RIVALS.iter().map(|_| vec![]).collect();
    for _ in 0..runs {
        for (rival, costs) in RIVALS.iter().zip(&mut costs) {
            costs.push(once(*rival, &source, &wanted).await?);
        }
    }
    let mut table = Table::new(&[
        "",
        "wall s",
        "source CPU s",
        "target CPU s",
        "tool CPU s",
        "all CPU s",
        "tool's peak memory MB",
        "same as the source",
    ]);
    for (rival, costs) in RIVALS.iter().zip(&costs) {
        table.row(row(*rival, costs));
    }
    println!("{table}");
    harm::measure(&source).await
}

fn row(rival: Rival, costs: &[Cost]) -> Vec<String> {
    let median = |of: fn(&Cost) -> f64| percentile(&mut costs.iter().map(of).collect::<Vec<_>>(), 50);
    let same = match (rival.masks(), costs.iter().all(|cost| cost.same)) {
        (true, _) => "verified, masked".to_owned(),
        (false, true) => "yes".to_owned(),
        (false, false) => "**no**".to_owned(),
    };
    vec![
        rival.name().to_owned(),
        format!("{:.1}", median(|cost| cost.wall)),
        format!("{:.1}", median(|cost| cost.source)),
        format!("{:.1}", median(|cost| cost.target)),
        format!("{:.1}", median(|cost| cost.tool)),
        format!("{:.1}", median(|cost| cost.source + cost.target + cost.tool)),
        format!("{:.0}", median(|cost| cost.memory as f64 / 1e6)),
        same,
    ]
}

/// A target of its own each time, so that none finds what another left.
async fn once(rival: Rival, source: &MariaDb, wanted: &[(String, Option<u64>)]) -> Result<Cost> {
    let target = MariaDb::start(SERVER).await?;
    let meter = Meter::begin(source, &target)?;
    let memory = rival.run(source, &target, DATABASE)?;
    let mut cost = meter.end()?;
    cost.memory = memory;
    cost.same = checksums(&target, "goods").await? == wanted;
    let rows: u64 = target.one("SELECT COUNT(*) FROM goods.t1").await?;
    let there: u64 = source.one("SELECT COUNT(*) FROM goods.t1").await?;
    ensure!(rows == there, "{} copied {rows} of {there} rows", rival.name());
    let list = "SELECT COUNT(DISTINCT TABLE_NAME, INDEX_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA='goods'";
    let (here, there): (u64, u64) = (target.one(list).await?, source.one(list).await?);
    ensure!(here == there, "{} made {here} of {there} indexes", rival.name());
    println!("{:<40} {:>6.1} s", rival.name(), cost.wall);
    Ok(cost)
}

async fn fill(server: &MariaDb, rows: u64) -> Result<()> {
    let mut conn = server.connect().await?;
    conn.query_drop("CREATE DATABASE goods CHARACTER SET utf8mb4").await?;
    conn.query_drop("USE goods").await?;
    for at in 1..=TABLES {
        let create = format!(
            "CREATE TABLE goods.t{at} (id BIGINT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(100) NOT NULL, name VARCHAR(60), code CHAR(20) NOT NULL, \
             amount DECIMAL(12,2), ratio FLOAT, placed DATETIME(3), state ENUM('new','paid','sent'), note TEXT, \
             KEY by_email (email), KEY by_code (code, placed), KEY by_placed (placed))"
        );
        let insert = format!(
            "INSERT INTO goods.t{at} SELECT seq, CONCAT(MD5(seq), '@mail', seq MOD 9, '.example.org'), CONCAT('Given', seq MOD 977, ' Family', seq MOD 7919), \
             LEFT(SHA1(seq * {at}), 20), seq / 7, seq / 13, '2021-01-01' + INTERVAL (seq * 7919) MOD 90000000 SECOND, 1 + seq MOD 3, \
             REPEAT(CONCAT('note ', seq, ' '), seq MOD 9) FROM seq_1_to_{}",
            rows / TABLES
        );
        for sql in [create, insert, format!("ANALYZE TABLE goods.t{at}")] {
            conn.query_drop(sql).await.context("failed to fill the source")?;
        }
    }
    Ok(())
}
