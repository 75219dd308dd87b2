//! Why a verb could not do what it was asked, as values. Words and hints are the surface's business.

mod kubernetes;

pub use kubernetes::{is_missing_kind, is_outage, root_cause};

use std::time::Duration;

use api::Verdict;
use api::datacopy::TargetState;
use api::names::NameError;
use thiserror::Error;

use crate::file::BrokenFile;
use crate::inside::Trouble;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Error)]
pub enum Error {
    #[error("no kubeconfig was found")]
    NoKubeconfig { looked_at: String },
    #[error("failed to read the kubeconfig")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    #[error("the kubeconfig has no context `{context}`")]
    UnknownContext { context: String, known: Vec<String> },
    #[error("no namespace is known")]
    NoNamespace,
    #[error("whether somebody may `{deed}` depends on the environment")]
    WhichEnvironment { deed: &'static str },

    #[error("{} is no address to send your token to: in clear everybody on the way reads it", server.escape_debug())]
    InClear { server: String },
    #[error("cannot reach the cluster at {server}: {reason}")]
    Unreachable { server: String, reason: String },
    #[error("the cluster at {server} stopped answering for {seconds} s: {reason}")]
    WentAway { server: String, seconds: u64, reason: String },
    #[error("the cluster at {server} does not accept your credentials{}", .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Unauthorized {
        server: String,
        /// In words of whoever refused, if they say more than that.
        reason: Option<String>,
    },
    #[error("Kubernetes refused: {}", .0.message)]
    Forbidden(Box<Forbidden>),
    #[error("outboard is not installed in this cluster")]
    NotInstalled { server: String },
    #[error("the operator does not answer: {reason}")]
    NoOperator { reason: String },

    /// Nothing was written: a change is only made once its plan is known.
    #[error("the operator does not answer: {reason}")]
    NoPlan { reason: String },

