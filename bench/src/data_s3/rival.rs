//! Who copies objects: outboard, rclone and s5cmd, each as its own documentation says that it is fast.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stories::CopyJob;
use stories::versity::{KEY, SECRET, Versity};

use super::Between;

#[derive(Clone, Copy, Debug)]
pub enum Rival {
    Outboard,
    Rclone,
    S5cmd,
}

pub const RIVALS: [Rival; 3] = [Rival::Outboard, Rival::Rclone, Rival::S5cmd];

/// What one was seen to need.
pub struct Run {
    pub memory: u64,
}

impl Rival {
    pub fn name(self) -> &'static str {
        match self {
            Self::Outboard => "outboard data-copy",
            Self::Rclone => "rclone sync --checksum, 64 transfers",
            Self::S5cmd => "s5cmd sync, 256 workers",
        }
    }

    pub fn bucket(self, between: Between) -> String {
        format!("{self:?}-{between:?}").to_lowercase()
    }

    /// s5cmd knows one endpoint.
    pub fn can(self, between: Between) -> bool {
        !matches!((self, between), (Self::S5cmd, Between::Endpoints))
    }

    pub fn run(self, source: (&Versity, &str), target: (&Versity, &str)) -> Result<Run> {
        match self {
            Self::Outboard => {
                let report: Value = CopyJob::s3(source, target)?.run()?.report()?;
                let memory = report["peakMemoryBytes"].as_u64().context("the report has no memory")?;
                Ok(Run { memory })
            }
            Self::Rclone => {
                let mut command = Command::new(testbed::tool("rclone")?);
                // Two names of one remote would be two remotes, between which nothing is copied by itself.
                let from = if source.0.port == target.0.port { "b" } else { "a" };
                for (name, server) in [("A", source.0), ("B", target.0)] {
                    let set = |key: &str| format!("RCLONE_CONFIG_{name}_{key}");
                    command
                        .env(set("TYPE"), "s3")
                        .env(set("PROVIDER"), "Other")
                        .env(set("ENDPOINT"), server.endpoint())
                        .env(set("REGION"), "us-east-1")
                        .env(set("ACCESS_KEY_ID"), KEY)
                        .env(set("SECRET_ACCESS_KEY"), SECRET);
                }
                command.args(["--config", "/dev/null", "sync", "--checksum", "--fast-list", "--metadata"]);
                command.args(["--transfers", "64", "--checkers", "64", "--s3-no-check-bucket"]);
                command.arg(format!("{from}:{}", source.1)).arg(format!("b:{}", target.1));
                wait(command)
            }
            Self::S5cmd => {
                let mut command = Command::new(testbed::tool("s5cmd")?);
                command.envs([
                    ("AWS_ACCESS_KEY_ID", KEY),
                    ("AWS_SECRET_ACCESS_KEY", SECRET),
                    ("AWS_REGION", "us-east-1"),
                ]);
                command.args([
                    "--endpoint-url",
                    &source.0.endpoint(),
                    "--log",
                    "error",
                    "--numworkers",
                    "256",
                    "sync",
                ]);
                command.arg(format!("s3://{}/*", source.1)).arg(format!("s3://{}/", target.1));
                wait(command)
            }
        }
    }
}

fn wait(mut command: Command) -> Result<Run> {
    let log = tempfile::NamedTempFile::new()?;
    let mut child: Child = command
        .stdin(Stdio::null())
        .stdout(log.reopen()?)
        .stderr(log.reopen()?)
        .spawn()
        .context("failed to start a rival")?;
    let mut memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = peak(child.id()).max(memory);
        std::thread::sleep(Duration::from_millis(20));
    };
    ensure!(status.success(), "a rival ended with {status}:\n{}", tail(log.path()));
    Ok(Run { memory })
}

/// The most that it has had so far.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
