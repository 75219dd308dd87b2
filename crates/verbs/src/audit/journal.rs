//! Lines that wait, and the object that they are written to: whole each time, in their order. What a day has room for is not decided here.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};

use super::today::Today;
use super::{BEGIN, LABEL, Open, Record, day};
use crate::operator::NAMESPACE;
use crate::{Cluster, Result};

const MANAGER: &str = "outboard-server";
/// Written whole each time, so not as long as a ConfigMap may be.
pub(super) const LONGEST: usize = 64_000;
/// Lines that wait while Kubernetes does not answer; then the oldest go. They are in the log.
const MOST: usize = 20_000;

/// Lines that are kept, and those that wait to be.
pub struct Journal {
    /// The object that is written to, for whoever must not take it for whole.
    open: Open,
    /// Since when, if it is to be whole soon; and after how long that is.
    since: Option<Timestamp>,
    closes: Option<SignedDuration>,
    /// Whether a bucket is to have them, too.
    pub(super) stored: bool,
    /// What tells the objects of this server from those of others.
    mark: String,
    pub(super) days: i64,
    waiting: VecDeque<(String, String)>,
    /// The object that is written to: its day, its number, its lines. No number comes twice, whatever day it is of.
    day: String,
    number: u32,
    lines: String,
    /// Kubernetes refused several lines together: it is looked for the one that it does not take.
    one_by_one: bool,
    today: Today,
}

impl Journal {
    /// `mark`: what tells the objects of this server from those of others.
    pub fn new(mark: &str, days: u16) -> Self {
        Self {
            open: Open::default(),
            since: None,
            closes: None,
            stored: false,
            mark: mark.to_owned(),
            days: days.into(),
            waiting: VecDeque::new(),
            day: String::new(),
            number: 0,
            lines: String::new(),
            one_by_one: false,
            today: Today::default(),
        }
    }

    /// Takes a line; how many had to go for it.
    pub fn add(&mut self, record: &Record) -> usize {
        let day = day(record.time);
        let Some(line) = self.today.line(&day, record) else { return 1 };
        self.waiting.push_back((day, line));
        let over = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..over);
        over
    }

    /// Nothing is added to an object later than that after its first line.
    #[must_use]
    pub fn closing(self, after: SignedDuration) -> Self {
        Self { closes: Some(after), ..self }
    }

    /// A bucket is to have its objects, too.
    #[must_use]
    pub fn stored(self) -> Self {
        Self { stored: true, ..self }
    }

    /// What tells which object is written to.
    pub fn open(&self) -> Open {
        self.open.clone()
    }

    /// The object that was written to is whole.
    pub fn close(&mut self) {
        self.day.clear();
        self.since = None;
        self.open.tell("");
    }

    fn close_old(&mut self, now: Timestamp) {
        let old =
            self.since.zip(self.closes).is_some_and(|(since, after)| now.duration_since(since) >= after);
        if old {
            self.close();
        }
    }

    pub fn is_written(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes what waits. What is not written waits on, but for a line that Kubernetes will never take: others wait behind it.
    pub async fn write(&mut self, cluster: &Cluster) -> Result<()> {
        self.close_old(Timestamp::now());
        while let Some((name, lines, taken)) = self.next() {
            // Before anybody can see it.
            if self.open.tell(&name) {
                self.since = Some(Timestamp::now());
            }
            let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), NAMESPACE);
            let labels = BTreeMap::from([
                ("app.kubernetes.io/managed-by".to_owned(), "outboard".to_owned()),
                (LABEL.to_owned(), self.day.clone()),
            ]);
            let mut object =
                ConfigMap { data: Some([("lines".to_owned(), lines.clone())].into()), ..Default::default() };
            (object.metadata.name, object.metadata.labels) = (Some(name.clone()), Some(labels));
            let parameters = PatchParams::apply(MANAGER).force();
            match api.patch(&name, &parameters, &Patch::Apply(&object)).await {
                Ok(_) => {
                    self.lines = lines;
                    self.waiting.drain(..taken);
                }
                Err(kube::Error::Api(status)) if taken > 1 && is_for_good(status.code) => {
                    self.one_by_one = true;
                }
                Err(error) => {
                    if matches!(&error, kube::Error::Api(status) if is_for_good(status.code)) {
                        self.waiting.pop_front();
                        self.one_by_one = false;
                        tracing::warn!(target: "audit", "a line of the audit is in this log only: Kubernetes does not take it");
                    }
                    // If it is no line that is wrong, no more than one goes each time.
                    return Err(cluster.explain(error));
                }
            }
        }
        self.one_by_one = false;
        Ok(())
    }

    /// The object that comes next: its name, all its lines, and how many of those that wait are among them.
    fn next(&mut self) -> Option<(String, String, usize)> {
        let (day, first) = self.waiting.front()?;
        if *day != self.day {
            (self.day, self.number, self.lines) = (day.clone(), self.number + 1, String::new());
        } else if self.lines.len() + first.len() > LONGEST {
            (self.number, self.lines) = (self.number + 1, String::new());
        }
        let (mut lines, mut taken) = (self.lines.clone(), 0);
        for (day, line) in &self.waiting {
            let full = self.one_by_one || lines.len() + line.len() > LONGEST;
            if *day != self.day || (taken > 0 && full) {
                break;
            }
            lines.push_str(line);
            lines.push('\n');
            taken += 1;
        }
        Some((format!("{BEGIN}{}-{}-{}", self.day, self.mark, self.number), lines, taken))
    }
}

/// Whether the same, asked again, is refused again.
fn is_for_good(code: u16) -> bool {
    matches!(code, 400 | 413 | 422)
}

#[cfg(test)]
mod tests;