    #[error("failed to read {file}")]
    FileUnreadable { file: String, source: std::io::Error },
    #[error("there is no {what} in {directory}")]
    NothingToRead { what: &'static str, directory: String, names: Vec<&'static str> },
    #[error("failed to write {file}")]
    FileUnwritable { file: String, source: std::io::Error },
    #[error("{file} is there already, and stays as it is")]
    Begun { file: String },
    #[error("it cannot be written as YAML: {reason}")]
    Unwritable { reason: String },
    #[error("{} is there already", files.join(", "))]
    FileExists { files: Vec<String> },
    #[error("{} has problems", .0.file)]
    File(Box<BrokenFile>),
    #[error("{} have problems", .0.len())]
    Files(Vec<BrokenFile>),
    #[error(transparent)]
    Name(#[from] NameError),

    #[error("{kind} `{name}` does not exist in {place}")]
    NotFound { kind: &'static str, name: String, place: String, known: Vec<String>, nearest: Option<String> },
    #[error("project `{project}` has no component `{component}`")]
    NewComponent { component: String, project: String, known: Vec<String>, nearest: Option<String> },
    #[error("namespace `{namespace}` holds no project")]
    NoProject { namespace: String },
    #[error("namespace `{namespace}` holds several projects")]
    WhichProject { namespace: String, known: Vec<String> },
    #[error("the project has several classes")]
    WhichClass { project: String, known: Vec<String> },
    #[error("environment `{environment}` is no preview of {subject}")]
    NoPreview { environment: String, subject: String, of: Option<String> },
    #[error("{what} is to go and does not: {why}")]
    NotSwept { what: String, why: String },
    #[error("things are left behind, and there is no environment at all in this cluster")]
    NoEnvironments,
    #[error(transparent)]
    GitHub(#[from] crate::preview::GitHubError),
    #[error("component `{component}` has no version")]
    NoVersion { component: String, project: String },

    #[error("project `{project}` was not stored: {problem}")]
    ProjectRefused { project: String, problem: String },
    #[error("Kubernetes does not accept it: {message}")]
    Refused { message: String, causes: Vec<String> },
    #[error("environment `{environment}` exists and differs")]
    Exists { environment: String, differences: Vec<Difference> },
    #[error("environment `{environment}` was changed by somebody else meanwhile")]
    Raced { environment: String, by: Option<String>, theirs: Vec<Difference>, mine: Vec<Difference> },
    #[error("environment `{environment}` was changed again before it was ready: {}", .change.action)]
    Superseded { environment: String, change: api::Change },
    #[error("the change of `{environment}` is refused: {}", .verdict.message)]
    PlanRefused { environment: String, verdict: Box<Verdict> },
    #[error("environment `{environment}` is frozen until {until}")]
    Frozen { environment: String, until: String },
    #[error("environment `{environment}` has no revision yet")]
    NoRevision { environment: String },
    #[error("environment `{environment}` has no earlier revision that was ready")]
    NothingToRestore { environment: String },
    #[error("no copy is known that brought environment `{environment}` its data")]
    NeverCopied { environment: String },
    #[error("copy `{copy}`, the last one, names databases one by one")]
    OwnDatabases { copy: String },
    #[error("environment `{environment}` is there: only one that was destroyed is restored")]
    StillThere { environment: String },
    #[error("nothing is kept of an environment `{environment}`")]
    NothingKept { environment: String },
    #[error(
        "several environments `{environment}` ended with revision {revision}, and volumes are kept of each"
    )]
    WhichKept {
        environment: String,
        revision: i64,
        /// Their records, and until when.
        known: Vec<(String, String)>,
    },
    #[error("no volumes were kept of environment `{environment}` as it was with revision {revision}")]
    NoVolumesKept {
        environment: String,
        class: String,
        revision: i64,
        /// Last revisions of namesakes whose volumes are kept, and until when.
        others: Vec<(i64, String)>,
    },
    #[error("`{from}` is of project `{from_project}`, `{to}` of project `{to_project}`")]
    OtherProject { from: String, from_project: String, to: String, to_project: String },
    #[error("{what} changed meanwhile")]
    Changed { what: String },
    #[error("environment `{environment}` is of class {class}, which is protected")]
    Protected { environment: String, class: String },
    #[error("environment `{environment}` is being destroyed")]
    BeingDestroyed { environment: String },
    #[error("environment `{environment}` was destroyed and made anew meanwhile")]
    Another { environment: String },
    #[error("environment `{environment}` was destroyed meanwhile")]
    Destroyed { environment: String },

    #[error("the password of service `{service}` is not changed: {why}")]
    NotRotated { service: String, why: String, fix: String },
    #[error("environment `{environment}` runs no service with a password of its own")]
    NothingToRotate { environment: String },
    #[error("the password of service `{service}` stays as it is: {why}")]
    RotationRefused { environment: String, service: String, why: String },
    #[error("the outboard of this cluster is too old to tell {what}")]
    Older { what: &'static str },
    #[error("the versions of component `{component}` are not known: {}", .verdict.message)]
    NoVersions { component: String, verdict: Box<Verdict> },
    #[error("environment `{environment}` is not ready: {}", .verdict.message)]
    Verdict { environment: String, verdict: Box<Verdict> },
    #[error("a copy goes from one environment to another, and both are `{environment}`")]
    CopyToItself { environment: String },
    #[error("environment `{environment}` is there already, with data of its own")]
    FilledAlready { environment: String, from: String },
    #[error("{what} is of a protected class, and personal data of it would come as it is")]
    Bare {
        what: String,
        /// How somebody with the right brings it into an environment that was made empty.
        later: String,
    },
    #[error("service `{service}` is of type {kind}, which is not copied")]
    NotCopied { service: String, kind: &'static str },
    #[error("there is a copy `{copy}` already")]
    CopyExists { copy: String },
    #[error("copy `{copy}` has ended: it is {phase}")]
    CopyEnded { copy: String, phase: &'static str },
    #[error("copy `{copy}` was cancelled")]
    CopyCancelled {
        copy: String,
        /// None: it was to change no data.
        target: Option<TargetState>,
    },
    #[error("copy `{copy}` failed: {}", .verdict.message)]
    CopyFailed { copy: String, target: Option<TargetState>, verdict: Box<Verdict> },
    #[error("no verdict within {}", duration(*after))]
    Timeout { what: String, after: Duration, pending: Vec<String> },

    #[error(transparent)]
    Hostname(::hostnames::BadName),
    #[error("{host} stands for many hosts; each is claimed by its own name")]
    WildcardHostname { host: String },
    #[error("host `{host}` is environment `{environment}`'s")]
    HostnameElsewhere { host: String, environment: String },
    #[error("environment `{environment}` has several routes")]
    WhichRoute { environment: String, known: Vec<String> },
    #[error("host `{host}` is not answered: {}", .verdict.message)]
    HostnameVerdict { host: String, verdict: Box<Verdict> },
    #[error("outboard keeps no hosted zone in this cluster")]
    NoZones,
    #[error("too little is known about the hosted zones: {reason}")]
    DnsSettings { reason: String },
    #[error("`{cluster}` is this very cluster, which is still there")]
    ThisCluster { cluster: String },
    #[error("nobody is known to be led to {}", zones.join(", "))]
    NotDelegated { zones: Vec<String> },
    #[error(transparent)]
    Dns(#[from] ::hostnames::Failure),

    #[error("{since} is after {until}")]
    Backwards { since: jiff::Timestamp, until: jiff::Timestamp },

    #[error("environment `{environment}` does not exist, and project `{project}` has no archive of logs")]
    NoArchive { environment: String, project: String },
    #[error("environment `{environment}` does not exist, and its archive cannot be read: {why}")]
    Unread { environment: String, why: crate::logs::served::Unread },
    #[error(transparent)]
    Archive(#[from] logs::archive::Error),
    #[error("very much would have to be read")]
    BigSearch { estimate: logs::archive::Estimate },
    #[error(transparent)]
    Cursor(logs::archive::CursorError),
    #[error("{}", .0.message)]
    Pattern(logs::QueryError),

    #[error(transparent)]
    Inside(#[from] Trouble),

    #[error("unexpected answer of Kubernetes")]
    Kubernetes(#[source] Box<kube::Error>),
}

/// A right that somebody lacks, in the words of Kubernetes' own answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forbidden {
    pub message: String,
    /// What a policy of outboard's says about it.
    pub policy: Option<String>,
    /// The least role of a project that may.
    pub role: Option<String>,
    pub user: Option<String>,
    pub verb: Option<String>,
    /// With its group: `environments.outboard.dev`.
    pub resource: Option<String>,
    /// `None`: the whole cluster.
    pub namespace: Option<String>,
}

/// One setting in which an existing environment differs from the wanted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub setting: String,
    pub have: String,
    pub want: String,
}

/// A duration as a person would type it.
pub fn duration(value: Duration) -> String {
    let seconds = value.as_secs();
    match seconds {
        0 => "0s".to_owned(),
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
