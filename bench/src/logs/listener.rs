//! Reads what a program follows, counts it, and takes its time. One read is one moment: what a program writes at once
//! is heard at once.

use std::collections::HashMap;
use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What was heard while it was measured.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub lines: u64,
    pub lost: u64,
    pub twice: u64,
    /// CPU seconds.
    pub cpu: f64,
    /// The most it ever had, in KiB.
    pub memory: u64,
    /// Milliseconds.
    pub latencies: Vec<f64>,
}

pub struct Listener {
    child: Child,
    count: Arc<Mutex<Count>>,
    reading: JoinHandle<()>,
}

#[derive(Default)]
struct Count {
    /// The next number of every run of every pod.
    next: HashMap<Vec<u8>, u64>,
    heard: Heard,
}

impl Listener {
    pub fn begin(program: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("failed to start {program}"))?;
        let (out, count) = (child.stdout.take().context("no stdout")?, Arc::<Mutex<Count>>::default());
        let counted = count.clone();
        let reading = std::thread::spawn(move || read(out, &counted));
        Ok(Self { child, count, reading })
    }

    /// How many pods were heard so far.
    pub fn sources(&self) -> usize {
        self.count.lock().map(|count| count.next.len()).unwrap_or_default()
    }

    /// From now on for so long; then the program is ended.
    pub fn measure(mut self, length: Duration) -> anyhow::Result<Heard> {
        let pid = self.child.id();
        let counted = |count: &mut Count| std::mem::take(&mut count.heard);
        let (before, _) = (cpu(pid)?, self.count.lock().map_err(|_| gone())?.heard = Heard::default());
        std::thread::sleep(length);
        ensure!(self.child.try_wait()?.is_none(), "it has ended by itself");
        let (cpu, memory) = (cpu(pid)? - before, memory(pid)?);
        let heard = counted(&mut *self.count.lock().map_err(|_| gone())?);
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
        self.child.wait()?;
        self.reading.join().map_err(|_| gone())?;
        ensure!(heard.lines > 0, "nothing was heard");
        Ok(Heard { cpu, memory, ..heard })
    }
}

fn gone() -> anyhow::Error {
    anyhow!("nobody counts any more")
}

fn read(mut out: ChildStdout, count: &Mutex<Count>) {
    let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
    while let Ok(length @ 1..) = out.read(&mut buffer[filled..]) {
        filled += length;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let Some(end) = buffer[..filled].iter().rposition(|byte| *byte == b'\n') else { continue };
        if let Ok(mut count) = count.lock() {
            buffer[..end].split(|byte| *byte == b'\n').for_each(|line| count.line(line, now));
        }
        buffer.copy_within(end + 1..filled, 0);
        filled -= end + 1;
    }
}

impl Count {
    /// Whatever a program writes before the line itself.
    fn line(&mut self, line: &[u8], now: u128) {
        let mut words = line.rsplit(|byte| *byte == b' ');
        let number = |word: Option<&[u8]>| std::str::from_utf8(word?).ok()?.parse::<u64>().ok();
        let (_, written, index) = (words.next(), number(words.next()), number(words.next()));
        let (Some(run), Some(pod), Some(written), Some(index)) = (words.next(), words.next(), written, index)
        else {
            return;
        };
        let heard = &mut self.heard;
        heard.lines += 1;
        heard.latencies.push(now.saturating_sub(u128::from(written)) as f64 / 1e6);
        let key = [pod, b" ", run].concat();
        match self.next.get_mut(&key) {
            None => {
                self.next.insert(key, index + 1);
            }
            Some(next) if index < *next => heard.twice += 1,
            Some(next) => {
                heard.lost += index - *next;
                *next = index + 1;
            }
        }
    }
}

/// User and system time so far. The kernel counts in hundredths of a second.
fn cpu(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(')').context("no process")?;
    let fields: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(fields.iter().sum::<f64>() / 100.0)
}

fn memory(pid: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no memory")?;
    line.trim().trim_end_matches(" kB").parse().context("no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_whatever_stands_before_them() {
        let mut count = Count::default();
        for line in [
            "app | web-1 r1 5 1000000 xxx",
            "web-1 app web-1 r1 6 2000000 xxx",
            "web-1 r1 6 2000000 xxx",
            "web-1 r1 9 2000000 xxx",
            "web-1 r2 0 2000000 xxx",
            "── web-1 started again",
        ] {
            count.line(line.as_bytes(), 3_000_000);
        }
        let heard = &count.heard;
        assert_eq!((heard.lines, heard.lost, heard.twice), (5, 2, 1));
        assert!((heard.latencies[0] - 2.0).abs() < f64::EPSILON);
        assert_eq!(count.next.len(), 2);
    }
}
