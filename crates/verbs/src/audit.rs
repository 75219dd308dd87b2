//! Who changed what through the server: kept as ConfigMaps of lines, for some days. Each server writes objects of its own, so
//! that none waits for another; what cannot be written now is written later, and stands in the server's log anyway.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde::Serialize;

use crate::operator::NAMESPACE;
use crate::{Cluster, Result};

/// Which ConfigMaps these are.
const LABEL: &str = "outboard.dev/audit";
/// Their names begin so, and no others that the server writes do.
pub(crate) const BEGIN: &str = "outboard-audit-";
const MANAGER: &str = "outboard-server";
/// Written whole each time, so not as long as a ConfigMap may be.
const LONGEST: usize = 64_000;
/// No day of people and CI has more; whoever sends more than that fills no disk with it. They stand in the log.
const MOST_A_DAY: u32 = 50_000;
/// … and nobody hides what others did, or what they did themselves, behind very many of their own.
const EACH_A_DAY: u32 = 10_000;
/// Lines that wait while Kubernetes does not answer; then the oldest go. They are in the log.
const MOST: usize = 20_000;

/// One change that was asked for, whatever became of it. No value of it is a secret: it says what, not with which content.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub time: Timestamp,
    /// As the provider calls them.
    pub who: String,
    /// With their first line of a day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Address that the request came from.
    pub from: String,
    /// By page, by program or by the command line.
    pub by: &'static str,
    pub method: String,
    pub path: String,
    /// In words, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// As HTTP says it.
    pub status: u16,
}

/// Lines that are kept, and those that wait to be.
pub struct Journal {
    /// What tells the objects of this server from those of others.
    mark: String,
    days: i64,
    waiting: VecDeque<(String, String)>,
    /// The object that is written to: its day, its number, its lines. No number comes twice, whatever day it is of.
    day: String,
    number: u32,
    lines: String,
    today: Today,
}

/// The newest day that there was a line of.
#[derive(Default)]
struct Today {
    day: String,
    count: u32,
    /// By who it was: how many lines, and with which groups they were named last.
    people: BTreeMap<String, (u32, Option<Vec<String>>)>,
}

impl Journal {
    pub fn new(mark: &str, days: u16) -> Self {
        Self {
            mark: mark.to_owned(),
            days: days.into(),
            waiting: VecDeque::new(),
            day: String::new(),
            number: 0,
            lines: String::new(),
            today: Today::default(),
        }
    }

    /// Takes a line; how many had to go for it.
    pub fn add(&mut self, record: &Record) -> usize {
        let day = day(record.time);
        let today = &mut self.today;
        if today.day < day {
            *today = Today { day: day.clone(), ..Today::default() };
        }
        let (theirs, named) = today.people.entry(record.who.clone()).or_default();
        if today.count >= MOST_A_DAY || *theirs >= EACH_A_DAY {
            return 1;
        }
        today.count += 1;
        *theirs += 1;
        let mut record = record.clone();
        // Once a day, and again when they are others.
        if named.as_ref() == Some(&record.groups) {
            record.groups.clear();
        } else {
            *named = Some(record.groups.clone());
        }
        let line = serde_json::to_string(&record).unwrap_or_default();
        self.waiting.push_back((day, line));
        let over = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..over);
        over
    }

    pub fn is_written(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Writes what waits. What is not written waits on.
    pub async fn write(&mut self, cluster: &Cluster) -> Result<()> {
        while let Some((name, lines, taken)) = self.next() {
            let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), NAMESPACE);
            let labels = BTreeMap::from([
                ("app.kubernetes.io/managed-by".to_owned(), "outboard".to_owned()),
                (LABEL.to_owned(), self.day.clone()),
            ]);
            let mut object =
                ConfigMap { data: Some([("lines".to_owned(), lines.clone())].into()), ..Default::default() };
            (object.metadata.name, object.metadata.labels) = (Some(name.clone()), Some(labels));
            let parameters = PatchParams::apply(MANAGER).force();
            api.patch(&name, &parameters, &Patch::Apply(&object))
                .await
                .map_err(|error| cluster.explain(error))?;
            self.lines = lines;
            self.waiting.drain(..taken);
        }
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
            if *day != self.day || (taken > 0 && lines.len() + line.len() > LONGEST) {
                break;
            }
            lines.push_str(line);
            lines.push('\n');
            taken += 1;
        }
        Some((format!("{BEGIN}{}-{}-{}", self.day, self.mark, self.number), lines, taken))
    }

    /// Deletes what has been kept long enough, whichever server wrote it.
    pub async fn sweep(&self, cluster: &Cluster, now: Timestamp) -> Result<usize> {
        let api = Api::<ConfigMap>::namespaced(cluster.client.clone(), NAMESPACE);
        let all = ListParams::default().labels(LABEL);
        let all = api.list_metadata(&all).await.map_err(|error| cluster.explain(error))?;
        let kept = day(now - SignedDuration::from_hours(24 * self.days));
        let mut deleted = 0;
        for object in all.items {
            let of = object.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL));
            if let (Some(name), true) = (&object.metadata.name, of.is_some_and(|of| is_day(of) && *of < kept))
            {
                match api.delete(name, &DeleteParams::default()).await {
                    Ok(_) => deleted += 1,
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(cluster.explain(error)),
                }
            }
        }
        Ok(deleted)
    }
}

