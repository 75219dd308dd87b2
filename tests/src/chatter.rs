//! Containers that number their lines, and whoever follows them and counts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::patience::until;
use crate::{World, binary};

/// It may take so long to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A component that writes so many lines a second in each of its pods.
pub fn chatter(rate: u32, replicas: u32) -> Value {
    json!({
        "image": "registry.testbed:5000/testbed/chatter", "version": "1",
        "command": ["/usr/bin/chatter", "write", "-rate", rate.to_string()],
        "resources": {"cpu": "5m", "memory": "32Mi"},
        "scale": {"min": replicas},
        "stop": {"drain": "0s"},
    })
}

/// One run of one container, as far as it was told.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    next: u64,
    missing: u64,
    again: u64,
    ended: bool,
}

/// By pod and run.
#[derive(Debug, Default)]
pub struct Tally {
    runs: BTreeMap<(String, String), Run>,
    /// What no chatter writes.
    strange: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    pub lines: u64,
    pub runs: usize,
    pub missing: u64,
    pub again: u64,
    /// Runs of which the last line was not told.
    pub without_end: usize,
}

impl Tally {
    fn line(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (Some(pod), Some(run), Some(number)) = (words.next(), words.next(), words.next()) else {
            self.strange.push(line.to_owned());
            return;
        };
        let Ok(number) = number.parse::<u64>() else {
            self.strange.push(line.to_owned());
            return;
        };
        let last = words.nth(1).is_some_and(|word| word.starts_with("end"));
        let run = self.runs.entry((pod.to_owned(), run.to_owned())).or_default();
        if number < run.next {
            run.again += 1;
        } else {
            run.missing += number - run.next;
            run.next = number + 1;
        }
        run.ended |= last;
    }

    /// Pods of a component with how often each ran.
    pub fn pods(&self, component: &str) -> BTreeMap<&str, usize> {
        let mut pods = BTreeMap::new();
        for (pod, _) in self.runs.keys().filter(|(pod, _)| pod.starts_with(&format!("{component}-"))) {
            *pods.entry(pod.as_str()).or_default() += 1;
        }
        pods
    }

    pub fn summary(&self) -> Summary {
        let sum = |of: fn(&Run) -> u64| self.runs.values().map(of).sum();
        Summary {
            lines: sum(|run| run.next - run.missing),
            runs: self.runs.len(),
            missing: sum(|run| run.missing),
            again: sum(|run| run.again),
            without_end: self.runs.values().filter(|run| !run.ended).count(),
        }
    }
}

/// `outboard logs -f`, whose lines are counted as they come.
pub struct Following {
    child: Child,
    tally: Arc<Mutex<Tally>>,
    counting: JoinHandle<()>,
    complaining: JoinHandle<String>,
}

impl Following {
    pub fn begin(world: &World, kubeconfig: &Path, environment: &str) -> Result<Self> {
        let mut child = Command::new(binary::path()?)
            .args(["-n", &world.name, "logs", environment, "-f", "-o", "raw"])
            .current_dir(world.directory())
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to start outboard")?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (mut out, counted) = (BufReader::new(child.stdout.take().context("no stdout")?), tally.clone());
        let counting = std::thread::spawn(move || {
            let mut line = vec![];
            while let Ok(1..) = out.read_until(b'\n', &mut line) {
                if let Ok(mut tally) = counted.lock() {
                    tally.line(String::from_utf8_lossy(&line).trim_end());
                }
                line.clear();
            }
        });
        let mut err = child.stderr.take().context("no stderr")?;
        let complaining = std::thread::spawn(move || {
            let mut text = String::new();
            // What was read before an error is still worth showing.
            let _ = err.read_to_string(&mut text);
            text
        });
        Ok(Self { child, tally, counting, complaining })
    }

    pub fn tally(&self) -> Result<MutexGuard<'_, Tally>> {
        self.tally.lock().map_err(|_| anyhow::anyhow!("nobody counts any more"))
    }

    /// Waits until what was told so far holds.
    pub async fn sees(&mut self, what: &str, holds: impl Fn(&Tally) -> bool) -> Result<()> {
        until(what, PATIENCE, async || {
            if let Some(status) = self.child.try_wait()? {
                bail!("it has ended with {status}");
            }
            let tally = self.tally()?;
            Ok(holds(&tally).then_some(()))
        })
        .await
    }

    /// Waits until it has told more of some pod whose name begins so: whatever happened is over.
    pub async fn goes_on(&mut self, name: &str) -> Result<()> {
        let before: BTreeMap<(String, String), u64> =
            self.tally()?.runs.iter().map(|(key, run)| (key.clone(), run.next)).collect();
        self.sees(&format!("more of {name}"), |tally| {
            tally.runs.iter().any(|(key, run)| {
                key.0.starts_with(name) && run.next > before.get(key).copied().unwrap_or_default() + 5
            })
        })
        .await
    }

    /// Waits until it has ended by itself; answers with what was told and what was said beside it.
    pub async fn ended(mut self) -> Result<(Summary, String)> {
        let status = until("`outboard logs -f` ends", PATIENCE, async || Ok(self.child.try_wait()?)).await;
        if status.is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        let _ = self.counting.join();
        let said = self.complaining.join().unwrap_or_default();
        let status = status.with_context(|| said.clone())?;
        ensure!(status.success(), "it ended with {status}: {said}");
        let tally = self.tally.lock().map_err(|_| anyhow::anyhow!("nobody counted"))?;
        ensure!(tally.strange.is_empty(), "nobody wrote {:?}", tally.strange);
        for (key, run) in tally.runs.iter().filter(|(_, run)| run.missing + run.again > 0 || !run.ended) {
            println!("WRONG: {key:?} {run:?}");
        }
        Ok((tally.summary(), said))
    }
}
