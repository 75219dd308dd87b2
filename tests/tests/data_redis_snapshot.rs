//! Redis, copied as of one moment out of a snapshot: what belongs together comes together, whatever is written meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use rand::RngExt;
use redis::Pipeline;
use serde_json::json;
use stories::pantry::{self, Writer, differences, differences_beside};
use stories::redis_server::{RedisDoor, RedisServer, words};
use stories::{CopyJob, number, same, until};
use tokio::task::JoinHandle;

const ACCOUNTS: u32 = 5_000;
const LARGE: u64 = 30_000;

fn none_differ(differing: &[String]) -> Result<()> {
    let first: Vec<&String> = differing.iter().take(5).collect();
    ensure!(differing.is_empty(), "{} keys differ: {first:#?}", differing.len());
    Ok(())
}

/// It does not wait for more replicas.
const AT_ONCE: [&str; 2] = ["--repl-diskless-sync-delay", "0"];

async fn servers() -> Result<(RedisServer, RedisServer)> {
    Ok((RedisServer::start(&AT_ONCE).await?, RedisServer::start(&[]).await?))
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
    let (source, target) = servers().await?;
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
    ensure!(number(&report, "large")? >= 10 && number(&report, "functions")? == 1, "{report:#}");
    ensure!(number(&report, "peakMemoryBytes")? < 200 << 20, "{report:#}");
    let moment: jiff::Timestamp = report["moment"].as_str().context("no moment")?.parse()?;
    ensure!(jiff::Timestamp::now().duration_since(moment).as_secs().abs() < 120, "{report:#}");
    none_differ(&differences_beside(&source, &target, &["hot:", "account:"]).await?)?;
    let ask = || words("FUNCTION LIST WITHCODE");
    same("functions", &target.ask::<redis::Value>(ask()).await?, &source.ask::<redis::Value>(ask()).await?)?;
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
    let (source, target) = servers().await?;
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
    same("copied", &(number(&report, "copied")?, number(&report, "removed")?), &(0, 0))?;
    let there: redis::Value = source.ask_in(8, words("XPENDING feed:136 mail")).await?;
    same("groups stay", &target.ask_in::<redis::Value>(8, words("XPENDING feed:136 mail")).await?, &there)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn killed_copies_and_servers_that_go_away_leave_no_harm() -> Result<()> {
    let lasting = [AT_ONCE.as_slice(), &["--appendonly", "yes"]].concat();
    let (mut source, target) = (RedisServer::start(&lasting).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 20_000).await?;
    pantry::large(&source, LARGE).await?;
    let slow = job(&source, &target)?.limits(json!({"bytesPerSecond": 8_000_000}));
    for round in 0..4 {
        let mut copy = slow.start(&[])?;
        copy.until("bytes", |event| {
            event["event"] == "report"
                || event["bytes"].as_u64().is_some_and(|bytes| bytes > round * 2_000_000)
        })?;
        copy.kill()?;
    }
    let mut copy = slow.start(&[])?;
    copy.until("bytes", |event| {
        event["event"] == "report" || event["bytes"].as_u64().is_some_and(|bytes| bytes > 0)
    })?;
    source.crash()?;
    source.up().await?;
    let report = copy.end()?.report()?;
    println!("{report:#}");
    same("path", &report["path"], &json!("snapshot"))?;
    // Groups of streams are not quite what they were once a server has read them from its log.
    job(&source, &target)?.run()?.report()?;
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
    ensure!(
        report["notes"].to_string().contains("one by one: it would write one to its disk first"),
        "{report:#}"
    );
    source.ask::<redis::Value>(words("ACL SETUSER copier on nopass ~* &* +@all")).await?;
    by_probe.job["source"]["user"] = json!("copier");
    // Who may not ask for one is told so, too; where that cannot be known before, once it was asked for.
    let by_keys = async |setting: &str, why: &str| {
        source.ask::<redis::Value>(words(setting)).await?;
        let report = by_probe.run()?.report()?;
        same("path", &report["path"], &json!("payloads"))?;
        ensure!(report["notes"].to_string().contains(why), "{report:#}");
        none_differ(&differences(&source, &target, "").await?)
    };
    source.ask::<redis::Value>(words("CONFIG SET repl-diskless-sync yes")).await?;
    source.ask::<redis::Value>(words("CONFIG SET repl-diskless-sync-delay 0")).await?;
    by_keys("ACL SETUSER copier -sync", "has no permissions to run the 'sync'").await?;
    by_keys("ACL SETUSER copier -acl", "gives no snapshot: NOPERM").await?;
    by_keys("ACL SETUSER copier +@all -config", "may not ask how it would send one").await?;
    source.ask::<redis::Value>(words("ACL SETUSER copier +@all")).await?;
    // A text of 70 MB, packed to next to nothing or not.
    by_keys("SETRANGE big 73400320 x", "gives no snapshot: it has a value of more than 64 MB").await?;
    source.ask::<redis::Value>(words("CONFIG SET rdbcompression no")).await?;
    by_keys("SET another 1", "gives no snapshot: it has a value of more than 64 MB").await?;
    by_probe.job["snapshot"] = json!(true);
    by_probe.run()?.failed(Exit::Conflict, &["the source gives no snapshot", "leave `snapshot` out"])?;
    source.ask::<redis::Value>(words("DEL big")).await?;
    let report = by_probe.run()?.report()?;
    same("path", &report["path"], &json!("snapshot"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn snapshots_that_break_off_again_and_again_are_given_up() -> Result<()> {
    let (source, target) = servers().await?;
    let mut conn = source.connect(0).await?;
    for at in 0..4_000 {
        let value: String = {
            let mut random = rand::rng();
            (0..10_000).map(|_| char::from(random.random_range(b' '..=b'~'))).collect()
        };
        Box::pin(redis::cmd("SET").arg(format!("key:{at}")).arg(value).query_async::<()>(&mut conn)).await?;
    }
    let mut slow = job(&source, &target)?.limits(json!({"bytesPerSecond": 3_000_000}));
    slow.job.as_object_mut().context("no job")?.remove("snapshot");
    let copy = slow.start(&[])?;
    for _ in 0..3 {
        until("it asks for a snapshot", Duration::from_secs(60), async || {
            let killed: i64 = source.ask(words("CLIENT KILL TYPE replica")).await?;
            Ok((killed > 0).then_some(()))
        })
        .await?;
    }
    let ended = copy.end()?;
    let again = ended.events.iter().filter(|event| event.to_string().contains("asked for another")).count();
    same("snapshots that were asked for again", &again, &2)?;
    let report = ended.report()?;
    same("path", &report["path"], &json!("payloads"))?;
    ensure!(report["notes"].to_string().contains("gives no snapshot"), "{report:#}");
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn what_has_ended_since_the_snapshot_does_not_stand_there_as_it_was_before() -> Result<()> {
    let late = ["--repl-diskless-sync-delay", "3"];
    let (source, target) = (RedisServer::start(&late).await?, RedisServer::start(&[]).await?);
    // It keeps what has ended until it is asked for it, and writes it into snapshots.
    source.ask::<redis::Value>(words("DEBUG SET-ACTIVE-EXPIRE 0")).await?;
    source.ask::<redis::Value>(words("MSET stays 1 other 2")).await?;
    source.ask::<redis::Value>(words("SET ended new PX 2000")).await?;
    target.ask::<redis::Value>(words("MSET ended old stays 0 left 1")).await?;
    let report = job(&source, &target)?.run()?.report()?;
    println!("{report:#}");
    same("counted", &(number(&report, "expired")?, number(&report, "copied")?), &(1, 2))?;
    let mut names: Vec<String> = target.ask(words("KEYS *")).await?;
    names.sort();
    same("what is there", &names, &vec!["other".to_owned(), "stays".to_owned()])?;

    // What the target has is left alone if the job says so, and what only it has stays.
    target.ask::<redis::Value>(words("MSET stays 0 left 1")).await?;
    let mut skipping = job(&source, &target)?;
    skipping.job["existing"] = json!("skip");
    let report = skipping.run()?.report()?;
    same("skipped", &(number(&report, "skipped")?, number(&report, "copied")?), &(2, 0))?;
    same(
        "what stays",
        &target.ask::<Vec<String>>(words("MGET stays left")).await?,
        &vec!["0".into(), "1".into()],
    )?;
    skipping.job["existing"] = json!("replace");
    let report = skipping.run()?.report()?;
    same("replaced", &(number(&report, "equal")?, number(&report, "copied")?), &(1, 1))?;
    same(
        "what stays",
        &target.ask::<Vec<String>>(words("MGET stays left")).await?,
        &vec!["1".into(), "1".into()],
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_snapshot_comes_by_tls_and_from_a_replica() -> Result<()> {
    let (source, target) = (RedisServer::start_tls().await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 2_000).await?;
    let mut by_tls = job(&source, &target)?;
    by_tls.job["source"]["port"] = json!(source.tls_port());
    by_tls.job["source"]["tls"] = json!({"caFile": source.authority()});
    source.ask::<redis::Value>(words("ACL SETUSER copier on >other ~* &* +@all")).await?;
    let password = tempfile::NamedTempFile::new()?;
    std::fs::write(password.path(), "other")?;
    by_tls.job["source"]["user"] = json!("copier");
    by_tls.job["source"]["passwordFile"] = json!(password.path());
    let report = by_tls.run()?.report()?;
    same("path", &report["path"], &json!("snapshot"))?;
    none_differ(&differences(&source, &target, "").await?)?;

    let of = format!("127.0.0.1 {}", source.port);
    let replica = RedisServer::start(&[AT_ONCE.as_slice(), &["--replicaof", &of]].concat()).await?;
    until("the replica follows", Duration::from_secs(60), async || {
        let (there, here): (String, String) =
            (source.ask(words("INFO replication")).await?, replica.ask(words("INFO replication")).await?);
        Ok((there.contains("state=online") && here.contains("master_link_status:up")).then_some(()))
    })
    .await?;
    source.ask::<redis::Value>(words("DEL text:0 count:16")).await?;
    until("they are gone there, too", Duration::from_secs(60), async || {
        Ok((replica.ask::<i64>(words("EXISTS text:0 count:16")).await? == 0).then_some(()))
    })
    .await?;
    let syncs = source.asked(&["sync"]).await?;
    let mut from_replica = job(&source, &target)?;
    from_replica.job["fromReplica"] = json!(true);
    let report = from_replica.run()?.report()?;
    same("path", &report["path"], &json!("snapshot"))?;
    same("who was read", &report["source"], &json!(format!("127.0.0.1:{}", replica.port)))?;
    same("the source was not asked for one", &source.asked(&["sync"]).await?, &syncs)?;
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_newer_server_gives_snapshots_that_can_be_read_too() -> Result<()> {
    let (source, target) = (RedisServer::start8(&AT_ONCE).await?, RedisServer::start8(&[]).await?);
    pantry::fill(&source, 4_000).await?;
    pantry::large(&source, LARGE).await?;
    source.ask::<redis::Value>(words("HSET lives a first-value b second-value c third-value")).await?;
    source.ask::<redis::Value>(words("HPEXPIRE lives 900000 FIELDS 1 a")).await?;
    let mut many = redis::cmd("HSET");
    many.arg("lives:many");
    (0..2_000).for_each(|at| {
        many.arg(format!("field:{at}"))
            .arg(format!("a long value of the field {at} that stands nowhere else at all"));
    });
    source.ask::<redis::Value>(many).await?;
    source.ask::<redis::Value>(words("HPEXPIRE lives:many 900000 FIELDS 1 field:7")).await?;
    let rules = json!([{"keys": "lives*", "mask": "hash"}]);
    let report = job(&source, &target)?.mask_values(&rules).run()?.report()?;
    println!("{report:#}");
    same("path", &report["path"], &json!("snapshot"))?;
    none_differ(&differences(&source, &target, "lives").await?)?;
    let ask = || words("HPEXPIRETIME lives FIELDS 3 a b c");
    same("lives of fields", &target.ask::<Vec<i64>>(ask()).await?, &source.ask::<Vec<i64>>(ask()).await?)?;
    let mut by_key = job(&source, &target)?.mask_values(&rules);
    by_key.job["snapshot"] = json!(false);
    let report = by_key.run()?.report()?;
    same("copied", &report["copied"], &json!(0))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_copy_that_reads_so_slowly_that_its_source_cuts_it_off_asks_for_another() -> Result<()> {
    let impatient = [AT_ONCE.as_slice(), &["--repl-timeout", "2"]].concat();
    let (source, target) = (RedisServer::start(&impatient).await?, RedisServer::start(&[]).await?);
    let mut conn = source.connect(0).await?;
    for at in 0..4 {
        // Nothing that could be packed, and more than lies in buffers on its way.
        let value: Vec<u8> = {
            let mut random = rand::rng();
            (0..16 << 20).map(|_| random.random()).collect()
        };
        Box::pin(redis::cmd("SET").arg(format!("key:{at}")).arg(value).query_async::<()>(&mut conn)).await?;
    }
    let slow = job(&source, &target)?.limits(json!({"bytesPerSecond": 1_000_000}));
    let mut copy = slow.start(&[])?;
    copy.until("it is cut off", |event| event.to_string().contains("asked for another"))?;
    let fast = slow.limits(json!({}));
    fast.write()?;
    let report = copy.end()?.report()?;
    same("path", &report["path"], &json!("snapshot"))?;
    none_differ(&differences(&source, &target, "").await?)
}
