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

mod shelf;

pub use shelf::{Open, Shelf, Store};

/// Which ConfigMaps these are.
pub(crate) const LABEL: &str = "outboard.dev/audit";
/// Their names begin so, and no others that the server writes do.
pub(crate) const BEGIN: &str = "outboard-audit-";
const MANAGER: &str = "outboard-server";
/// Written whole each time, so not as long as a ConfigMap may be.
const LONGEST: usize = 64_000;
/// No day of people and CI has more; whoever sends more than that fills no disk with it. They stand in the log.
const MOST_A_DAY: u32 = 50_000;
/// … and nobody hides what others did, or what they did themselves, behind very many of their own.
const EACH_A_DAY: u32 = 10_000;
/// The same in bytes: etcd has room for a few thousand millions of them, and a month of days is kept.
const BYTES_A_DAY: usize = 20_000_000;
const BYTES_EACH_A_DAY: usize = 4_000_000;
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
    /// What differs, as far as that is known before it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// As HTTP says it.
    pub status: u16,
}

/// Lines that are kept, and those that wait to be.
pub struct Journal {
    /// The object that is written to, for whoever must not take it for whole.
    open: Open,
    /// Since when, if it is to be whole soon; and after how long that is.
    since: Option<Timestamp>,
    closes: Option<SignedDuration>,
    /// Whether a bucket is to have them, too.
    stored: bool,
    /// What tells the objects of this server from those of others.
    mark: String,
    days: i64,
    waiting: VecDeque<(String, String)>,
    /// The object that is written to: its day, its number, its lines. No number comes twice, whatever day it is of.
    day: String,
    number: u32,
    lines: String,
    /// Kubernetes refused several lines together: it is looked for the one that it does not take.
    one_by_one: bool,
    today: Today,
}

/// The newest day that there was a line of.
#[derive(Default)]
struct Today {
    day: String,
    filled: Filled,
    people: BTreeMap<String, Theirs>,
}

/// What one person filled of a day.
#[derive(Default)]
struct Theirs {
    filled: Filled,
    /// The groups that they were named with last.
    named: Option<Vec<String>>,
}

#[derive(Default)]
struct Filled {
    lines: u32,
    bytes: usize,
}

impl Filled {
    /// What was refused may fill half of it only, so that whoever may do nothing hides nothing that was done.
    fn is_full(&self, lines: u32, bytes: usize, refused: bool) -> bool {
        let (lines, bytes) = if refused { (lines / 2, bytes / 2) } else { (lines, bytes) };
        self.lines >= lines || self.bytes >= bytes
    }

    fn add(&mut self, bytes: usize) {
        self.lines += 1;
        self.bytes += bytes;
    }
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
        let today = &mut self.today;
        if today.day < day {
            *today = Today { day: day.clone(), ..Today::default() };
        }
        let refused = (400..500).contains(&record.status);
        if today.filled.is_full(MOST_A_DAY, BYTES_A_DAY, refused) {
            return 1;
        }
        let theirs = today.people.entry(record.who.clone()).or_default();
        if theirs.filled.is_full(EACH_A_DAY, BYTES_EACH_A_DAY, refused) {
            return 1;
        }
        let mut record = record.clone();
        // Once a day, and again when they are others.
        let groups = std::mem::take(&mut record.groups);
        if theirs.named.as_ref() != Some(&groups) {
            record.groups.clone_from(&groups);
        }
        let line = serde_json::to_string(&record).unwrap_or_default();
        // Whoever asks cuts what they say; one that is longer than an object would stop all behind it.
        if line.len() > LONGEST {
            return 1;
        }
        theirs.named = Some(groups);
        theirs.filled.add(line.len());
        today.filled.add(line.len());
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
                if self.stored && !shelf::is_stored(&object.metadata) {
                    tracing::warn!(target: "audit", name, "{name} is deleted after {} days, and was not stored in the bucket", self.days);
                }
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

/// Whether the same, asked again, is refused again.
fn is_for_good(code: u16) -> bool {
    matches!(code, 400 | 413 | 422)
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

    #[test]
    fn an_object_that_was_closed_is_never_written_to_again() {
        let mut journal = Journal::new("abc", 30).closing(SignedDuration::from_hours(1));
        let begun = Timestamp::UNIX_EPOCH;
        let write = |journal: &mut Journal, second: i64| {
            journal.add(&record(second, "x"));
            journal.close_old(begun + SignedDuration::from_secs(second));
            let (name, lines, taken) = journal.next().unwrap();
            if journal.open.tell(&name) {
                journal.since = Some(begun + SignedDuration::from_secs(second));
            }
            journal.lines = lines;
            journal.waiting.drain(..taken);
            name
        };
        let first = write(&mut journal, 0);
        assert_eq!(write(&mut journal, 3_599), first);
        assert_ne!(write(&mut journal, 3_600), first);
        let open = journal.open();
        assert!(!open.is_whole(&format!("{BEGIN}19700101-abc-2"), "abc") && open.is_whole(&first, "abc"));
        journal.close();
        assert!(open.is_whole(&format!("{BEGIN}19700101-abc-2"), "abc"));
        assert!(!write(&mut journal, 3_601).ends_with("-2"));
    }

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
            diff: None,
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
        assert_eq!((journal.today.filled.lines, journal.add(&of(11, 0))), (MOST_A_DAY, 1));
        assert!(journal.waiting.len() <= MOST);
        assert_eq!(journal.add(&of(0, 86_400)), 1, "the oldest that waits");
        assert!(journal.waiting.back().is_some_and(|(day, _)| day == "19700102"));
    }

