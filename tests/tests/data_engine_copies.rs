//! A shop of twelve tables, copied while it is being written to: consistent to one moment, verified, with everything
//! that is no table.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use stories::goods::{self, Writer, checksums, consistent};
use stories::mariadb::MariaDb;
use stories::{CopyJob, same, until};

/// `ROWS=1000000` for the full size.
fn rows() -> u64 {
    std::env::var("ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(120_000)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_shop_is_copied_as_of_one_moment_while_it_is_written_to() -> Result<()> {
    let source = MariaDb::start(&["--log-bin", "--innodb-flush-log-at-trx-commit=2"]).await?;
    let target = MariaDb::start(&["--innodb-flush-log-at-trx-commit=2"]).await?;
    goods::fill(&source, rows()).await?;
    let writer = Writer::start(&source, 2).await?;
    until("the writer writes", Duration::from_secs(30), async || {
        Ok((writer.commits.load(std::sync::atomic::Ordering::Relaxed) > 50).then_some(()))
    })
    .await?;
    let before: u64 = source.one("SELECT COUNT(*) FROM shop.transfers").await?;
    let ended = CopyJob::new(&source, &target, &["shop"])?.run()?;
    let snapshot = ended.first("snapshot")?.clone();
    let report = ended.report()?;
    let meanwhile = writer.stop().await?;
    println!("{report:#}");

    same("how", &snapshot["how"], &json!("aligned"))?;
    same("nothing was held", &snapshot["heldMillis"], &json!(0))?;
    consistent(&target).await?;
    let (copied, after): (u64, u64) = (
        target.one("SELECT COUNT(*) FROM shop.transfers").await?,
        source.one("SELECT COUNT(*) FROM shop.transfers").await?,
    );
    ensure!(before <= copied && copied <= after && after > before, "{before} {copied} {after} {meanwhile}");
    // What nobody wrote to is the same to the servers themselves.
    let quiet = |list: Vec<(String, Option<u64>)>| -> Vec<_> {
        list.into_iter()
            .filter(|(name, _)| !["shop.accounts", "shop.transfers"].contains(&name.as_str()))
            .collect()
    };
    same("checksums", &quiet(checksums(&source, "shop").await?), &quiet(checksums(&target, "shop").await?))?;
    same("repaired", &report["repairedChunks"], &json!(0))?;
    ensure!(report["verifiedChunks"].as_u64() >= report["chunks"].as_u64(), "{report:#}");
    ensure!(report["peakMemoryBytes"].as_u64().is_some_and(|bytes| bytes < 200 << 20), "{report:#}");

    // Indexes, foreign keys and everything that is no table.
    let list = "SELECT CONCAT_WS(' ', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME) FROM information_schema.STATISTICS \
         WHERE TABLE_SCHEMA='shop' ORDER BY 1";
    same("indexes", &source.rows::<String>(list).await?, &target.rows::<String>(list).await?)?;
    let list = "SELECT CONCAT_WS(' ', TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE) FROM information_schema.REFERENTIAL_CONSTRAINTS \
         WHERE CONSTRAINT_SCHEMA='shop' ORDER BY 1";
    let keys = target.rows::<String>(list).await?;
    same("foreign keys", &source.rows::<String>(list).await?, &keys)?;
    ensure!(keys.len() == 12, "{keys:?}");
    ensure!(target.one::<u64>("SELECT COUNT(*) FROM shop.spending WHERE total > 0").await? > 0);
    same("a function", &target.one::<i64>("SELECT shop.doubled(21)").await?, &42)?;
    target.run(&["INSERT INTO shop.transfers (source, target, amount) VALUES (1, 2, -5)"]).await?;
    same(
        "a trigger",
        &target.one::<i64>("SELECT amount FROM shop.transfers ORDER BY id DESC LIMIT 1").await?,
        &5,
    )?;
    let status = "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA='shop'";
    same("the event does not run", &target.one::<String>(status).await?, &"DISABLED".to_owned())?;
    let (there, here): (u64, u64) = (
        source.one("SELECT NEXTVAL(shop.invoice)").await?,
        target.one("SELECT NEXTVAL(shop.invoice)").await?,
    );
    ensure!(here >= 1001 && here <= there + 100, "sequence {here}, {there} on the source");
    same(
        "no ledger is left",
        &target
            .one::<u64>("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME='outboard_copy'")
            .await?,
        &0,
    )?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn without_a_binary_log_writes_are_held_for_a_moment_and_the_report_says_so() -> Result<()> {
    let source = MariaDb::start(&[]).await?;
    let target = MariaDb::start(&[]).await?;
    goods::fill(&source, 20_000).await?;
    // What points nowhere on the source does so in the copy, and is told.
    source
        .run(&["SET foreign_key_checks=0", "UPDATE shop.addresses SET customer = 1000000 WHERE id IN (3, 4)"])
        .await?;
    let writer = Writer::start(&source, 2).await?;
    let report = CopyJob::new(&source, &target, &["shop"])?.run()?.report()?;
    writer.stop().await?;
    same("how", &report["snapshot"]["how"], &json!("locked"))?;
    same("orphans", &report["orphans"], &json!({"shop.addresses.address_customer": 2}))?;
    ensure!(report["snapshot"]["heldMillis"].as_u64().is_some_and(|held| held < 1000), "{report:#}");
    consistent(&target).await?;

    // A user who may not hold anything gets one reader.
    source
        .run(&[
            "CREATE USER reader@'%' IDENTIFIED BY 'a secret of a story'",
            "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON shop.* TO reader@'%'",
            "GRANT SELECT ON mysql.proc TO reader@'%'",
        ])
        .await?;
    let mut job = CopyJob::new(&source, &target, &["shop"])?;
    job.job["source"]["user"] = json!("reader");
    let report = job.run()?.report()?;
    same("how", &report["snapshot"]["how"], &json!("single"))?;
    same("held", &report["snapshot"]["heldMillis"], &json!(0))?;
    consistent(&target).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn five_thousand_tables_and_none_at_all() -> Result<()> {
    let source = MariaDb::start(&["--log-bin", "--innodb-flush-log-at-trx-commit=0"]).await?;
    let target = MariaDb::start(&["--innodb-flush-log-at-trx-commit=0"]).await?;
    source.run(&["CREATE DATABASE many", "CREATE DATABASE nothing"]).await?;
    let mut conn = source.connect().await?;
    for at in 0..5000 {
        use mysql_async::prelude::Queryable;
        conn.query_drop(format!("CREATE TABLE many.t{at} (id INT PRIMARY KEY, v VARCHAR(20), KEY (v))"))
            .await?;
        conn.query_drop(format!("INSERT INTO many.t{at} VALUES ({at}, 'a'), (-1, NULL)")).await?;
    }
    let report = CopyJob::new(&source, &target, &["many", "nothing"])?.run()?.report()?;
    println!("{report:#}");
    same("tables", &report["tables"], &json!(5000))?;
    same("rows", &report["rows"], &json!(10000))?;
    same("one of them", &target.one::<u64>("SELECT COUNT(*) FROM many.t4999 WHERE id = 4999").await?, &1)?;
    same(
        "there",
        &target
            .one::<u64>("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME='nothing'")
            .await?,
        &1,
    )
}
