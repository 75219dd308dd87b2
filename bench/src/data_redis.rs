//! Copies of Redis: `outboard data-copy` beside REPLICAOF, which is as fast as it gets and can do nothing else, and beside
//! DUMP and RESTORE key by key, and RedisShake where there is one, between two servers on this machine. Needs no cluster.

mod shake;

use std::time::Duration;

use anyhow::{Context, Result};
use redis::Value;
use serde_json::json;
use stories::pantry::{self, DATABASES, differences};
use stories::redis_server::{RedisServer, words};
use stories::{CopyJob, until};

use self::shake::Reader;
use crate::data::cost::{Cost, Meter};
use crate::setting;
use crate::table::Table;

#[derive(Clone, Copy, Debug)]
enum Rival {
    Outboard,
    /// Held to a quarter of the source's main thread.
    Gentle,
    Replica,
    OneByOne,
    Shake(Reader),
}

const RIVALS: [Rival; 4] = [Rival::Replica, Rival::Outboard, Rival::Gentle, Rival::OneByOne];
const SHAKES: [Rival; 2] = [Rival::Shake(Reader::Scan), Rival::Shake(Reader::Sync)];

impl Rival {
    fn name(self) -> &'static str {
        match self {
            Self::Outboard => "outboard data-copy",
            Self::Gentle => "outboard data-copy, cpuPercent: 25",
            Self::Replica => "REPLICAOF",
            Self::OneByOne => "DUMP and RESTORE, one by one",
            Self::Shake(Reader::Scan) => "RedisShake, by SCAN",
            Self::Shake(Reader::Sync) => "RedisShake, as a replica",
        }
    }

    /// What it says of itself: memory, and the source's PING.
    async fn run(self, source: &RedisServer, target: &RedisServer) -> Result<(Option<u64>, Option<f64>)> {
        let limits = match self {
            Self::Replica => {
                replicate(source, target).await?;
                return Ok((None, None));
            }
            Self::OneByOne => {
                one_by_one(source, target).await?;
                return Ok((None, None));
            }
            Self::Shake(reader) => {
                shake::copy(reader, source, target).await?;
                return Ok((None, None));
            }
            Self::Outboard => json!({}),
            Self::Gentle => json!({"cpuPercent": 25}),
        };
        let job = CopyJob::redis(source, target)?.limits(limits);
        let report = tokio::task::spawn_blocking(move || job.run()?.report()).await??;
        Ok((report["peakMemoryBytes"].as_u64(), report["sourcePingP99Millis"].as_f64()))
    }
}

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(measure()))
}

async fn measure() -> Result<()> {
    let keys = setting("KEYS", 1_000_000) as u64;
    let source = RedisServer::start(&[]).await?;
    pantry::fill(&source, keys).await?;
    pantry::large(&source, 50_000).await?;
    let used: String = source.ask(words("INFO memory")).await?;
    let used = used.lines().find_map(|line| line.strip_prefix("used_memory_human:")).unwrap_or_default();
    println!(
        "{keys} keys of every type in {DATABASES} databases and 20 large ones, {} of memory\n",
        used.trim()
    );
    let mut table = Table::new(&[
        "",
        "wall s",
        "source CPU s",
        "target CPU s",
        "tool CPU s",
        "tool's peak memory MB",
        "source's PING p99 ms",
        "same as the source",
    ]);
    let shakes = shake::program().map_or(&[][..], |_| &SHAKES[..]);
    for &rival in RIVALS.iter().chain(shakes) {
        let target = RedisServer::start(&[]).await?;
        let pid = |server: &RedisServer| server.pid().context("a server does not run");
        let (meter, own) = (Meter::of([pid(&source)?, pid(&target)?])?, own_cpu()?);
        let (memory, ping) = rival.run(&source, &target).await?;
        let mut cost = meter.end()?;
        if matches!(rival, Rival::OneByOne) {
            cost.tool += own_cpu()? - own;
        }
        let differing = differences(&source, &target, "").await?;
        println!("{:<40} {:>6.1} s", rival.name(), cost.wall);
        table.row(row(rival, &cost, (memory, ping), differing.len()));
    }
    println!("\n{table}");
    Ok(())
}

fn row(rival: Rival, cost: &Cost, told: (Option<u64>, Option<f64>), differing: usize) -> Vec<String> {
    let unknown = || "–".to_owned();
    vec![
        rival.name().to_owned(),
        format!("{:.1}", cost.wall),
        format!("{:.1}", cost.source),
        format!("{:.1}", cost.target),
        format!("{:.1}", cost.tool),
        told.0.map_or_else(unknown, |bytes| format!("{:.0}", bytes as f64 / 1e6)),
        told.1.map_or_else(unknown, |millis| format!("{millis:.1}")),
        if differing == 0 { "yes".to_owned() } else { format!("**no**, {differing} differ") },
    ]
}

fn own_cpu() -> Result<f64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

async fn replicate(source: &RedisServer, target: &RedisServer) -> Result<()> {
    target.ask::<Value>(words(&format!("REPLICAOF 127.0.0.1 {}", source.port))).await?;
    until("the replica follows", Duration::from_secs(600), async || {
        let info: String = target.ask(words("INFO replication")).await?;
        Ok(info.contains("master_link_status:up").then_some(()))
    })
    .await?;
    target.ask::<Value>(words("REPLICAOF NO ONE")).await?;
    Ok(())
}

/// What a loop in a shell script does, without the shell.
async fn one_by_one(source: &RedisServer, target: &RedisServer) -> Result<()> {
    for database in 0..DATABASES.try_into()? {
        let (mut from, mut to) = (source.connect(database).await?, target.connect(database).await?);
        let mut cursor = "0".to_owned();
        loop {
            let scan = words(&format!("SCAN {cursor} COUNT 1000"));
            let (next, keys): (String, Vec<Vec<u8>>) = Box::pin(scan.query_async(&mut from)).await?;
            for key in keys {
                let ends: i64 = Box::pin(redis::cmd("PEXPIRETIME").arg(&key).query_async(&mut from)).await?;
                let payload: Option<Vec<u8>> =
                    Box::pin(redis::cmd("DUMP").arg(&key).query_async(&mut from)).await?;
                let Some(payload) = payload else { continue };
                let mut restore = redis::cmd("RESTORE");
                restore.arg(&key).arg(ends.max(0)).arg(payload).arg("REPLACE").arg("ABSTTL");
                Box::pin(restore.query_async::<Value>(&mut to)).await?;
            }
            if next == "0" {
                break;
            }
            cursor = next;
        }
    }
    Ok(())
}