    #[test]
    fn a_day_has_its_end_in_bytes_too() {
        let mut journal = Journal::new("abc", 30);
        let long = "x".repeat(5_000);
        let of = |who: u32, second: i64| Record { who: who.to_string(), ..record(second, &long) };
        let kept = (0..EACH_A_DAY).filter(|_| journal.add(&of(0, 0)) == 0).count();
        assert!(kept < 800, "{kept}");
        assert_eq!(journal.add(&of(1, 0)), 0, "it is their own day alone that they filled");
        for who in 1..10 {
            for _ in 0..1_000 {
                journal.add(&of(who, 0));
            }
        }
        let bytes: usize = journal.waiting.iter().map(|(_, line)| line.len()).sum();
        assert!((BYTES_A_DAY..BYTES_A_DAY + 6_000).contains(&bytes), "{bytes}");
        assert_eq!(journal.add(&of(11, 0)), 1);
        assert_eq!(journal.add(&of(0, 86_400)), 0, "the next day begins anew");
    }

    #[test]
    fn a_line_that_no_object_has_room_for_stops_none_behind_it() {
        let mut journal = Journal::new("abc", 30);
        assert_eq!(journal.add(&record(0, &"x".repeat(LONGEST))), 1);
        assert_eq!(journal.add(&record(0, "x")), 0);
        assert_eq!((journal.waiting.len(), journal.today.filled.lines), (1, 1));
    }

    #[test]
    fn what_was_refused_leaves_half_of_a_day_to_what_was_done() {
        let mut journal = Journal::new("abc", 30);
        let of = |who: u32, status: u16| Record { who: who.to_string(), status, ..record(0, "x") };
        for who in 0..10 {
            for _ in 0..EACH_A_DAY {
                journal.add(&of(who, 403));
            }
        }
        assert_eq!(journal.today.filled.lines, MOST_A_DAY / 2);
        assert_eq!((journal.add(&of(11, 403)), journal.today.people.contains_key("11")), (1, false));
        // Of the twenty thousand that wait the oldest goes for it.
        assert!(journal.waiting.len() == MOST && journal.add(&of(0, 200)) == 1);
        assert!(journal.waiting.back().is_some_and(|(_, line)| line.contains(r#""status":200"#)));
        assert_eq!(journal.today.filled.lines, MOST_A_DAY / 2 + 1);
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
    async fn a_line_that_is_refused_for_good_goes_and_those_behind_it_are_written() {
        for code in [400, 413, 422] {
            // All three, then the first, then the second, which is the one.
            let cluster = crate::fake::cluster(move |count, _| match count {
                0 | 2 => crate::fake::status(code, "no", "Invalid"),
                _ => Some((
                    200,
                    serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
                )),
            });
            let mut journal = Journal::new("abc", 30);
            for what in ["first", "second", "third"] {
                journal.add(&record(0, what));
            }
            assert!(journal.write(&cluster).await.is_err());
            assert_eq!(journal.waiting.len(), 1);
            journal.write(&cluster).await.unwrap();
            assert!(journal.is_written());
            let kept = ["first", "second", "third"].map(|what| journal.lines.contains(what));
            assert_eq!(kept, [true, false, true]);
        }
    }

    #[tokio::test]
    async fn where_kubernetes_takes_nothing_at_all_one_line_goes_each_time() {
        let cluster = crate::fake::cluster(|_, _| crate::fake::status(422, "no", "Invalid"));
        let mut journal = Journal::new("abc", 30);
        for second in 0..10 {
            journal.add(&record(second, "x"));
        }
        assert!(journal.write(&cluster).await.is_err());
        assert_eq!(journal.waiting.len(), 9);
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
