//! The file that describes a copy: who from, who to, what, masked how, how gently. Secrets are named, never written.

use std::fmt;
use std::path::{Path, PathBuf};

use api::{MaskSpec, Problem};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::masks::Keyed;
use crate::plan::policy::Columns;

/// What is copied: it decides what else a job's file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Store {
    #[default]
    MariaDb,
    Redis,
    S3,
}

/// A file that cannot be read as far as that is MariaDB's: reading it whole tells why.
pub fn store(file: &Path) -> Store {
    #[derive(Deserialize)]
    struct Tag {
        #[serde(default)]
        store: Store,
    }
    let tag = std::fs::read_to_string(file).ok().and_then(|text| serde_saphyr::from_str::<Tag>(&text).ok());
    tag.map(|tag| tag.store).unwrap_or_default()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    #[expect(dead_code, reason = "read before, to know that this is such a job")]
    store: Option<Store>,
    pub source: Endpoint,
    pub target: Endpoint,
    pub databases: Vec<String>,
    /// Whether databases of these names on the target may be dropped.
    #[serde(default)]
    pub replace: bool,
    #[serde(default)]
    pub masks: Masks,
    #[serde(default)]
    pub limits: Limits,
    /// Who owns views, routines, triggers and events [default: the target's user].
    pub definer: Option<Account>,
    /// Whether events run on the target.
    #[serde(default)]
    pub events: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    pub host: String,
    #[serde(default = "port")]
    pub port: u16,
    pub user: String,
    pub password_file: Option<PathBuf>,
    /// Name of an environment variable.
    pub password_env: Option<String>,
    pub tls: Option<Tls>,
}

fn port() -> u16 {
    3306
}

impl Endpoint {
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// Certificates to trust, in PEM, instead of those that everybody trusts.
    pub ca_file: Option<PathBuf>,
    /// What is shown to a server that wants to know who asks, in PEM, and its key.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

impl Tls {
    /// Certificate and key.
    pub fn identity(&self) -> Option<(&Path, &Path)> {
        self.certificate_file.as_deref().zip(self.key_file.as_deref())
    }

    /// What is wrong with it, of the end at `place`.
    pub fn problems(&self, place: &str) -> Vec<Problem> {
        let mut problems = vec![];
        if self.certificate_file.is_some() != self.key_file.is_some() {
            problems.push(
                Problem::new(format!("{place}/tls"), "has half of a certificate")
                    .hint("say certificateFile and keyFile, or neither"),
            );
        }
        let files = [
            ("caFile", &self.ca_file),
            ("certificateFile", &self.certificate_file),
            ("keyFile", &self.key_file),
        ];
        for (name, file) in files {
            if let Some(Err(error)) = file.as_ref().map(std::fs::read) {
                problems
                    .push(Problem::new(format!("{place}/tls/{name}"), format!("cannot be read: {error}")));
            }
        }
        problems
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    pub user: String,
    pub host: String,
}

impl Account {
    pub fn sql(&self) -> String {
        use crate::plan::schema::ident;
        format!("{}@{}", ident(&self.user), ident(&self.host))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Masks {
    /// What masks are drawn from; the same key gives the same masks.
    pub key_file: Option<PathBuf>,
    /// Whether columns that are not named are emptied.
    #[serde(default)]
    pub deny: bool,
    /// `DATABASE.TABLE.COLUMN` and its mask; `null` empties.
    #[serde(default)]
    pub columns: std::collections::BTreeMap<String, Option<MaskSpec>>,
}

impl Masks {
    pub fn columns(&self) -> Columns {
        let empty = MaskSpec::Null;
        self.columns
            .iter()
            .map(|(name, mask)| (name.clone(), mask.clone().unwrap_or(empty.clone())))
            .collect()
    }

    pub fn any(&self) -> bool {
        self.deny || !self.columns.is_empty()
    }
}

/// Read again while a copy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    pub connections: usize,
    pub bytes_per_second: Option<u64>,
    /// The source is left alone while it runs more statements than this besides ours.
    pub threads_running: u64,
    /// And while it answers the simplest question later than this.
    pub latency_millis: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4, bytes_per_second: None, threads_running: 50, latency_millis: 1000 }
    }
}

/// A value that no log shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(value: &str) -> Self {
        Self(value.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
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
    read_for(file, true)
}

/// The same for who only looks at the source: the target may be the same.
pub fn read_source(file: &Path) -> Result<Ready> {
    read_for(file, false)
}

fn read_for(file: &Path, both: bool) -> Result<Ready> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::Job(vec![Problem::new(file.display().to_string(), error.to_string())]))?;
    let job: Job = serde_saphyr::from_str(&text)
        .map_err(|error| Error::Job(vec![Problem::new(file.display().to_string(), error.to_string())]))?;
    let mut problems = vec![];
    let mut secret = |place: &str, file: Option<&Path>, variable: Option<&str>| {
        lookup(file, variable).unwrap_or_else(|problem| {
            problems.push(Problem::new(place, problem));
            None
        })
    };
    let source_password =
        secret("/source", job.source.password_file.as_deref(), job.source.password_env.as_deref());
    let target_password =
        secret("/target", job.target.password_file.as_deref(), job.target.password_env.as_deref());
    let key = secret("/masks/keyFile", job.masks.key_file.as_deref(), None);
    problems.extend(check(&job, key.as_ref(), both));
    if problems.is_empty() {
        let keyed = key.map(|key| Keyed::new(key.expose().as_bytes()));
        Ok(Ready { job, source_password, target_password, keyed })
    } else {
        Err(Error::Job(problems))
    }
}

