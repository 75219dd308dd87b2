//! Copies of Redis: `outboard data-copy` beside REPLICAOF, which is as fast as it gets and can do nothing else, and beside
//! DUMP and RESTORE key by key, and RedisShake where there is one, between two servers on this machine. Needs no cluster.

mod shake;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use redis::Value;
use serde_json::json;
use stories::pantry::{self, DATABASES, differences};
use stories::redis_server::{RedisServer, words};
use stories::{CopyJob, until};
use tokio::task::JoinHandle;

use self::shake::Reader;
use crate::data::cost::{Cost, Meter};
use crate::setting;
use crate::table::Table;

#[derive(Clone, Copy, Debug)]
enum Rival {
    /// Key by key.
    Outboard,
    /// Out of a snapshot, as of one moment.
    Snapshot,
    /// Held to a quarter of the source's main thread.
    Gentle,
    Replica,
    OneByOne,
    Shake(Reader),
}

const RIVALS: [Rival; 5] = [Rival::Replica, Rival::Snapshot, Rival::Outboard, Rival::Gentle, Rival::OneByOne];
const SHAKES: [Rival; 2] = [Rival::Shake(Reader::Scan), Rival::Shake(Reader::Sync)];

impl Rival {
    fn name(self) -> &'static str {
        match self {
            Self::Outboard => "outboard data-copy, key by key",
            Self::Snapshot => "outboard data-copy, out of a snapshot",
            Self::Gentle => "outboard data-copy, key by key, cpuPercent: 25",
            Self::Replica => "REPLICAOF",
            Self::OneByOne => "DUMP and RESTORE, one by one",
            Self::Shake(Reader::Scan) => "RedisShake, by SCAN",
            Self::Shake(Reader::Sync) => "RedisShake, as a replica",
        }
    }

    /// How much memory it says it had.
    async fn run(self, source: &RedisServer, target: &RedisServer) -> Result<Option<u64>> {
        match self {
            Self::Replica => replicate(source, target).await.map(|()| None),
            Self::OneByOne => one_by_one(source, target).await.map(|()| None),
            Self::Shake(reader) => shake::copy(reader, source, target).await.map(|()| None),
            Self::Outboard | Self::Gentle | Self::Snapshot => self.ours(source, target).await,
        }
    }

    async fn ours(self, source: &RedisServer, target: &RedisServer) -> Result<Option<u64>> {
        let limits = if matches!(self, Self::Gentle) { json!({"cpuPercent": 25}) } else { json!({}) };
        let mut job = CopyJob::redis(source, target)?.limits(limits);
        let (snapshot, path) = match self {
            Self::Snapshot => (true, "snapshot"),
            _ => (false, "payloads"),
        };
        job.job["snapshot"] = json!(snapshot);
        let report = tokio::task::spawn_blocking(move || job.run()?.report()).await??;
        ensure!(report["path"] == path, "it went another way: {report:#}");
        Ok(report["peakMemoryBytes"].as_u64())
    }
}

pub fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(Box::pin(measure()))
}

async fn measure() -> Result<()> {
    let keys = setting("KEYS", 1_000_000) as u64;
    // Whoever reads as a replica waits for no others.
    let source = RedisServer::start(&["--repl-diskless-sync-delay", "0"]).await?;
    pantry::fill(&source, keys).await?;
    pantry::large(&source, 50_000).await?;
    // At one RedisShake ends when it reads as a replica, and it has none key by key.
    source.ask::<Value>(words("FUNCTION FLUSH")).await?;
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
        "source's main thread s",
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
        let (pings, before) = (Pings::begin(&source).await?, main_thread(&source).await?);
        let memory = match rival.run(&source, &target).await {
            // What it would have taken nobody knows; the others go on.
            Err(error) if matches!(rival, Rival::Shake(_)) => {
                println!("{:<40} failed: {error:#}", rival.name());
                pings.end().await?;
                continue;
            }
            memory => memory?,
        };
        let mut cost = meter.end()?;
        let seen = Seen { memory, main: main_thread(&source).await? - before, ping: pings.end().await? };
        if matches!(rival, Rival::OneByOne) {
            cost.tool += own_cpu()? - own;
        }
        let differing = differences(&source, &target, "").await?;
        println!("{:<40} {:>6.1} s", rival.name(), cost.wall);
        table.row(row(rival, &cost, &seen, differing.len()));
    }
    println!("\n{table}");
    Ok(())
}

/// What one rival was seen to do to the source, and what it needed.
struct Seen {
    memory: Option<u64>,
    main: f64,
    ping: f64,
}

/// Seconds that the source's main thread has worked, for whomever.
async fn main_thread(server: &RedisServer) -> Result<f64> {
    let info: String = server.ask(words("INFO cpu")).await?;
    let fact = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    let both = fact("used_cpu_sys_main_thread:").zip(fact("used_cpu_user_main_thread:"));
    both.map(|(system, user)| system + user).context("INFO cpu does not tell of its main thread")
}

/// Asks a server for the simplest there is, all the time, as an application would feel it.
struct Pings {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<Vec<f64>>>,
}

impl Pings {
    const PAUSE: Duration = Duration::from_millis(5);

    async fn begin(server: &RedisServer) -> Result<Self> {
        let mut conn = server.connect(0).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut felt = vec![];
            while !stopped.load(Ordering::Relaxed) {
                let asked = Instant::now();
                Box::pin(words("PING").query_async::<Value>(&mut conn)).await?;
                felt.push(asked.elapsed().as_secs_f64() * 1e3);
                tokio::time::sleep(Self::PAUSE).await;
            }
            Ok(felt)
        });
        Ok(Self { stop, task })
    }

    /// In milliseconds: so late were the latest of a hundred, at least.
    async fn end(self) -> Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let mut felt = self.task.await??;
        felt.sort_by(f64::total_cmp);
        felt.get(felt.len() * 99 / 100).copied().context("nobody asked")
    }
}

fn row(rival: Rival, cost: &Cost, seen: &Seen, differing: usize) -> Vec<String> {
    let unknown = || "–".to_owned();
    vec![
        rival.name().to_owned(),
        format!("{:.1}", cost.wall),
        format!("{:.1}", cost.source),
        format!("{:.1}", seen.main),
        format!("{:.1}", cost.target),
        format!("{:.1}", cost.tool),
        seen.memory.map_or_else(unknown, |bytes| format!("{:.0}", bytes as f64 / 1e6)),
        format!("{:.1}", seen.ping),
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
