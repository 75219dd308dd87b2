//! How each system copies: its best settings for two cores, from the same source to the same target.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stories::CopyJob;
use stories::mariadb::{MariaDb, PASSWORD, USER, program};
use tempfile::TempDir;
use testbed::Cache;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    Outboard { masked: bool },
    Dump,
    Mydumper,
}

pub const RIVALS: [Rival; 4] =
    [Rival::Outboard { masked: false }, Rival::Outboard { masked: true }, Rival::Dump, Rival::Mydumper];

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

impl Rival {
    pub fn name(self) -> &'static str {
        match self {
            Self::Outboard { masked: false } => "outboard, verified",
            Self::Outboard { masked: true } => "outboard, verified, 4 columns masked",
            Self::Dump => "mariadb-dump --single-transaction \\| mariadb",
            Self::Mydumper => "mydumper -t 2, myloader -t 2",
        }
    }

    pub fn masks(self) -> bool {
        self == Self::Outboard { masked: true }
    }

    /// Copies; the most memory that its programs had at once.
    pub fn run(self, source: &MariaDb, target: &MariaDb, database: &str) -> Result<u64> {
        let folder = TempDir::new()?;
        let (from, to) =
            (Defaults::write(folder.path(), "from", source)?, Defaults::write(folder.path(), "to", target)?);
        match self {
            Self::Outboard { masked } => outboard(source, target, database, masked),
            Self::Dump => {
                let mut dump = Command::new(program("mariadb-dump")?);
                dump.arg(&from.0).args([
                    "--single-transaction",
                    "--quick",
                    "--hex-blob",
                    "--databases",
                    database,
                ]);
                let mut dump = dump.stdout(Stdio::piped()).spawn().context("failed to start mariadb-dump")?;
                let pipe = dump.stdout.take().context("it has a stdout")?;
                let mut load = Command::new(program("mariadb")?);
                let load = load.arg(&to.0).stdin(Stdio::from(pipe.as_fd().try_clone_to_owned()?)).spawn()?;
                drop(pipe);
                wait(vec![dump, load])
            }
            Self::Mydumper => {
                testbed::tools(&Cache::open()?, &["mydumper".to_owned()])?;
                let tool = |name: &str| -> Result<Command> {
                    Ok(Command::new(testbed::tool("mydumper")?.canonicalize()?.with_file_name(name)))
                };
                let files = folder.path().join("files");
                let dump = tool("mydumper")?
                    .args(ends(source))
                    .args([
                        "-t",
                        "2",
                        "-B",
                        database,
                        "--rows",
                        "250000",
                        "--statement-size",
                        "1000000",
                        "-o",
                    ])
                    .arg(&files)
                    .spawn()?;
                let dumped = wait(vec![dump])?;
                let load =
                    tool("myloader")?.args(ends(target)).args(["-t", "2", "-d"]).arg(&files).spawn()?;
                Ok(wait(vec![load])?.max(dumped))
            }
        }
    }
}

/// mydumper 0.10 reads no password from a file; these are servers of a measurement.
fn ends(server: &MariaDb) -> Vec<String> {
    let port = server.port.to_string();
    ["-h", "127.0.0.1", "-P", &port, "-u", USER, "-p", PASSWORD].map(str::to_owned).to_vec()
}

/// An option file, so that no password stands in arguments.
struct Defaults(String);

impl Defaults {
    fn write(folder: &Path, name: &str, server: &MariaDb) -> Result<Self> {
        let path = folder.join(name);
        let text = format!(
            "[client]\nhost=127.0.0.1\nport={}\nuser={USER}\npassword=\"{PASSWORD}\"\nmax_allowed_packet=64M\n",
            server.port
        );
        std::fs::write(&path, text)?;
        Ok(Self(format!("--defaults-file={}", path.display())))
    }
}

pub fn job(source: &MariaDb, target: &MariaDb, database: &str) -> Result<CopyJob> {
    Ok(CopyJob::new(source, target, &[database])?.limits(json!({"connections": 3})))
}

fn outboard(source: &MariaDb, target: &MariaDb, database: &str, masked: bool) -> Result<u64> {
    let mut job = job(source, target, database)?;
    if masked {
        let mut columns = serde_json::Map::new();
        for table in ["t1", "t2", "t3", "t4"] {
            for (column, mask) in
                [("email", "email"), ("name", "name"), ("code", "format"), ("amount", "number")]
            {
                columns.insert(format!("goods.{table}.{column}"), json!(mask));
            }
        }
        job = job.masks(&Value::Object(columns));
    }
    let report = job.run()?.report()?;
    report["peakMemoryBytes"].as_u64().context("the report has no memory")
}

fn wait(mut programs: Vec<Child>) -> Result<u64> {
    let mut peaks = vec![0; programs.len()];
    let mut running = true;
    while running {
        running = false;
        for (program, peak) in programs.iter_mut().zip(&mut peaks) {
            match program.try_wait()? {
                None => {
                    running = true;
                    *peak = resident(program.id()).max(*peak);
                }
                Some(status) => ensure!(status.success(), "a program ended with {status}"),
            }
        }
        std::thread::sleep(LOOK);
    }
    Ok(peaks.iter().sum())
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
