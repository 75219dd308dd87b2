//! Copies of Redis that cannot go well, or not at once: told before anything is touched, waited for, or taken up again.

use std::time::Duration;

use anyhow::{Result, ensure};
use api::Exit;
use serde_json::{Value, json};
use stories::pantry::{self, differences};
use stories::redis_server::{RedisServer, words};
use stories::{CopyJob, same, until};

const KEYS: u64 = 20_000;

fn none_differ(differing: &[String]) -> Result<()> {
    let first: Vec<&String> = differing.iter().take(5).collect();
    ensure!(differing.is_empty(), "{} keys differ: {first:#?}", differing.len());
    Ok(())
}

fn progress(event: &Value, keys: u64) -> bool {
    event["event"] == "progress" && event["keys"].as_u64() >= Some(keys)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn what_cannot_go_well_is_told_before_anything_is_touched() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 500).await?;
    target.ask::<redis::Value>(words("SET precious 1")).await?;
    let job = || CopyJob::redis(&source, &target);

    job()?.run()?.failed(Exit::Conflict, &["the target is not empty", "existing: replace"])?;

    let mut wrong = job()?;
    wrong.job["source"]["user"] = json!("nobody");
    wrong.run()?.failed(Exit::Forbidden, &["the source refuses user nobody", "correct user and password"])?;

    let mut away = job()?;
    away.job["target"]["port"] = json!(1);
    away.run()?.failed(Exit::Failure, &["the target at 127.0.0.1:1 cannot be reached"])?;

    let reader = "ACL SETUSER reader on nopass ~* +@connection +info +select +command +scan +type +exists";
    source.ask::<redis::Value>(words(reader)).await?;
    let mut few = job()?;
    few.job["source"]["user"] = json!("reader");
    few.run()?.failed(
        Exit::Conflict,
        &["the user of the source may not", "DUMP", "MEMORY USAGE", "FUNCTION LIST"],
    )?;

    let cluster = RedisServer::start(&["--cluster-enabled", "yes"]).await?;
    CopyJob::redis(&source, &cluster)?
        .run()?
        .failed(Exit::Conflict, &["the target is part of a Redis Cluster"])?;

    let port = source.port.to_string();
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]).await?;
    CopyJob::redis(&source, &replica)?.run()?.failed(Exit::Conflict, &["the target is a replica", &port])?;

    let mut databases = job()?;
    databases.job["databases"] = json!([0, 99]);
    databases
        .run()?
        .failed(Exit::Failure, &["failed while choosing a database", "DB index is out of range"])?;

    let mut bad = job()?.mask_values(&json!([{"keys": "a", "mask": {"json": {"email": "email"}}}]));
    bad.job["limits"] = json!({"connections": 0});
    bad.run()?.failed(Exit::Invalid, &["is no path", "has to be between 1 and 32"])?;

    let mut planned = job()?;
    planned.job["existing"] = json!("wipe");
    let ended = planned.start(&["--dry-run"])?.end()?;
    same("it would do", &ended.code, &Some(0))?;
    planned.start(&["--scan"])?.end()?.failed(Exit::Conflict, &["masks are proposed for columns"])?;
    let keys: Vec<String> = target.ask(words("KEYS *")).await?;
    same("nothing was touched", &keys, &vec!["precious".to_owned()])?;

    // Two at once would write over each other.
    let mut slow = job()?.limits(json!({"keysPerSecond": 50}));
    slow.job["existing"] = json!("replace");
    let mut first = slow.start(&[])?;
    first.until("progress", |event| event["event"] == "progress")?;
    let mut second = job()?;
    second.job["existing"] = json!("replace");
    second.run()?.failed(Exit::Conflict, &["another copy is writing to the target"])?;
    first.kill()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn keys_that_may_not_be_read_are_told_and_the_others_are_copied() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    source.ask::<redis::Value>(words("MSET open:1 a open:2 b secret:1 c secret:2 d")).await?;
    target.ask::<redis::Value>(words("MSET secret:2 of-before open:3 too-many")).await?;
    let some = "ACL SETUSER some on nopass ~open:* ~outboard:copy:* +@all";
    source.ask::<redis::Value>(words(some)).await?;
    let mut job = CopyJob::redis(&source, &target)?.mask_values(&json!([{"keys": "*:1", "mask": "hash"}]));
    job.job["source"]["user"] = json!("some");
    job.job["existing"] = json!("wipe");
    let report = job.run()?.report()?;
    println!("{report:#}");
    same("copied", &report["copied"], &json!(2))?;
    ensure!(report["notCopied"].to_string().contains("may not be read by the source's user"), "{report:#}");
    let mut names: Vec<String> = target.ask(words("KEYS *")).await?;
    names.sort();
    same("what is there", &names, &["open:1", "open:2", "secret:2"].map(str::to_owned).to_vec())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_full_target_is_told_and_the_copy_goes_on_once_there_is_room() -> Result<()> {
    let source = RedisServer::start(&[]).await?;
    let target = RedisServer::start(&["--maxmemory", "16mb"]).await?;
    pantry::fill(&source, KEYS).await?;
    pantry::large(&source, 30_000).await?;
    let job = CopyJob::redis(&source, &target)?;
    let plan = job.start(&["--dry-run"])?.end()?;
    let notes = plan.first("plan")?["notes"].to_string();
    ensure!(notes.contains("the target has room for"), "{notes}");
    job.run()?
        .failed(Exit::Failure, &["the target failed while writing", "OOM", "give the target more memory"])?;
    target.ask::<redis::Value>(words("CONFIG SET maxmemory 0")).await?;
    let ended = job.run()?;
    ended.first("resumed")?;
    let report = ended.report()?;
    ensure!(report["equal"].as_u64() > Some(0), "{report:#}");
    none_differ(&differences(&source, &target, "").await?)?;

    let evicting = RedisServer::start(&["--maxmemory", "500mb", "--maxmemory-policy", "allkeys-lru"]).await?;
    let report = CopyJob::redis(&source, &evicting)?.run()?.report()?;
    ensure!(report["notes"].to_string().contains("forgets keys when it is full (allkeys-lru)"), "{report:#}");
    none_differ(&differences(&source, &evicting, "").await?)?;
    // It does: whatever was verified before that is not there any more.
    let small = RedisServer::start(&["--maxmemory", "12mb", "--maxmemory-policy", "allkeys-random"]).await?;
    let mut job = CopyJob::redis(&source, &small)?;
    // What the copy keeps there itself may be among what it forgets.
    job.job["existing"] = json!("replace");
    job.run()?
        .failed(Exit::Conflict, &["the target is full and has forgotten", "allkeys-random", "maxmemory"])?;
    small.ask::<redis::Value>(words("CONFIG SET maxmemory 0")).await?;
    job.run()?.report()?;
    none_differ(&differences(&source, &small, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn keys_that_are_of_another_type_on_the_target_become_what_they_are_on_the_source() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 400).await?;
    pantry::large(&source, 30_000).await?;
    for database in 0..pantry::DATABASES as i64 {
        let names: Vec<String> = source.ask_in(database, words("KEYS *")).await?;
        for (at, name) in names.iter().enumerate() {
            let other = if at % 2 == 0 { format!("SADD {name} other") } else { format!("SET {name} other") };
            target.ask_in::<redis::Value>(database, words(&other)).await?;
        }
    }
    let mut job = CopyJob::redis(&source, &target)?;
    job.job["existing"] = json!("replace");
    let report = job.run()?.report()?;
    same("equal", &report["equal"], &json!(0))?;
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_type_that_nobody_here_knows_is_passed_on_as_it_is_stored() -> Result<()> {
    let (source, target) = (RedisServer::start8(&[]).await?, RedisServer::start8(&[]).await?);
    source.ask::<redis::Value>(words("VADD places VALUES 2 0.1 0.9 here")).await?;
    source.ask::<redis::Value>(words("VADD places VALUES 2 0.9 0.1 there")).await?;
    source.ask::<redis::Value>(words("MSET a 1 b 2")).await?;
    let report = CopyJob::redis(&source, &target)?.run()?.report()?;
    println!("{report:#}");
    same("keys", &report["keys"], &json!(3))?;
    ensure!(report["opaque"].as_u64() > Some(0), "{report:#}");
    let ask = || words("VSIM places VALUES 2 0.1 0.8");
    let (there, here): (Vec<String>, Vec<String>) = (source.ask(ask()).await?, target.ask(ask()).await?);
    same("what is near", &here, &there)?;
    same("nearest", &here.first().map(String::as_str), &Some("here"))?;

    // An older server has no such type: the others are copied, and this one is told.
    let older = RedisServer::start(&[]).await?;
    let report = CopyJob::redis(&source, &older)?.run()?.report()?;
    ensure!(report["notCopied"].to_string().contains("places"), "{report:#}");
    same("what is there", &older.ask::<Vec<String>>(words("MGET a b")).await?, &vec!["1".into(), "2".into()])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn servers_that_go_away_in_the_middle_are_waited_for() -> Result<()> {
    let lasting = ["--appendonly", "yes", "--appendfsync", "always"];
    let (mut source, mut target) = (RedisServer::start(&lasting).await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, KEYS).await?;
    pantry::large(&source, 30_000).await?;
    let job = CopyJob::redis(&source, &target)?.limits(json!({"keysPerSecond": KEYS / 8}));
    let mut copy = job.start(&[])?;
    copy.until("keys", |event| progress(event, KEYS / 10))?;
    // It comes back with nothing in it.
    target.crash()?;
    target.up().await?;
    copy.until("more keys", |event| progress(event, KEYS / 4))?;
    // A cursor of before means nothing to it.
    source.crash()?;
    source.up().await?;
    job.limits(json!({})).write()?;
    let ended = copy.end()?;
    let notes: Vec<&Value> = ended.events.iter().filter(|event| event["event"] == "note").collect();
    println!("{notes:#?}");
    let report = ended.report()?;
    println!("{report:#}");
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_replica_is_read_where_there_is_one_and_connections_are_verified() -> Result<()> {
    let (source, target) = (RedisServer::start(&[]).await?, RedisServer::start_tls().await?);
    pantry::fill(&source, 2_000).await?;
    let tls = target.tls_port();
    let mut job = CopyJob::redis(&source, &target)?;
    job.job["fromReplica"] = json!(true);
    job.job["target"]["port"] = json!(tls);
    job.job["target"]["tls"] = json!({});
    // Nobody whom everybody trusts signed it.
    job.run()?.failed(Exit::Failure, &["the target at 127.0.0.1", "cannot be reached"])?;
    job.job["target"]["tls"] = json!({"caFile": target.authority()});
    let report = job.run()?.report()?;
    same("there is none", &report["fromReplica"], &json!(false))?;
    ensure!(report["notes"].to_string().contains("no replica"), "{report:#}");

    let port = source.port.to_string();
    let replica = RedisServer::start(&["--replicaof", &format!("127.0.0.1 {port}")]).await?;
    until("the replica follows", Duration::from_secs(60), async || {
        let info: String = source.ask(words("INFO replication")).await?;
        Ok(info.contains("state=online").then_some(()))
    })
    .await?;
    until("the replica has everything", Duration::from_secs(60), async || {
        let info: String = replica.ask(words("INFO replication")).await?;
        Ok(info.contains("master_link_status:up").then_some(()))
    })
    .await?;
    let before = source.asked(&["dump", "scan"]).await?;
    job.job["existing"] = json!("wipe");
    let report = job.run()?.report()?;
    same("who was read", &report["source"], &json!(format!("127.0.0.1:{}", replica.port)))?;
    same("the source was not", &source.asked(&["dump", "scan"]).await?, &before)?;
    none_differ(&differences(&source, &target, "").await?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis"]
async fn a_server_that_wants_to_know_who_asks_is_shown_a_certificate() -> Result<()> {
    let (source, target) = (RedisServer::start_mutual_tls().await?, RedisServer::start(&[]).await?);
    pantry::fill(&source, 500).await?;
    let mut job = CopyJob::redis(&source, &target)?;
    job.job["source"]["port"] = json!(source.tls_port());
    job.job["source"]["tls"] = json!({"caFile": source.authority()});
    job.run()?.failed(Exit::Failure, &["the source at 127.0.0.1", "cannot be reached"])?;
    let (certificate, key) = source.identity();
    let shown = json!({"caFile": source.authority(), "certificateFile": certificate, "keyFile": key});
    job.job["source"]["tls"] = shown;
    let report = job.run()?.report()?;
    same("path", &report["path"], &json!("payloads"))?;
    none_differ(&differences(&source, &target, "").await?)?;
    // Out of a snapshot, too, which comes on a connection of another kind.
    source.ask::<redis::Value>(words("CONFIG SET repl-diskless-sync-delay 0")).await?;
    job.job["snapshot"] = json!(true);
    job.job["existing"] = json!("wipe");
    let report = job.run()?.report()?;
    same("path", &report["path"], &json!("snapshot"))?;
    same("copied again", &report["copied"], &json!(0))
}
