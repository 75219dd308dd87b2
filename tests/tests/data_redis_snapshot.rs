//! Redis, copied as of one moment out of a snapshot: what belongs together comes together, whatever is written meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use rand::RngExt;
use redis::Pipeline;
use serde_json::{Value, json};
use stories::pantry::{self, Writer, differences};
use stories::redis_server::{RedisDoor, RedisServer, words};
use stories::{CopyJob, same, until};
use tokio::task::JoinHandle;

const ACCOUNTS: u32 = 5_000;
const LARGE: u64 = 30_000;

fn number(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or(u64::MAX)
}

fn none_differ(differing: &[String]) -> Result<()> {
    let first: Vec<&String> = differing.iter().take(5).collect();
    ensure!(differing.is_empty(), "{} keys differ: {first:#?}", differing.len());
    Ok(())
}

fn job(source: &RedisServer, target: &RedisServer) -> Result<CopyJob> {
    let mut job = CopyJob::redis(source, target)?;
    job.job["snapshot"] = json!(true);
    job.job["existing"] = json!("wipe");
    Ok(job)
}

/// Moves money from account to account, each a key of its own, without making any.
struct Bank {
    stop: Arc<AtomicBool>,
    moves: Arc<AtomicU64>,
    task: JoinHandle<Result<()>>,
}

impl Bank {
    async fn open(server: &RedisDoor) -> Result<Self> {
        let mut conn = server.connect(0).await?;
        let mut all = redis::cmd("MSET");
        for account in 0..ACCOUNTS {
            all.arg(format!("account:{account}")).arg(1000);
        }
        Box::pin(all.query_async::<()>(&mut conn)).await?;
        let (stop, moves) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn({
            let (stop, moves) = (stop.clone(), moves.clone());
            async move {
                while !stop.load(Ordering::Relaxed) {
                    let mut pipeline = Pipeline::new();
                    pipeline.atomic();
                    for _ in 0..20 {
                        let (from, to) = {
                            let mut random = rand::rng();
                            (random.random_range(0..ACCOUNTS), random.random_range(0..ACCOUNTS))
                        };
                        pipeline.cmd("DECRBY").arg(format!("account:{from}")).arg(7).ignore();
                        pipeline.cmd("INCRBY").arg(format!("account:{to}")).arg(7).ignore();
                    }
                    Box::pin(pipeline.query_async::<()>(&mut conn)).await?;
                    moves.fetch_add(20, Ordering::Relaxed);
                }
                Ok(())
            }
        });
        Ok(Self { stop, moves, task })
    }

    async fn close(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await??;
        Ok(self.moves.load(Ordering::Relaxed))
    }
}

