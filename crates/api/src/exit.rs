//! Exit codes: the one list that the CLI, its help and the docs are made from.

/// How a command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    Success = 0,
    /// Something unexpected: a bug, or an answer of Kubernetes that outboard has no words for.
    Failure = 1,
    /// The command line was wrong.
    Usage = 2,
    /// `outboard.yaml` or an environment's settings are wrong.
    Invalid = 3,
    /// A project, environment, class, component or revision does not exist.
    NotFound = 4,
    /// Something of that name exists and is not ours, or changed meanwhile.
    Conflict = 5,
    /// Kubernetes refused: you lack a right.
    Forbidden = 6,
    /// No cluster answers, or it went away in the middle.
    Unreachable = 7,
    /// The operator or its custom resources are not installed or do not answer.
    NoOperator = 8,
    /// `--timeout` passed before there was a verdict.
    Timeout = 9,
    /// Somebody else changed the environment while this command waited for its own change.
    Superseded = 10,
    ImageNotFound = 20,
    CrashLoop = 21,
    ReadinessFailing = 22,
    JobFailed = 23,
    Unschedulable = 24,
    SecretLost = 25,
    /// A registry refuses or does not answer.
    Registry = 26,
    /// A secret that others keep is not there, or does not serve the class.
    SecretMissing = 27,
    CopyFailed = 28,
    Quota = 29,
    /// Route 53 refuses or does not answer.
    Dns = 30,
    Admission = 31,
    Config = 32,
    OutOfMemory = 33,
    InitFailed = 34,
    LivenessFailing = 35,
    Architecture = 36,
    Node = 37,
    Volume = 38,
    NameNotResolved = 39,
    DependencyNotReady = 40,
    NamespaceStuck = 41,
    /// Ended by Ctrl-C or SIGTERM; what was asked for goes on in the cluster.
    Interrupted = 130,
}

impl Exit {
    pub const ALL: &[Self] = &[
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::Invalid,
        Self::NotFound,
        Self::Conflict,
        Self::Forbidden,
        Self::Unreachable,
        Self::NoOperator,
        Self::Timeout,
        Self::Superseded,
        Self::ImageNotFound,
        Self::CrashLoop,
        Self::ReadinessFailing,
        Self::JobFailed,
        Self::Unschedulable,
        Self::SecretLost,
        Self::Registry,
        Self::SecretMissing,
        Self::CopyFailed,
        Self::Quota,
        Self::Dns,
        Self::Admission,
        Self::Config,
        Self::OutOfMemory,
        Self::InitFailed,
        Self::LivenessFailing,
        Self::Architecture,
        Self::Node,
        Self::Volume,
        Self::NameNotResolved,
        Self::DependencyNotReady,
        Self::NamespaceStuck,
        Self::Interrupted,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    /// One line for help and docs.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done",
            Self::Failure => "unexpected failure",
            Self::Usage => "the command line is wrong",
            Self::Invalid => "outboard.yaml or the settings are wrong",
            Self::NotFound => "no such project, environment, class, component or revision",
            Self::Conflict => "the name is taken by something else, or the object changed meanwhile",
            Self::Forbidden => "you lack a right",
            Self::Unreachable => "no cluster answers",
            Self::NoOperator => "the operator is not installed or does not answer",
            Self::Timeout => "the time ran out before there was a verdict",
            Self::Superseded => "superseded: somebody changed the environment meanwhile",
            Self::ImageNotFound => "verdict: an image does not exist",
            Self::CrashLoop => "verdict: a container keeps crashing",
            Self::ReadinessFailing => "verdict: a component runs but does not become ready",
            Self::JobFailed => "verdict: a job failed",
            Self::Unschedulable => "verdict: no node has room",
            Self::SecretLost => "verdict: a service's generated password is gone while its volume remains",
            Self::Registry => "verdict: a registry refuses or does not answer",
            Self::SecretMissing => {
                "verdict: a secret that others keep is missing or does not serve the class"
            }
            Self::CopyFailed => "verdict: a copy of data failed",
            Self::Quota => "verdict: a quota is used up",
            Self::Dns => "verdict: Route 53 refuses or does not answer",
            Self::Admission => "verdict: a limit or a policy of the cluster refuses pods",
            Self::Config => "verdict: a container cannot be started as it is set up",
            Self::OutOfMemory => "verdict: a container needs more memory than it may have",
            Self::InitFailed => "verdict: a container that runs before the others failed",
            Self::LivenessFailing => {
                "verdict: a container is killed again and again, because its health check fails"
            }
            Self::Architecture => "verdict: an image is made for other nodes",
            Self::Node => "verdict: a node is gone, or gives pods up",
            Self::Volume => "verdict: a volume cannot be had",
            Self::NameNotResolved => "verdict: a container cannot resolve a hostname",
            Self::DependencyNotReady => "verdict: what a component uses does not answer",
            Self::NamespaceStuck => "verdict: a namespace cannot be removed",
            Self::Interrupted => "interrupted; the cluster goes on",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_lists_every_code_with_its_meaning() {
        let guide = include_str!("../../../docs/guide/exit-codes.md");
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(guide.contains(&row), "missing in docs/guide/exit-codes.md: {row}");
        }
    }
}