/// In UTC, so that days follow each other as their names do.
fn day(time: Timestamp) -> String {
    time.strftime("%Y%m%d").to_string()
}

fn is_day(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(second: i64, what: &str) -> Record {
        Record {
            time: Timestamp::from_second(second).unwrap(),
            who: "ann".into(),
            groups: vec![],
            from: "192.0.2.1".into(),
            by: "page",
            method: "POST".into(),
            path: "/plans/1/carry-out".into(),
            what: Some(what.into()),
            status: 303,
        }
    }

    fn names(journal: &mut Journal) -> Vec<(String, usize)> {
        let mut names = vec![];
        while let Some((name, lines, taken)) = journal.next() {
            names.push((name, lines.lines().count()));
            journal.lines = lines;
            journal.waiting.drain(..taken);
        }
        names
    }

    #[test]
    fn lines_go_to_the_object_of_their_day_and_no_object_is_begun_twice() {
        let mut journal = Journal::new("abc", 30);
        for second in [0, 1, 86_400, 86_399, 86_401] {
            journal.add(&record(second, "x"));
        }
        let name = |day: &str, number: u32| format!("outboard-audit-{day}-abc-{number}");
        // A line that comes late, after the first of the next day, does not take the place of those before it.
        let wanted = [
            (name("19700101", 1), 2),
            (name("19700102", 2), 1),
            (name("19700101", 3), 1),
            (name("19700102", 4), 1),
        ];
        assert_eq!(names(&mut journal), wanted);
    }

    #[test]
    fn a_full_object_is_followed_by_another() {
        let mut journal = Journal::new("abc", 30);
        for second in 0..1_000 {
            journal.add(&record(second, &"x".repeat(100)));
        }
        let names = names(&mut journal);
        assert!(names.len() > 2, "{names:?}");
        assert_eq!(names.iter().map(|(_, lines)| lines).sum::<usize>(), 1_000);
        assert!(names.windows(2).all(|two| two[0].0 != two[1].0), "{names:?}");
    }

    #[test]
    fn a_day_ends_where_somebody_only_fills_it_and_the_next_begins_anew() {
        let mut journal = Journal::new("abc", 30);
        let of = |who: u32, second: i64| Record { who: who.to_string(), ..record(second, "x") };
        let kept = (0..EACH_A_DAY + 5).filter(|_| journal.add(&of(0, 0)) == 0).count();
        assert_eq!(u32::try_from(kept), Ok(EACH_A_DAY));
        // It is their own day alone that they filled.
        assert_eq!(journal.add(&of(1, 0)), 0);
        for who in 1..10 {
            for _ in 0..EACH_A_DAY {
                journal.add(&of(who, 0));
            }
        }
        assert_eq!((journal.today.count, journal.add(&of(11, 0))), (MOST_A_DAY, 1));
        assert!(journal.waiting.len() <= MOST);
        assert_eq!(journal.add(&of(0, 86_400)), 1, "the oldest that waits");
        assert!(journal.waiting.back().is_some_and(|(day, _)| day == "19700102"));
    }

    #[test]
    fn groups_are_named_once_a_day() {
        let mut journal = Journal::new("abc", 30);
        let grouped = |second: i64, groups: &[&str]| Record {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..record(second, "x")
        };
        for one in [grouped(0, &["dev"]), grouped(1, &["dev"]), grouped(2, &["qa"]), grouped(86_400, &["qa"])]
        {
            journal.add(&one);
        }
        let named: Vec<bool> = journal.waiting.iter().map(|(_, line)| line.contains("groups")).collect();
        assert_eq!(named, [true, false, true, true]);
    }

    #[test]
    fn of_too_many_the_oldest_go_and_that_is_told() {
        let mut journal = Journal::new("abc", 30);
        let of = |second: usize| Record {
            who: (second % 7).to_string(),
            ..record(second.try_into().unwrap(), "x")
        };
        let gone: usize = (0..MOST + 3).map(|second| journal.add(&of(second))).sum();
        assert_eq!((gone, journal.waiting.len()), (3, MOST));
    }

    #[tokio::test]
    async fn what_cannot_be_written_waits_and_is_written_once() {
        let cluster = crate::fake::cluster(|count, _| match count {
            0 => crate::fake::status(503, "not now", "ServiceUnavailable"),
            _ => Some((
                200,
                serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
            )),
        });
        let mut journal = Journal::new("abc", 30);
        journal.add(&record(0, "first"));
        assert!(journal.write(&cluster).await.is_err());
        assert!(!journal.is_written());
        journal.write(&cluster).await.unwrap();
        assert!(journal.is_written());
    }
}
