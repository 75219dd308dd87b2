//! The file that describes a copy of Redis: `store: redis`, then who from, who to, which keys, masked how, how gently.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::{MaskSpec, Problem};
use serde::{Deserialize, Deserializer, Serialize};

use super::plan::{names, rules};
use crate::error::{Error, Result};
use crate::job::{Secret, Store, Tls, lookup};
use crate::masks::Keyed;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    #[expect(dead_code, reason = "read before, to know that this is such a job")]
    store: Store,
    pub source: Endpoint,
    pub target: Endpoint,
    /// Read a replica of the source, where there is one.
    #[serde(default)]
    pub from_replica: bool,
    /// By number [default: every one that holds keys].
    pub databases: Option<Vec<u32>>,
    #[serde(default)]
    pub keys: Keys,
    /// What becomes of keys that the target has [default: it must have none of those that are copied].
    pub existing: Option<Existing>,
    #[serde(default = "yes")]
    pub functions: bool,
    /// Whether keys are copied as of one moment, out of a snapshot of the source [default: if it gives one].
    pub snapshot: Option<bool>,
    /// How often everything is looked at without one: the first time copies, each later one takes what changed meanwhile.
    #[serde(default = "passes")]
    pub passes: u32,
    #[serde(default)]
    pub masks: Masks,
    #[serde(default)]
    pub limits: Limits,
}

fn yes() -> bool {
    true
}

fn passes() -> u32 {
    2
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    pub host: String,
    #[serde(default = "port")]
    pub port: u16,
    /// Of the server's access list [default: the default user].
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    /// Name of an environment variable.
    pub password_env: Option<String>,
    pub tls: Option<Tls>,
    /// What a source may take, where that is less than its machine has.
    pub memory_bytes: Option<u64>,
}

fn port() -> u16 {
    6379
}

impl Endpoint {
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Keys {
    /// Patterns [default: every key].
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// Beginnings of names, and what stands there instead.
    pub rename: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Written over; what else the target has stays.
    Replace,
    /// Left as they are.
    Skip,
    /// Written over, and those that the source does not have are removed.
    Wipe,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Masks {
    /// What masks are drawn from; the same key gives the same masks, in databases too.
    pub key_file: Option<PathBuf>,
    /// Keys that no rule names are left out; of the others, what none names is emptied.
    pub deny: bool,
    pub values: Vec<MaskRule>,
}

impl Masks {
    pub fn any(&self) -> bool {
        self.deny || !self.values.is_empty()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaskRule {
    /// A pattern.
    pub keys: String,
    /// A pattern for fields of hashes and streams [default: every value].
    pub field: Option<String>,
    /// `null` empties.
    #[serde(deserialize_with = "said")]
    pub mask: Option<MaskSpec>,
}

/// Nothing, but said: a mask that was forgotten is an error.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<MaskSpec>, D::Error> {
    Option::deserialize(deserializer)
}

/// Read again while a copy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    pub connections: usize,
    pub bytes_per_second: Option<u64>,
    pub keys_per_second: Option<u64>,
    /// The source is asked less while it answers PING later than this.
    pub latency_millis: u64,
    /// And while its main thread is busier than this, of 100.
    pub cpu_percent: Option<u64>,
    /// And while it carries out more commands a second than this besides ours.
    pub commands_per_second: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4,
            bytes_per_second: None,
            keys_per_second: None,
            latency_millis: 50,
            cpu_percent: None,
            commands_per_second: None,
        }
    }
}

/// A job with its secrets.
#[derive(Clone, Debug)]
pub struct Ready {
    pub job: Job,
    pub source_password: Option<Secret>,
    pub target_password: Option<Secret>,
    pub keyed: Option<Keyed>,
}

/// Reads and checks a job; every problem at once.
pub fn read(file: &Path) -> Result<Ready> {
    let wrong = |error: String| Error::Job(vec![Problem::new(file.display().to_string(), error)]);
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let job: Job = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut problems = vec![];
    let mut secret = |place: &str, file: Option<&Path>, variable: Option<&str>| {
        lookup(file, variable).unwrap_or_else(|problem| {
            problems.push(Problem::new(place, problem));
            None
        })
    };
    let mut of = |place: &str, end: &Endpoint| {
        secret(place, end.password_file.as_deref(), end.password_env.as_deref())
    };
    let (source_password, target_password) = (of("/source", &job.source), of("/target", &job.target));
    let key = secret("/masks/keyFile", job.masks.key_file.as_deref(), None);
    problems.extend(check(&job, key.as_ref()));
    if !problems.is_empty() {
        return Err(Error::Job(problems));
    }
    let keyed = key.map(|key| Keyed::new(key.expose().as_bytes()));
    Ok(Ready { job, source_password, target_password, keyed })
}

