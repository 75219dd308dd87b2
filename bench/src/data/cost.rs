//! What a copy cost: time, and CPU seconds of both servers and of the tools.

use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::{SysconfVar, sysconf};
use stories::mariadb::MariaDb;

#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: f64,
    pub source: f64,
    pub target: f64,
    pub tool: f64,
    /// The most that all programs of a tool had at once.
    pub memory: u64,
    pub same: bool,
}

pub struct Meter {
    begun: Instant,
    pids: [u32; 2],
    before: [f64; 3],
}

impl Meter {
    pub fn begin(source: &MariaDb, target: &MariaDb) -> Result<Self> {
        let pid = |server: &MariaDb| server.pid().context("a server does not run");
        Self::of([pid(source)?, pid(target)?])
    }

    /// Of a source and a target by their processes.
    pub fn of(pids: [u32; 2]) -> Result<Self> {
        Ok(Self { before: [cpu(pids[0])?, cpu(pids[1])?, children()?], pids, begun: Instant::now() })
    }

    pub fn end(self) -> Result<Cost> {
        let wall = self.begun.elapsed().as_secs_f64();
        let [source, target, tool] = self.before;
        Ok(Cost {
            wall,
            source: cpu(self.pids[0])? - source,
            target: cpu(self.pids[1])? - target,
            tool: children()? - tool,
            ..Cost::default()
        })
    }
}

/// CPU seconds of a process and its threads, and of processes that it made and that have ended.
fn cpu(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Its name, in parentheses, may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).context("no CPU time");
    let second = sysconf(SysconfVar::CLK_TCK)?.context("no clock ticks")? as f64;
    Ok((ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?) / second)
}

/// CPU seconds of every program that we ran and that has ended.
fn children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
