//! fals ships what an old configuration names while it is killed again and again, logs are rotated and Firehose is
//! away: every line arrives, and what may have come twice says so. Needs no cluster.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use stories::{Cloud, Proxy, until};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

const STREAM: &str = "shipped";
/// What one call holds at most, and so what may come twice after one kill.
const CALL: usize = 4 * 1024 * 1024;
/// More than it ever needs, and far less than what is written meanwhile in a soak.
const MEMORY_MIB: u64 = 160;
const LATE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto, and half a minute"]
async fn every_line_arrives_through_kills_rotations_and_an_outage() -> Result<()> {
    let number = |name: &str, default: u64| -> Result<u64> {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.map_or(Ok(default), |text| text.parse().with_context(|| format!("{name} is not a number")))
    };
    let (kills, outage) = (number("KILLS", 10)?, Duration::from_secs(number("OUTAGE", 5)?));
    let seed = number("SEED", rand::rng().random_range(0..100_000))?;
    println!("{kills} kills, {} s of outage, seed {seed}", outage.as_secs());
    let mut random = StdRng::seed_from_u64(seed);

    let folder = tempfile::tempdir()?;
    let cloud = Cloud::alone(folder.path()).await?;
    cloud.stream(STREAM).await?;
    let way = Proxy::begin(cloud.address().to_owned()).await?;
    let stage = Stage::set(folder.path(), &way)?;

    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [
        (Rotation::Rename, "web.log"),
        (Rotation::Compress, "random file.log"),
        (Rotation::Copy, "copied.log"),
    ]
    .into_iter()
    .map(|(rotation, name)| {
        let (path, stop, seed) = (folder.path().join(name), stop.clone(), random.random());
        spawn_blocking(move || write(&path, rotation, seed, &stop))
    })
    .collect();

    let mut peak = 0;
    for round in 0..kills {
        let mut shipper = stage.start()?;
        sleep(Duration::from_millis(random.random_range(30..1200))).await;
        peak = peak.max(memory(&shipper.0)?);
        ensure!(shipper.0.try_wait()?.is_none(), "it ended by itself: {}", stage.said()?);
        shipper.0.kill()?;
        shipper.0.wait()?;
        if round == kills / 2 {
            peak = peak.max(away(&stage, &way, outage).await?);
        }
    }
    let mut shipper = stage.start()?;
    stop.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.await??);
    }
    let mut archive = Archive::default();
    until("every line in the bucket", LATE, async || {
        archive.read(&cloud).await?;
        Ok((written.iter().all(|line| archive.lines.contains_key(line))).then_some(()))
    })
    .await
    .with_context(|| archive.lacking(&written))
    .with_context(|| stage.said().unwrap_or_default())?;
    peak = peak.max(memory(&shipper.0)?);
    let begun = Instant::now();
    kill(Pid::from_raw(i32::try_from(shipper.0.id())?), Signal::SIGTERM)?;
    let ended = spawn_blocking(move || shipper.0.wait()).await??;
    ensure!(ended.success(), "it did not stop cleanly: {}", stage.said()?);
    println!("stopped within {} ms", begun.elapsed().as_millis());

    archive.read(&cloud).await?;
    archive.judge(&written, kills)?;
    println!("memory: at most {} MiB resident", peak / 1024);
    ensure!(peak / 1024 < MEMORY_MIB, "it took {} MiB", peak / 1024);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the built outboard"]
async fn lines_of_files_come_once_with_their_file_and_the_last_one_without_an_end_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (log, output) = (folder.path().join("a.log"), folder.path().join("output"));
    let start = || -> Result<Child> {
        Command::new(stories::binary()?)
            .args(["fals", "tail", "--state"])
            .args([folder.path().join("state"), log.clone(), folder.path().join("never.log")])
            .stdin(Stdio::null())
            .stdout(OpenOptions::new().create(true).append(true).open(&output)?)
            .spawn()
            .context("failed to start fals")
    };
    let written = |count: usize| {
        let output = output.clone();
        async move || {
            let text = fs::read_to_string(&output)?;
            Ok((text.lines().count() >= count).then_some(text))
        }
    };
    let mut tail = start()?;
    fs::write(&log, "one\ntwo\n")?;
    until("two lines", LATE, written(2)).await?;
    tail.kill()?;
    tail.wait()?;
    OpenOptions::new().append(true).open(&log)?.write_all(b"three\nfour")?;
    let mut tail = start()?;
    until("three lines", LATE, written(3)).await?;
    kill(Pid::from_raw(i32::try_from(tail.id())?), Signal::SIGTERM)?;
    ensure!(spawn_blocking(move || tail.wait()).await??.success(), "it did not stop cleanly");
    let text = fs::read_to_string(&output)?;
    let log = log.display();
    // Killed before it had written down that they were out, it says them again, and says so.
    let first: Vec<&str> = text.lines().filter(|line| !line.contains(" resent]")).collect();
    let expected = ["one", "two", "three", "four"].map(|line| format!("[{log}] {line}"));
    ensure!(first == expected, "{text}");
    Ok(())
}

/// Firehose hangs up on everybody for a while. What is written meanwhile waits in its files, not in memory.
async fn away(stage: &Stage, way: &Proxy, outage: Duration) -> Result<u64> {
    let mut shipper = stage.start()?;
    sleep(Duration::from_secs(1)).await;
    way.break_off();
    let (begun, mut peak, mut early) = (Instant::now(), 0, None);
    while begun.elapsed() < outage {
        sleep(Duration::from_millis(500)).await;
        peak = memory(&shipper.0)?;
        if begun.elapsed() > outage / 4 {
            early.get_or_insert(peak);
        }
    }
    println!(
        "memory during the outage: {} MiB after a quarter, {} MiB at its end",
        early.unwrap_or_default() / 1024,
        peak / 1024
    );
    way.mend();
    shipper.0.kill()?;
    shipper.0.wait()?;
    Ok(peak)
}