/// Only the limits, as they stand in the file now; none: it cannot be read, or not yet.
pub fn limits(file: &Path) -> Option<Limits> {
    let job: Job = serde_saphyr::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    (job.limits.bytes_per_second != Some(0)).then_some(job.limits)
}

/// Only how many bytes a second may be read, whatever is copied; none: it cannot be read, or not yet.
pub fn rate(file: &Path) -> Option<Option<u64>> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Rate {
        bytes_per_second: Option<u64>,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        limits: Rate,
    }
    let said: Said = serde_saphyr::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    (said.limits.bytes_per_second != Some(0)).then_some(said.limits.bytes_per_second)
}

pub(crate) fn lookup(
    file: Option<&Path>,
    variable: Option<&str>,
) -> std::result::Result<Option<Secret>, String> {
    let value = match (file, variable) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err("passwordFile and passwordEnv are both there: keep one".to_owned()),
        (Some(file), None) => std::fs::read_to_string(file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
        (None, Some(name)) => std::env::var(name).map_err(|_| format!("variable {name} is not set"))?,
    };
    Ok(Some(Secret(value.trim_end_matches(['\n', '\r']).to_owned())))
}

fn check(job: &Job, key: Option<&Secret>, both: bool) -> Vec<Problem> {
    /// Of MariaDB itself.
    const SYSTEM: &[&str] = &["mysql", "information_schema", "performance_schema", "sys", crate::LEDGER];
    let mut problems = vec![];
    if job.databases.is_empty() {
        problems.push(Problem::new("/databases", "is empty").hint("name the databases to copy"));
    }
    for (index, name) in job.databases.iter().enumerate() {
        let place = format!("/databases/{index}");
        if SYSTEM.contains(&name.to_lowercase().as_str()) {
            problems.push(Problem::new(&place, format!("{name} is not copied: it belongs to the server")));
        }
        if name.contains('.') {
            problems.push(Problem::new(
                &place,
                format!("{name} has a dot in its name, which cannot be copied yet"),
            ));
        }
        if job.databases.iter().take(index).any(|other| other == name) {
            problems.push(Problem::new(&place, format!("{name} stands there twice")));
        }
    }
    if both && (&job.source.host, job.source.port) == (&job.target.host, job.target.port) {
        problems.push(Problem::new("/target", "is the source").hint("a copy goes to another server"));
    }
    for (place, end) in [("/source", &job.source), ("/target", &job.target)] {
        problems.extend(end.tls.iter().flat_map(|tls| tls.problems(place)));
    }
    if !(1..=32).contains(&job.limits.connections) {
        problems.push(Problem::new("/limits/connections", "has to be between 1 and 32"));
    }
    if job.limits.bytes_per_second == Some(0) {
        problems.push(Problem::new("/limits/bytesPerSecond", "has to be more than 0"));
    }
    if job.masks.any() && key.is_none_or(|key| key.expose().len() < 16) {
        problems.push(
            Problem::new("/masks/keyFile", "masks need a key of at least 16 characters")
                .hint("with a key that can be guessed, masks can be undone by trying values"),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> Job {
        serde_saphyr::from_str(text).unwrap()
    }

    const ENDS: &str = "source: {host: a, user: u}\ntarget: {host: b, user: u}\n";

    #[test]
    fn masks_are_written_as_words_or_with_what_they_need() {
        let job = job(&format!(
            "{ENDS}databases: [shop]\nmasks:\n  columns:\n    shop.users.email: email\n    shop.users.note: null\n    \
             shop.users.password: {{constant: secret}}\n    shop.users.born: {{dateShift: 30}}\n    \
             shop.orders.data: {{json: {{$.customer.email: email}}}}\n"
        ));
        let columns = job.masks.columns();
        assert_eq!(columns["shop.users.email"], MaskSpec::Email);
        assert_eq!(columns["shop.users.note"], MaskSpec::Null);
        assert_eq!(columns["shop.users.password"], MaskSpec::Constant("secret".into()));
        assert_eq!(
            columns["shop.orders.data"],
            MaskSpec::Json([("$.customer.email".into(), MaskSpec::Email)].into())
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let job = job("source: {host: a, user: u}\ntarget: {host: a, user: u}\ndatabases: [mysql, x, x]\n\
             limits: {connections: 0, bytesPerSecond: 0}\nmasks: {deny: true}\n");
        let lines: Vec<String> = Error::Job(check(&job, None, true)).details();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_saphyr::from_str::<Job>(&format!("{ENDS}databases: [a]\nspeed: fast\n")).is_err());
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret("x".into())), "Secret(…)");
    }
}
