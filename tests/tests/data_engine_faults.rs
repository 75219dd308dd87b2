//! A copy that is killed, cut off, or finds its rows changed: taken up again, with each row once.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::Exit;
use rand::RngExt;
use serde_json::{Value, json};
use stories::goods::{self, Writer, checksums, consistent};
use stories::mariadb::MariaDb;
use stories::{CopyJob, same};

const ROWS: u64 = 150_000;

fn loaded(event: &Value) -> u64 {
    if event["event"] == "progress" { event["rows"].as_u64().unwrap_or(0) } else { 0 }
}

async fn servers() -> Result<(MariaDb, MariaDb)> {
    let source = MariaDb::start(&["--log-bin", "--innodb-flush-log-at-trx-commit=2"]).await?;
    let target = MariaDb::start(&["--innodb-flush-log-at-trx-commit=1"]).await?;
    goods::fill(&source, ROWS).await?;
    Ok((source, target))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_copy_that_is_killed_ten_times_is_taken_up_again_while_rows_go_on_changing() -> Result<()> {
    let (source, target) = servers().await?;
    let writer = Writer::start(&source, 1).await?;
    let mut job = CopyJob::new(&source, &target, &["shop"])?.limits(json!({"bytesPerSecond": 1_500_000}));
    let mut kept = 0;
    for round in 0..10 {
        let looks = { rand::rng().random_range(1..4) };
        let mut copy = job.start(&[])?;
        for _ in 0..looks {
            let looked = |event: &Value| event["event"] == "progress" || event["event"] == "report";
            if copy.until("progress", looked)?["event"] == "report" {
                break;
            }
        }
        let events = copy.kill()?;
        if let Some(resumed) = events.iter().find(|event| event["event"] == "resumed") {
            println!("round {round}: {resumed}");
            kept = resumed["kept"].as_u64().unwrap_or(0).max(kept);
        }
        // Rows that were copied are changed and deleted, and new ones come.
        source
            .run(&[
                "USE shop",
                "UPDATE shop.customers SET phone = CONCAT(phone, '1') WHERE id MOD 997 = 1 AND LENGTH(phone) < 28",
                "DELETE FROM shop.visits LIMIT 5",
                "INSERT INTO shop.sessions SELECT UUID(), 1, NOW() FROM seq_1_to_20",
                "DELETE FROM shop.sessions WHERE customer = 2 LIMIT 2",
            ])
            .await?;
    }
    ensure!(kept > 0, "nothing was ever taken up");
    job = job.limits(json!({}));
    let report = job.run()?.report()?;
    println!("{report:#}");
    writer.stop().await?;
    consistent(&target).await?;
    let quiet = |list: Vec<(String, Option<u64>)>| -> Vec<_> {
        list.into_iter()
            .filter(|(name, _)| !["shop.accounts", "shop.transfers"].contains(&name.as_str()))
            .collect()
    };
    same("checksums", &quiet(checksums(&source, "shop").await?), &quiet(checksums(&target, "shop").await?))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_target_that_crashes_three_times_is_waited_for_and_the_snapshot_stays() -> Result<()> {
    let (source, mut target) = servers().await?;
    let before = checksums(&source, "shop").await?;
    let writer = Writer::start(&source, 1).await?;
    let job = CopyJob::new(&source, &target, &["shop"])?.limits(json!({"bytesPerSecond": 1_500_000}));
    let mut copy = job.start(&[])?;
    let mut from = 0;
    for _ in 0..3 {
        let event = copy.until("more rows", |event| loaded(event) > from + 5_000)?;
        from = loaded(&event);
        target.crash()?;
        target.up().await?;
    }
    let unlimited = job.limits(json!({}));
    unlimited.write()?;
    let ended = copy.end()?;
    let notes: Vec<&Value> = ended.events.iter().filter(|event| event["event"] == "note").collect();
    println!("{notes:#?}");
    let report = ended.report()?;
    println!("{report:#}");
    writer.stop().await?;
    same("snapshots", &report["snapshots"], &json!(1))?;
    consistent(&target).await?;
    let quiet = |list: Vec<(String, Option<u64>)>| -> Vec<_> {
        list.into_iter()
            .filter(|(name, _)| !["shop.accounts", "shop.transfers"].contains(&name.as_str()))
            .collect()
    };
    same("checksums", &quiet(before), &quiet(checksums(&target, "shop").await?))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_source_that_crashes_costs_the_snapshot_and_nothing_that_is_done() -> Result<()> {
    let (mut source, target) = servers().await?;
    let job = CopyJob::new(&source, &target, &["shop"])?.limits(json!({"bytesPerSecond": 1_500_000}));
    let mut copy = job.start(&[])?;
    copy.until("rows", |event| loaded(event) > 20_000)?;
    source.crash()?;
    source.up().await?;
    job.limits(json!({})).write()?;
    let ended = copy.end()?;
    ensure!(ended.first("resumed")?["kept"].as_u64() > Some(0), "{:#}", ended.first("resumed")?);
    let report = ended.report()?;
    same("snapshots", &report["snapshots"], &json!(2))?;
    same("checksums", &checksums(&source, "shop").await?, &checksums(&target, "shop").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn what_is_not_what_was_sent_is_found_and_loaded_again() -> Result<()> {
    let (source, target) = servers().await?;
    let job = CopyJob::new(&source, &target, &["shop"])?
        .limits(json!({"connections": 1, "bytesPerSecond": 1_500_000}));
    let mut copy = job.start(&[])?;
    copy.until("progress", |event| event["event"] == "progress")?;
    // Every statement goes well, and some rows are others. Large tables come first: this one is still to come.
    target
        .run(&["CREATE TRIGGER shop.spoil BEFORE INSERT ON shop.sessions FOR EACH ROW \
                SET NEW.customer = IF(NEW.token LIKE '00%', 1, NEW.customer)"])
        .await?;
    copy.until("a note", |event| event["event"] == "note")?;
    target.run(&["DROP TRIGGER shop.spoil"]).await?;
    job.limits(json!({"connections": 1})).write()?;
    let ended = copy.end()?;
    let noted = ended.events.iter().any(|event| {
        event["event"] == "note"
            && event["message"].as_str().is_some_and(|text| text.contains("not what was sent"))
    });
    let report = ended.report()?;
    println!("{report:#}");
    ensure!(noted && report["repairedChunks"].as_u64() > Some(0), "{report:#}");
    same("checksums", &checksums(&source, "shop").await?, &checksums(&target, "shop").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_definition_that_changes_underneath_is_followed() -> Result<()> {
    let (source, target) = servers().await?;
    let job = CopyJob::new(&source, &target, &["shop"])?
        .limits(json!({"connections": 2, "bytesPerSecond": 1_500_000}));
    let mut copy = job.start(&[])?;
    copy.until("rows", |event| loaded(event) > 2_000)?;
    // Nothing keeps people from it for longer than a chunk.
    let begun = std::time::Instant::now();
    source
        .run(&[
            "ALTER TABLE shop.categories ADD COLUMN colour VARCHAR(10) DEFAULT 'red'",
            "ALTER TABLE shop.accounts ADD COLUMN frozen BOOL NOT NULL DEFAULT FALSE",
            "CREATE TABLE shop.fresh (id INT PRIMARY KEY)",
        ])
        .await?;
    ensure!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    job.limits(json!({})).write()?;
    let report = copy.end()?.report()?;
    println!("{report:#}");
    let columns = "SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='shop' ORDER BY 1";
    let (there, here) = (source.rows::<String>(columns).await?, target.rows::<String>(columns).await?);
    // As of before, or as of after: never half.
    ensure!(report["snapshots"] == 1 || there == here, "{here:?}");
    let shared: Vec<String> = checksums(&target, "shop").await?.into_iter().map(|(name, _)| name).collect();
    ensure!(shared.len() >= 12, "{shared:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn a_full_disk_is_told_and_the_copy_goes_on_once_there_is_room() -> Result<()> {
    let source = MariaDb::start(&["--log-bin", "--innodb-flush-log-at-trx-commit=2"]).await?;
    goods::fill(&source, ROWS).await?;
    let small = ["--innodb-log-file-size=8M", "--innodb-temp-data-file-path=ibtmp1:4M:autoextend"];
    let target = MariaDb::start_on(62, &small).await?;
    let job = CopyJob::new(&source, &target, &["shop"])?;
    job.run()?
        .failed(Exit::Failure, &["the target failed while", "see whether the target has space left"])?;
    target.grow(400)?;
    let ended = job.run()?;
    ensure!(ended.first("resumed")?["kept"].as_u64() > Some(0), "{:#}", ended.first("resumed")?);
    ended.report()?;
    same("checksums", &checksums(&source, "shop").await?, &checksums(&target, "shop").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB"]
async fn what_cannot_go_well_is_told_before_anything_is_touched() -> Result<()> {
    let (source, target) = servers().await?;
    target.run(&["CREATE DATABASE shop", "CREATE TABLE shop.precious (id INT PRIMARY KEY)"]).await?;
    let precious = async || {
        same(
            "it is there",
            &target
                .one::<u64>("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME='precious'")
                .await?,
            &1,
        )
    };
    let job = || CopyJob::new(&source, &target, &["shop"]);

    let mut refused = job()?;
    refused.job["replace"] = json!(false);
    refused.run()?.failed(Exit::Conflict, &["the target is not empty", "shop.precious", "replace: true"])?;

    let mut wrong = job()?;
    wrong.job["source"]["user"] = json!("nobody");
    wrong.run()?.failed(Exit::Forbidden, &["the source refuses user nobody", "correct user and password"])?;

    let mut away = job()?;
    away.job["target"]["port"] = json!(1);
    away.run()?.failed(Exit::Failure, &["the target at 127.0.0.1:1 cannot be reached"])?;

    let missing = CopyJob::new(&source, &target, &["shop", "shoop"])?;
    missing.run()?.failed(Exit::Conflict, &["the source has no database shoop"])?;

    let unknown = job()?.masks(&json!({"shop.customers.emial": "email", "shop.customers.email": "name", "shop.customers.born": "phone"}));
    unknown.run()?.failed(
        Exit::Invalid,
        &[
            "shop.customers.emial there is no column emial",
            "shop.customers.email is in the unique index by_email",
            "shop.customers.born has type date",
        ],
    )?;

    let mut word = job()?.masks(&json!({"shop.customers.email": "scramble"}));
    word.job["source"]["passwordEnv"] = json!("ALSO");
    let ended = word.run()?;
    ensure!(ended.code == Some(i32::from(Exit::Invalid.code())), "{}", ended.stderr);
    precious().await?;

    // Two at once would write over each other.
    let slow = job()?.limits(json!({"bytesPerSecond": 100_000}));
    let mut first = slow.start(&[])?;
    first.until("progress", |event| event["event"] == "progress")?;
    job()?.run()?.failed(Exit::Conflict, &["another copy is writing to the target"])?;
    first.kill()?;
    Ok(())
}
