//! How many lines there were, by time and by level.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::archive::{Floor, Found, Take};
use crate::{Level, Line};

/// Lines that are known by heart, so that none counts twice, unless less memory is given.
const KNOWN: usize = 4_000_000;
/// What each of them takes of memory, at most.
const EACH: usize = 32;
/// Steps that people read easily, in seconds.
const STEPS: [i64; 18] =
    [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800];

/// Equal steps of time, each with its lines.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Histogram {
    pub since: Timestamp,
    pub until: Timestamp,
    pub step_seconds: i64,
    pub steps: Vec<Step>,
    /// There were too many lines to know all by heart: what was shipped twice may count twice.
    pub rough: bool,
    #[serde(skip)]
    known: HashSet<u64>,
    #[serde(skip)]
    most: usize,
    #[serde(skip)]
    found: u64,
}

#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Step {
    pub start: Timestamp,
    pub lines: u64,
    /// Lines without a level are in none of them.
    pub levels: BTreeMap<Level, u64>,
}

impl Histogram {
    /// About `wanted` steps from whole ones on.
    pub fn new(since: Timestamp, until: Timestamp, wanted: usize) -> Self {
        let seconds = (until.as_second() - since.as_second()).max(1);
        let exact = seconds / i64::try_from(wanted.max(1)).unwrap_or(1);
        let weeks = STEPS[STEPS.len() - 1];
        let step = STEPS.into_iter().find(|step| *step >= exact).unwrap_or(exact / weeks * weeks + weeks);
        let begin = since.as_second().div_euclid(step) * step;
        let count = (until.as_second() - begin).max(0) / step + 1;
        let start = |index| Timestamp::from_second(begin + index * step).unwrap_or(since);
        let steps = (0..count).map(|index| Step { start: start(index), ..Step::default() }).collect();
        let known = HashSet::new();
        Self { since, until, step_seconds: step, steps, rough: false, known, most: KNOWN, found: 0 }
    }

    /// The same, which takes no more than so much memory to know lines by heart.
    pub fn within(self, memory: usize) -> Self {
        Self { most: (memory / EACH).min(KNOWN), ..self }
    }

    pub fn lines(&self) -> u64 {
        self.found
    }

    pub fn step(&self) -> SignedDuration {
        SignedDuration::from_secs(self.step_seconds)
    }

    pub fn add(&mut self, line: &Line) {
        let Some(first) = self.steps.first() else { return };
        let index = (line.time.as_second() - first.start.as_second()).div_euclid(self.step_seconds);
        let step = usize::try_from(index).ok().and_then(|index| self.steps.get_mut(index));
        let Some(step) = step.filter(|_| line.time >= self.since && line.time <= self.until) else { return };
        step.lines += 1;
        if let Some(level) = line.level() {
            *step.levels.entry(level).or_default() += 1;
        }
        self.found += 1;
    }

    fn is_new(&mut self, found: &Found) -> bool {
        if !found.exact && !found.resent {
            return true;
        }
        if self.known.len() >= self.most {
            self.rough = true;
            return true;
        }
        let mut hasher = DefaultHasher::new();
        let line = &found.line;
        (line.time, &line.component, &line.pod, &line.container, &line.file, &line.text).hash(&mut hasher);
        self.known.insert(hasher.finish())
    }
}

impl Take for Histogram {
    fn lines(&mut self, found: Vec<Found>, _: &Floor) {
        for found in found {
            if self.is_new(&found) {
                self.add(&found.line);
            }
        }
    }

    fn ready(&mut self, _: Option<Timestamp>) -> Vec<Found> {
        vec![]
    }

    fn is_done(&self) -> bool {
        false
    }

    fn found(&self) -> u64 {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    fn time(text: &str) -> Timestamp {
        format!("2026-11-25T{text}Z").parse().unwrap()
    }

    #[test]
    fn lines_are_counted_in_steps_that_people_read_easily() {
        let mut histogram = Histogram::new(time("09:07:00"), time("11:07:00"), 24);
        assert_eq!((histogram.step_seconds, histogram.steps.len()), (300, 25));
        assert_eq!(histogram.steps[0].start, time("09:05:00"));
        for (at, text) in [
            ("09:06:59", "x"),
            ("09:07:00", "x"),
            ("09:09:59.9", "ERROR x"),
            ("11:07:00", "[warn] x"),
            ("11:08:00", "x"),
        ] {
            histogram.add(&Line {
                time: time(at),
                project: String::new(),
                environment: String::new(),
                component: String::new(),
                pod: String::new(),
                container: String::new(),
                file: None,
                text: text.into(),
                origin: Origin::Live,
            });
        }
        assert_eq!(histogram.lines(), 3);
        assert_eq!((histogram.steps[0].lines, histogram.steps[0].levels.get(&Level::Error)), (2, Some(&1)));
        assert_eq!(histogram.steps[24].levels.get(&Level::Warn), Some(&1));
    }

    #[test]
    fn even_odd_spans_have_steps() {
        for (since, until) in [("10:00:00", "10:00:00"), ("11:00:00", "10:00:00"), ("00:00:00", "23:59:59")] {
            let histogram = Histogram::new(time(since), time(until), 30);
            assert!(!histogram.steps.is_empty() && histogram.steps.len() <= 32, "{}", histogram.steps.len());
        }
        let years = Histogram::new("1990-01-01T00:00:00Z".parse().unwrap(), time("10:00:00"), 30);
        assert!(years.steps.len() <= 32);
    }

    #[test]
    fn with_little_memory_few_lines_are_known_by_heart_and_that_is_said() {
        let mut histogram = Histogram::new(time("10:00:00"), time("11:00:00"), 4).within(3 * EACH);
        let found = |text: &str| Found {
            line: Line {
                time: time("10:30:00"),
                project: String::new(),
                environment: String::new(),
                component: String::new(),
                pod: String::new(),
                container: String::new(),
                file: None,
                text: text.into(),
                origin: Origin::Archive,
            },
            exact: true,
            resent: false,
            place: crate::archive::Place { object: "a".into(), offset: 0 },
        };
        let known: Vec<bool> = ["a", "b", "a", "c", "d"].map(|text| histogram.is_new(&found(text))).to_vec();
        assert_eq!(known, [true, true, false, true, true]);
        assert!(histogram.rough && histogram.known.len() == 3);
    }
}