/// A fals that does not outlive its story.
struct Shipper(Child);

impl Drop for Shipper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Stage {
    folder: PathBuf,
    endpoint: String,
}

impl Stage {
    /// The configuration is as somebody wrote it for the old fals.
    fn set(folder: &Path, way: &Proxy) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        let config = json!({
            "aws_region": "eu-west-1",
            "aws_access_key": "stories",
            "aws_secret_key": "stories",
            "firehose_stream_name": STREAM,
            "firehose_record_size": 1_024_000,
            "project": "shop",
            "env": "int",
            "shipping_interval": 1,
            "components": [
                {"name": "web", "file": file("web.log")},
                {"name": "random log", "file": file("random file.log")},
                {"name": "copied", "file": file("copied.log")},
            ],
        });
        fs::write(folder.join("config.json"), serde_json::to_string_pretty(&config)?)?;
        Ok(Self { folder: folder.to_owned(), endpoint: format!("http://{}", way.address()) })
    }

    fn start(&self) -> Result<Shipper> {
        let said = OpenOptions::new().create(true).append(true).open(self.folder.join("fals.log"))?;
        Command::new(stories::binary()?)
            .args(["fals", "--config", "config.json", "--state", "state"])
            .current_dir(&self.folder)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map(Shipper)
            .context("failed to start fals")
    }

    fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("fals.log"))?)
    }
}

/// KiB that are resident at most so far.
fn memory(child: &Child) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    // It may not have begun to run yet.
    Ok(number.unwrap_or_default())
}

#[derive(Clone, Copy)]
enum Rotation {
    Rename,
    Compress,
    Copy,
}

/// Writes lines and rotates until it is told to stop; returns them all.
fn write(path: &Path, rotation: Rotation, seed: u64, stop: &AtomicBool) -> Result<Vec<String>> {
    let mut random = StdRng::seed_from_u64(seed);
    let name = path.file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
    let (mut lines, mut rotations, mut since) = (vec![], 0, Instant::now());
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..random.random_range(1..40) {
            let line =
                format!("{name} {:08} {} <&> \"é\"", lines.len(), "x".repeat(random.random_range(0..300)));
            file.write_all(line.as_bytes())?;
            file.write_all(b"\n")?;
            lines.push(line);
        }
        std::thread::sleep(Duration::from_millis(random.random_range(1..20)));
        if since.elapsed() > Duration::from_millis(random.random_range(700..3000)) {
            since = Instant::now();
            rotations += 1;
            let to = path.with_file_name(format!("{name}.{rotations}"));
            match rotation {
                Rotation::Copy => {
                    fs::copy(path, &to)?;
                    file.set_len(0)?;
                }
                Rotation::Rename | Rotation::Compress => {
                    fs::rename(path, &to)?;
                    file = OpenOptions::new().create(true).append(true).open(path)?;
                    if matches!(rotation, Rotation::Compress) && rotations % 2 == 0 {
                        ensure!(Command::new("gzip").arg(&to).status()?.success(), "gzip failed");
                    }
                }
            }
        }
    }
    Ok(lines)
}

#[derive(Default)]
struct Archive {
    seen: HashSet<String>,
    /// How often each came, and how often of these unmarked.
    lines: HashMap<String, (u64, u64)>,
    again: usize,
    bytes: usize,
}

impl Archive {
    /// Reads what has been added.
    async fn read(&mut self, cloud: &Cloud) -> Result<()> {
        for name in cloud.objects(STREAM).await? {
            if !self.seen.insert(name.clone()) {
                continue;
            }
            let object = cloud.object(STREAM, &name).await?;
            self.bytes += object.len();
            for value in serde_json::Deserializer::from_slice(&object).into_iter::<Value>() {
                let value = value.context("a record is no JSON")?;
                let marked = value["Resent"] == true;
                ensure!(value["Project"] == "shop" && value["Env"] == "int", "{value}");
                let text = value["Text"].as_str().context("no text")?;
                let (all, unmarked) = self.lines.entry(text.to_owned()).or_default();
                *all += 1;
                *unmarked += u64::from(!marked);
                if marked {
                    self.again += text.len();
                }
            }
        }
        Ok(())
    }

    fn lacking(&self, written: &[String]) -> String {
        let lacking: Vec<&String> = written.iter().filter(|line| !self.lines.contains_key(*line)).collect();
        format!("{} of {} lines are lacking, such as {:?}", lacking.len(), written.len(), lacking.first())
    }

    /// Every line, none of them twice without saying so, and no more of them twice than was under way.
    fn judge(&self, written: &[String], kills: u64) -> Result<()> {
        ensure!(written.iter().all(|line| self.lines.contains_key(line)), self.lacking(written));
        ensure!(
            self.lines.len() == written.len(),
            "lines that nobody wrote: {} of {}",
            self.lines.len(),
            written.len()
        );
        let unmarked = self.lines.iter().find(|(_, (_, unmarked))| *unmarked > 1);
        ensure!(unmarked.is_none(), "came twice and says nothing of it: {unmarked:?}");
        let twice = self.lines.values().filter(|(all, _)| *all > 1).count();
        println!(
            "{} lines, {} MiB in {} objects; lost 0, {twice} came more than once, {} KiB were marked",
            written.len(),
            self.bytes >> 20,
            self.seen.len(),
            self.again >> 10,
        );
        // One more for the outage, whose end nobody can know.
        ensure!(self.again <= usize::try_from(kills + 2)? * CALL, "{} bytes were sent again", self.again);
        Ok(())
    }
}
