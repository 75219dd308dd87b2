//! How far a run is: what is done, what is being done for how long, and about how long the rest will take.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::events::Line;

/// Of a resource of which nothing is remembered.
const UNKNOWN_SECONDS: f64 = 3.0;

/// How long resources took in earlier runs, by what was done and to which type.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct History(BTreeMap<String, Typical>);

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Typical {
    count: u32,
    seconds: f64,
}

impl History {
    fn seconds(&self, action: &str, address: &str) -> f64 {
        self.0.get(&key(action, address)).map_or(UNKNOWN_SECONDS, |typical| typical.seconds)
    }

    /// Later runs count for more: AWS changes.
    pub fn learn(&mut self, action: &str, address: &str, seconds: u64) {
        let typical = self.0.entry(key(action, address)).or_default();
        typical.count = (typical.count + 1).min(5);
        typical.seconds += (seconds as f64 - typical.seconds) / f64::from(typical.count);
    }
}

fn key(action: &str, address: &str) -> String {
    format!("{action} {}", kind(address))
}

/// The type in an address: `aws_subnet` of `module.cluster.module.network.aws_subnet.private["a.b"]`.
pub fn kind(address: &str) -> &str {
    // A type is the first step that belongs to no `module.NAME["KEY"]`.
    let mut rest = address;
    while let Some(after) = rest.strip_prefix("module.") {
        let name = after.find(['.', '[']).unwrap_or(after.len());
        let key = if after[name..].starts_with('[') {
            after[name..].find("].").map_or(0, |end| end + 1)
        } else {
            0
        };
        rest = after[name + key..].trim_start_matches('.');
    }
    rest.split('.').next().unwrap_or(rest)
}

/// One run of apply, as its stream tells it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What is to be done: address and action.
    todo: BTreeMap<String, String>,
    /// What is being done, and since which second of the run.
    running: BTreeMap<String, u64>,
    pub done: usize,
    pub failed: usize,
    done_seconds: f64,
}

/// A look at it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    pub done: usize,
    pub total: usize,
    pub failed: usize,
    pub elapsed: u64,
    /// Seconds that the rest may take; none while nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// What is being done and for how many seconds, the oldest first.
    pub running: Vec<(String, u64)>,
}

impl Progress {
    /// `todo`: addresses and actions of the plan.
    pub fn of(todo: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { todo: todo.into_iter().collect(), ..Self::default() }
    }

    pub fn take(&mut self, line: &Line, elapsed: u64, history: &History) {
        match line {
            Line::Started { address, .. } => {
                self.running.insert(address.clone(), elapsed);
            }
            Line::Finished { address, action, .. } => {
                self.running.remove(address);
                // A replacement is two steps of one resource: the second ends it.
                let whole =
                    self.todo.get(address).is_none_or(|planned| planned != "replace" || action == "create");
                if whole && self.todo.remove(address).is_some() {
                    self.done += 1;
                }
                self.done_seconds += history.seconds(action, address);
            }
            Line::Failed { address, .. } => {
                self.running.remove(address);
                if self.todo.remove(address).is_some() {
                    self.failed += 1;
                }
            }
            _ => {}
        }
    }

    pub fn look(&self, elapsed: u64, history: &History) -> Look {
        let mut running: Vec<(String, u64)> = self
            .running
            .iter()
            .map(|(address, since)| (address.clone(), elapsed.saturating_sub(*since)))
            .collect();
        running.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        let left = |(address, action): (&String, &String)| {
            let whole = history.seconds(action, address);
            let spent = self.running.get(address).map_or(0.0, |since| elapsed.saturating_sub(*since) as f64);
            (whole - spent).max(0.0)
        };
        let work: f64 = self.todo.iter().map(left).sum();
        let longest = self.todo.iter().map(left).fold(0.0, f64::max);
        // So many at a time as so far; no rest is shorter than its longest part.
        let at_a_time = if elapsed > 0 { (self.done_seconds / elapsed as f64).max(1.0) } else { 1.0 };
        let remaining = (self.done > 0).then(|| (work / at_a_time).max(longest).ceil() as u64);
        Look {
            done: self.done,
            total: self.done + self.failed + self.todo.len(),
            failed: self.failed,
            elapsed,
            remaining,
            running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(address: &str, seconds: u64) -> Line {
        Line::Finished { address: address.into(), action: "create".into(), seconds, id: None }
    }

    #[test]
    fn the_type_is_found_in_any_address() {
        assert_eq!(kind("module.cluster.module.network.aws_subnet.private[\"eu.west\"]"), "aws_subnet");
        assert_eq!(kind("module.zones[\"eu.west\"].aws_vpc.this"), "aws_vpc");
        assert_eq!(kind("aws_vpc.this"), "aws_vpc");
    }

    #[test]
    fn progress_counts_what_is_done_and_says_what_takes_long() {
        let mut history = History::default();
        history.learn("create", "aws_lb.api", 100);
        let todo = ["aws_vpc.this", "aws_lb.api", "aws_eip.nat"].map(|a| (a.to_owned(), "create".to_owned()));
        let mut progress = Progress::of(todo);
        let begun = |address: &str| Line::Started { address: address.into(), action: "create".into() };
        progress.take(&begun("aws_vpc.this"), 0, &history);
        assert_eq!(progress.look(0, &history).remaining, None);
        progress.take(&finished("aws_vpc.this", 2), 2, &history);
        progress.take(&begun("aws_lb.api"), 2, &history);
        let look = progress.look(12, &history);
        assert_eq!((look.done, look.total, look.running), (1, 3, vec![("aws_lb.api".to_owned(), 10)]));
        assert_eq!(look.remaining, Some(93));
        progress.take(&Line::Failed { address: "aws_lb.api".into(), action: "create".into() }, 20, &history);
        let look = progress.look(20, &history);
        assert_eq!((look.done, look.failed, look.total), (1, 1, 3));
    }

    #[test]
    fn a_replacement_counts_once() {
        let history = History::default();
        let mut progress = Progress::of([("a.b".to_owned(), "replace".to_owned())]);
        let deleted = Line::Finished { address: "a.b".into(), action: "delete".into(), seconds: 1, id: None };
        progress.take(&deleted, 1, &history);
        assert_eq!(progress.look(1, &history).done, 0);
        progress.take(&finished("a.b", 1), 2, &history);
        assert_eq!(progress.look(2, &history).done, 1);
    }
}