/// Only the limits, as they stand in the file now; none: it cannot be read, or not yet.
pub fn limits(file: &Path) -> Option<Limits> {
    let job: Job = serde_saphyr::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    limit_problems(&job.limits).is_empty().then_some(job.limits)
}

fn check(job: &Job, key: Option<&Secret>) -> Vec<Problem> {
    let mut problems = vec![];
    if (&job.source.host, job.source.port) == (&job.target.host, job.target.port) {
        problems.push(Problem::new("/target", "is the source").hint("a copy goes to another server"));
    }
    for (place, end) in [("/source", &job.source), ("/target", &job.target)] {
        problems.extend(end.tls.iter().flat_map(|tls| tls.problems(place)));
        if end.user.is_some() && end.password_file.is_none() && end.password_env.is_none() {
            problems.push(
                Problem::new(place, "has a user without a password").hint("say passwordFile or passwordEnv"),
            );
        }
    }
    let databases = job.databases.as_deref().unwrap_or_default();
    if job.databases.is_some() && databases.is_empty() {
        problems.push(Problem::new("/databases", "is empty").hint("leave it out to copy every one"));
    }
    for (index, number) in databases.iter().enumerate() {
        if databases.iter().take(index).any(|other| other == number) {
            problems
                .push(Problem::new(format!("/databases/{index}"), format!("{number} stands there twice")));
        }
    }
    problems.extend(names::problems(&job.keys.rename));
    if !(1..=10).contains(&job.passes) {
        problems.push(Problem::new("/passes", "has to be between 1 and 10"));
    }
    problems.extend(limit_problems(&job.limits));
    problems.extend(rules::problems(&job.masks.values));
    if job.masks.any() && key.is_none_or(|key| key.expose().len() < 16) {
        problems.push(
            Problem::new("/masks/keyFile", "masks need a key of at least 16 characters")
                .hint("with a key that can be guessed, masks can be undone by trying values"),
        );
    }
    problems
}

fn limit_problems(limits: &Limits) -> Vec<Problem> {
    let mut problems = vec![];
    if !(1..=32).contains(&limits.connections) {
        problems.push(Problem::new("/limits/connections", "has to be between 1 and 32"));
    }
    let zero = [
        ("bytesPerSecond", limits.bytes_per_second),
        ("keysPerSecond", limits.keys_per_second),
        ("cpuPercent", limits.cpu_percent),
        ("latencyMillis", Some(limits.latency_millis)),
    ];
    for (name, _) in zero.iter().filter(|(_, limit)| *limit == Some(0)) {
        problems.push(Problem::new(format!("/limits/{name}"), "has to be more than 0"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> std::result::Result<Job, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_job_says_only_what_it_wants_otherwise() {
        let job = job("store: redis\nsource: {host: a}\ntarget: {host: b}\n").unwrap();
        assert_eq!((job.source.port, job.passes, job.functions, job.existing), (6379, 2, true, None));
        assert!(check(&job, None).is_empty());
    }

    #[test]
    fn masks_are_written_as_words_or_with_what_they_need_and_never_forgotten() {
        let text = "store: redis\nsource: {host: a}\ntarget: {host: b}\nmasks:\n  values:\n    \
             - {keys: 'user:*', field: email, mask: email}\n    - {keys: 'note:*', mask: null}\n";
        let job = job(text).unwrap();
        let masks: Vec<_> = job.masks.values.iter().map(|rule| rule.mask.clone()).collect();
        assert_eq!(masks, [Some(MaskSpec::Email), None]);
        assert!(self::job(&text.replace(", mask: null", "")).is_err());
    }

    #[test]
    fn a_certificate_to_show_has_a_key_and_both_can_be_read() {
        let tls = "{certificateFile: /nowhere/tls.crt, keyFile: /nowhere/tls.key}";
        let text =
            |tls: &str| format!("store: redis\nsource: {{host: a, tls: {tls}}}\ntarget: {{host: b}}\n");
        let told = |tls: &str| Error::Job(check(&job(&text(tls)).unwrap(), None)).details().join("\n");
        assert_eq!(
            told("{keyFile: /dev/null}"),
            "/source/tls: has half of a certificate (say certificateFile and keyFile, or neither)"
        );
        let unread = told(tls);
        for place in ["/source/tls/certificateFile: cannot be read", "/source/tls/keyFile: cannot be read"] {
            assert!(unread.contains(place), "{unread}");
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let job = job(
            "store: redis\nsource: {host: a, user: u}\ntarget: {host: a}\ndatabases: [0, 0]\npasses: 0\n\
             keys: {rename: {a: x, b: x, c: 'outboard:copy:'}}\nlimits: {connections: 0, cpuPercent: 0}\n\
             masks: {values: [{keys: 'a:*', mask: {json: {email: email}}}]}\n",
        );
        let lines: Vec<String> = Error::Job(check(&job.unwrap(), None)).details();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
