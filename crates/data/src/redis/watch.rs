//! Watches how the source feels: while it has enough to do, it is asked less. Also tells progress, follows limits that
//! change, and sees that the copy stays alone on its target.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::job::Limits;
use super::ledger::{self, Turn};
use super::link::{End, Link, command, text};
use super::plan::pace::{Felt, Pace};
use super::report::{Event, Progress, Tally};
use crate::error::{Error, Result};
use crate::plan::estimate;
use crate::throttle::Throttle;
use crate::{Say, Steer, progress};

const LOOK: Duration = Duration::from_secs(1);

/// How often it is pinged.
const PING: Duration = Duration::from_millis(100);

pub struct Watch {
    pub source: End,
    pub target: End,
    pub token: String,
    pub job: String,
    pub steer: Steer<Limits>,
    pub limits: Limits,
    pub bytes: Arc<Throttle>,
    pub pace: Arc<Throttle>,
    pub tally: Arc<Tally>,
    pub of_keys: u64,
    pub say: Say,
    pub felt: Arc<Mutex<Vec<f64>>>,
}

/// What a source's own counters said.
struct Before {
    at: Instant,
    cpu: f64,
    commands: f64,
    ours: u64,
    keys: u64,
    bytes: u64,
}

impl Watch {
    /// Never ends by itself, but when somebody else has taken the target.
    pub async fn run(mut self) -> Result<()> {
        let begun = Instant::now();
        let (mut source, mut target): (Option<Link>, Option<Link>) = (None, None);
        let _ = self.ping(&mut source).await;
        let mut before = self.look(&mut source).await;
        let (mut pace, mut latency) = (Pace::default(), 0.0);
        let mut next = Instant::now() + LOOK;
        self.pace.limit(self.limits.keys_per_second);
        loop {
            tokio::time::sleep(PING).await;
            latency = self.ping(&mut source).await.unwrap_or(0.0).max(latency);
            if Instant::now() < next {
                continue;
            }
            next = Instant::now() + LOOK;
            if let Some(limits) = (self.steer)() {
                self.bytes.limit(limits.bytes_per_second);
                self.limits = limits;
            }
            self.stay_alone(&mut target).await?;
            let now = self.look(&mut source).await;
            let mut rate = 0.0;
            if let (Some(now), Some(before)) = (&now, &before) {
                let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
                let a_second = |now: f64, before: f64| ((now - before) / seconds).max(0.0);
                let commands = a_second(now.commands, before.commands);
                let felt = Felt {
                    latency_millis: latency,
                    cpu_percent: a_second(now.cpu, before.cpu) * 100.0,
                    others: (commands - a_second(now.ours as f64, before.ours as f64)).max(0.0),
                };
                let keys = a_second(now.keys as f64, before.keys as f64);
                self.pace.limit(pace.next(felt, keys, &self.limits));
                rate = a_second(now.bytes as f64, before.bytes as f64);
            }
            before = now.or(before);
            latency = 0.0;
            self.progress(rate, pace.is_held(), begun);
        }
    }

    fn progress(&self, rate: f64, held: bool, begun: Instant) {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (pass, keys) = (read(&self.tally.pass), read(&self.tally.keys));
        let left = estimate::seconds_left(keys, self.of_keys, begun.elapsed().as_secs_f64());
        (self.say)(progress::Event::Redis(Event::Progress(Progress {
            pass: pass.try_into().unwrap_or(0),
            keys,
            of_keys: self.of_keys,
            bytes: read(&self.tally.bytes),
            bytes_per_second: rate as u64,
            seconds_left: left.filter(|_| pass == 1),
            held,
        })));
    }

    /// In milliseconds; none: it did not answer.
    async fn ping(&self, link: &mut Option<Link>) -> Option<f64> {
        if link.is_none() {
            *link = self.source.connect().await.ok();
        }
        let asked = Instant::now();
        if link.as_mut()?.one("asking how it feels", redis::cmd("PING")).await.is_err() {
            *link = None;
            return None;
        }
        let millis = asked.elapsed().as_secs_f64() * 1e3;
        self.felt.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(millis);
        Some(millis)
    }

    async fn look(&self, link: &mut Option<Link>) -> Option<Before> {
        let link = link.as_mut()?;
        let asked = [b"CPU".as_slice(), b"STATS"].map(|section| command("INFO", &[section])).to_vec();
        let answers = link.sure("asking how it feels", asked).await.ok()?;
        let info: String = answers.into_iter().map(text).collect();
        let number = |name: &str| -> f64 {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
        };
        Some(Before {
            at: Instant::now(),
            cpu: number("used_cpu_sys_main_thread") + number("used_cpu_user_main_thread"),
            commands: number("total_commands_processed"),
            ours: self.source.counter.asked().commands,
            keys: self.tally.keys.load(Ordering::Relaxed),
            bytes: self.tally.bytes.load(Ordering::Relaxed),
        })
    }

    async fn stay_alone(&self, link: &mut Option<Link>) -> Result<()> {
        if link.is_none() {
            *link = self.target.connect().await.ok();
        }
        let Some(conn) = link.as_mut() else { return Ok(()) };
        let turn = match ledger::renew(conn, &self.token).await {
            // What began is forgotten with the rest, and has to be known to whoever takes it up.
            Ok(Turn::Taken) => ledger::begin(conn, &self.job).await.map(|()| Turn::Taken),
            turn => turn,
        };
        match turn {
            Ok(Turn::Taken | Turn::Renewed) => Ok(()),
            Ok(Turn::Anothers) => Err(Error::Busy),
            Err(error) if error.passes() => {
                *link = None;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
