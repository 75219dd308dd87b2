//! Runs `outboard data-copy` between two servers of a story, and reads its events.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use api::Exit;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::mariadb::{MariaDb, PASSWORD, USER};
use crate::redis_server::RedisServer;
use crate::versity::{self, Versity};

const LONGEST: Duration = Duration::from_secs(600);

/// A job's file with its secrets.
pub struct CopyJob {
    folder: TempDir,
    pub job: Value,
}

/// How one ended.
pub struct Ended {
    pub code: Option<i32>,
    pub events: Vec<Value>,
    pub stderr: String,
}

/// One that runs.
pub struct RunningCopy {
    child: Child,
    lines: Receiver<String>,
    stderr: std::thread::JoinHandle<String>,
    pub events: Vec<Value>,
}

impl CopyJob {
    pub fn new(source: &MariaDb, target: &MariaDb, databases: &[&str]) -> Result<Self> {
        let (folder, password) = secrets()?;
        let end = |server: &MariaDb| json!({"host": "127.0.0.1", "port": server.port, "user": USER, "passwordFile": &password});
        let job =
            json!({"source": end(source), "target": end(target), "databases": databases, "replace": true});
        Ok(Self { folder, job })
    }

    /// Of everything in Redis, key by key.
    pub fn redis(source: &RedisServer, target: &RedisServer) -> Result<Self> {
        let (folder, password) = secrets()?;
        let end = |server: &RedisServer| json!({"host": "127.0.0.1", "port": server.port, "passwordFile": &password});
        let job = json!({"store": "redis", "source": end(source), "target": end(target), "snapshot": false});
        Ok(Self { folder, job })
    }

    /// Of all objects of a bucket.
    pub fn s3(source: (&Versity, &str), target: (&Versity, &str)) -> Result<Self> {
        let (folder, _) = secrets()?;
        let secret = folder.path().join("secret");
        std::fs::write(&secret, versity::SECRET)?;
        let end = |(server, bucket): (&Versity, &str)| {
            json!({
                "bucket": bucket, "endpoint": server.endpoint(), "accessKey": versity::KEY, "secretKeyFile": &secret,
            })
        };
        let job = json!({"store": "s3", "source": end(source), "target": end(target)});
        Ok(Self { folder, job })
    }

    /// Masks of Redis: a list of keys, field and mask.
    pub fn mask_values(mut self, values: &Value) -> Self {
        self.job["masks"] = json!({"keyFile": self.folder.path().join("key"), "values": values});
        self
    }

    /// Masks by column.
    pub fn masks(mut self, columns: &Value) -> Self {
        self.job["masks"] = json!({"keyFile": self.folder.path().join("key"), "columns": columns});
        self
    }

    pub fn limits(mut self, limits: Value) -> Self {
        self.job["limits"] = limits;
        self
    }

    /// As it stands in `job` now.
    pub fn write(&self) -> Result<PathBuf> {
        let path = self.folder.path().join("job.yaml");
        // Whole or not at all: a copy may be reading it.
        std::fs::write(path.with_extension("new"), serde_json::to_string(&self.job)?)?;
        std::fs::rename(path.with_extension("new"), &path)?;
        Ok(path)
    }

    pub fn start(&self, arguments: &[&str]) -> Result<RunningCopy> {
        let mut child = Command::new(binary::path()?)
            .args(["data-copy", "--job"])
            .arg(self.write()?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to start outboard")?;
        let (sender, lines) = channel();
        let stdout = child.stdout.take().context("it has a stdout")?;
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut pipe = child.stderr.take().context("it has a stderr")?;
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            // What was read before an error is still worth showing.
            let _ = pipe.read_to_string(&mut text);
            text
        });
        Ok(RunningCopy { child, lines, stderr, events: vec![] })
    }

    pub fn run(&self) -> Result<Ended> {
        self.start(&[])?.end()
    }
}

/// A folder with a password and a key for masks in files, and where the password lies.
fn secrets() -> Result<(TempDir, PathBuf)> {
    let folder = TempDir::with_prefix("story-copy-")?;
    let password = folder.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n"))?;
    std::fs::write(folder.path().join("key"), "a key of a story for its masks")?;
    Ok((folder, password))
}

impl RunningCopy {
    /// Reads on until an event is what is waited for.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let begun = Instant::now();
        loop {
            match self.lines.recv_timeout(LONGEST.saturating_sub(begun.elapsed())) {
                Ok(line) => {
                    let event: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
                    self.events.push(event.clone());
                    if wanted(&event) {
                        return Ok(event);
                    }
                }
                Err(_) => bail!("waited in vain for {what}: {:#?}", self.events.last()),
            }
        }
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Result<Vec<Value>> {
        self.child.kill()?;
        self.child.wait()?;
        self.events.extend(self.lines.iter().filter_map(|line| serde_json::from_str(&line).ok()));
        Ok(self.events)
    }

    /// SIGTERM, as a pod gets it that is to end.
    pub fn terminate(self) -> Result<Ended> {
        kill(Pid::from_raw(self.pid().try_into()?), Signal::SIGTERM)?;
        self.end()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn end(mut self) -> Result<Ended> {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST {
            match self.lines.recv_timeout(LONGEST.saturating_sub(begun.elapsed())) {
                Ok(line) => self.events.push(serde_json::from_str(&line).with_context(|| line.clone())?),
                Err(_) => break,
            }
        }
        if begun.elapsed() >= LONGEST {
            self.child.kill()?;
        }
        let code = self.child.wait()?.code();
        let stderr = self.stderr.join().unwrap_or_default();
        ensure!(begun.elapsed() < LONGEST, "the copy did not end: {:#?}\n{stderr}", self.events.last());
        Ok(Ended { code, events: self.events, stderr })
    }
}

impl Ended {
    /// It must have gone well; its report.
    pub fn report(self) -> Result<Value> {
        ensure!(
            self.code == Some(0),
            "the copy ended with {:?}:\n{}\n{:#?}",
            self.code,
            self.stderr,
            self.events.last()
        );
        let report = self.events.into_iter().find(|event| event["event"] == "report");
        report.context("there is no report")
    }

    /// It must have failed so, and said all of this.
    pub fn failed(self, exit: Exit, said: &[&str]) -> Result<Self> {
        let code = i32::from(exit.code());
        ensure!(self.code == Some(code), "it ended with {:?}, not with {code}:\n{}", self.code, self.stderr);
        for words in said {
            ensure!(self.stderr.contains(words), "it did not say `{words}`:\n{}", self.stderr);
        }
        Ok(self)
    }

    pub fn first(&self, event: &str) -> Result<&Value> {
        let found = self.events.iter().find(|found| found["event"] == event);
        found.with_context(|| format!("there is no event `{event}`: {:#?}", self.events))
    }
}

/// A report that does not say it is no report of it: a check of it has to fail.
pub fn number(report: &Value, name: &str) -> Result<u64> {
    report[name].as_u64().with_context(|| format!("no number {name} in {report:#}"))
}