async fn money(server: &RedisDoor) -> Result<i64> {
    let mut conn = server.connect(0).await?;
    let mut ask = redis::cmd("MGET");
    for account in 0..ACCOUNTS {
        ask.arg(format!("account:{account}"));
    }
    let held: Vec<Option<i64>> = Box::pin(ask.query_async(&mut conn)).await?;
    Ok(held.into_iter().flatten().sum())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn what_moves_between_keys_is_on_the_target_as_of_one_moment() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 20_000).await?;
    pantry::large(&source, LARGE).await?;
    let bank = Bank::open(&source).await?;
    let writer = Writer::start(&source).await?;
    until("money moves", Duration::from_secs(30), async || {
        Ok((bank.moves.load(Ordering::Relaxed) > 1_000).then_some(()))
    })
    .await?;
    target.ask::<redis::Value>(words("MSET left 1 account:x 5")).await?;
    let before = source.asked(&["dump", "get", "scan", "memory|usage"]).await?;
    let report = job(&source, &target)?.run()?.report()?;
    println!("{report:#}");
    let (moves, writes) = (bank.close().await?, writer.stop().await?);
    ensure!(moves > 1_000 && writes > 100, "nobody wrote");
    same("path", &report["path"], &json!("snapshot"))?;
    same("money", &money(&target).await?, &(i64::from(ACCOUNTS) * 1000))?;
    same("what is too many", &target.ask::<i64>(words("EXISTS left account:x")).await?, &0)?;
    ensure!(report["guarantee"].as_str().is_some_and(|text| text.contains("one moment")), "{report:#}");
    ensure!(number(&report, "large") >= 20 && number(&report, "functions") == 1, "{report:#}");
    ensure!(number(&report, "peakMemoryBytes") < 200 << 20, "{report:#}");
    none_differ(&differences(&source, &target, "hot:").await?.into_iter().filter(|line| !line.contains(" account:")).collect::<Vec<_>>())?;
    // Of every key it was asked for none: what it tried out is all.
    let asked = source.asked(&["dump", "get", "scan", "memory|usage"]).await? - before;
    ensure!(asked < 100, "the source was asked {asked} times");

    // Once it is quiet another snapshot brings the rest, and the next one nothing.
    job(&source, &target)?.run()?.report()?;
    none_differ(&differences(&source, &target, "").await?)?;
    let report = job(&source, &target)?.run()?.report()?;
    same("copied", &report["copied"], &json!(0))?;
    same("writes", &report["targetAsked"]["writes"], &json!(0))?;
    let left: Vec<String> = target.ask(words("KEYS outboard:*")).await?;
    same("nothing of the copy is left", &left, &vec![])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn values_out_of_a_snapshot_are_masked_as_others_are() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 4_000).await?;
    pantry::large(&source, LARGE).await?;
    let rules = json!([
        {"keys": "user:*", "field": "email", "mask": "email"},
        {"keys": "session:*", "mask": {"json": {"$.email": "email"}}},
        {"keys": "feed:*", "field": "who", "mask": "email"},
        {"keys": "large:*", "field": "who", "mask": "email"},
        {"keys": "large:*", "field": "*", "mask": "keep"},
    ]);
    let mut job = job(&source, &target)?.mask_values(&rules);
    let report = job.run()?.report()?;
    println!("{report:#}");
    same("path", &report["path"], &json!("snapshot"))?;
    // Key by key there is nothing left to do: both ways make the same of every value.
    job.job["snapshot"] = json!(false);
    let report = job.run()?.report()?;
    same("copied", &(number(&report, "copied"), number(&report, "removed")), &(0, 0))?;
    let there: redis::Value = source.ask_in(8, words("XPENDING feed:136 mail")).await?;
    same("groups stay", &target.ask_in::<redis::Value>(8, words("XPENDING feed:136 mail")).await?, &there)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn killed_copies_and_servers_that_go_away_leave_no_harm() -> Result<()> {
    let (mut source, target) = (RedisServer::start(&["--appendonly", "yes"]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 20_000).await?;
    pantry::large(&source, LARGE).await?;
    let slow = job(&source, &target)?.limits(json!({"bytesPerSecond": 8_000_000}));
    for round in 0..4 {
        let mut copy = slow.start(&[])?;
        copy.until("bytes", |event| {
            event["event"] == "report" || event["bytes"].as_u64().is_some_and(|bytes| bytes > round * 2_000_000)
        })?;
        copy.kill()?;
    }
    let mut copy = slow.start(&[])?;
    copy.until("bytes", |event| event["event"] == "report" || event["bytes"].as_u64().is_some_and(|bytes| bytes > 0))?;
    source.crash()?;
    source.up().await?;
    let report = copy.end()?.report()?;
    println!("{report:#}");
    same("path", &report["path"], &json!("snapshot"))?;
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_source_that_gives_no_snapshot_is_read_key_by_key_and_that_is_said() -> Result<()> {
    let (source, target) =
        (RedisServer::start(&["--repl-diskless-sync", "no"]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 2_000).await?;
    let refused = job(&source, &target)?.run()?;
    refused.failed(Exit::Conflict, &["not asked for a snapshot", "to its disk first"])?;
    let mut by_probe = job(&source, &target)?;
    by_probe.job.as_object_mut().context("no job")?.remove("snapshot");
    let report = by_probe.run()?.report()?;
    same("path", &report["path"], &json!("payloads"))?;
    ensure!(report["notes"].to_string().contains("one by one: it would write one to its disk first"), "{report:#}");
    // Who may not ask for one is told so, too.
    source.ask::<redis::Value>(words("CONFIG SET repl-diskless-sync yes")).await?;
    source.ask::<redis::Value>(words("ACL SETUSER default -sync -psync")).await?;
    let report = by_probe.run()?.report()?;
    same("path", &report["path"], &json!("payloads"))?;
    ensure!(report["notes"].to_string().contains("NOPERM"), "{report:#}");
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_newer_server_gives_snapshots_that_can_be_read_too() -> Result<()> {
    let (source, target) = (RedisServer::start8(&[]).await?, RedisServer::start8(&[]).await?);
    pantry::fill(&source, 4_000).await?;
    pantry::large(&source, LARGE).await?;
    source.ask::<redis::Value>(words("HSET lives a 1 b 2 c 3")).await?;
    source.ask::<redis::Value>(words("HPEXPIRE lives 900000 FIELDS 1 a")).await?;
    let mut many = redis::cmd("HSET");
    many.arg("lives:many");
    (0..2_000).for_each(|at| {
        many.arg(format!("field:{at}")).arg("x".repeat(70));
    });
    source.ask::<redis::Value>(many).await?;
    source.ask::<redis::Value>(words("HPEXPIRE lives:many 900000 FIELDS 1 field:7")).await?;
    let rules = json!([{"keys": "lives*", "mask": "hash"}]);
    let report = job(&source, &target)?.mask_values(&rules).run()?.report()?;
    println!("{report:#}");
    same("path", &report["path"], &json!("snapshot"))?;
    none_differ(
        &differences(&source, &target, "lives").await?,
    )?;
    let ask = || words("HPEXPIRETIME lives FIELDS 3 a b c");
    same("lives of fields", &target.ask::<Vec<i64>>(ask()).await?, &source.ask::<Vec<i64>>(ask()).await?)?;
    let mut by_key = job(&source, &target)?.mask_values(&rules);
    by_key.job["snapshot"] = json!(false);
    let report = by_key.run()?.report()?;
    same("copied", &report["copied"], &json!(0))
}
