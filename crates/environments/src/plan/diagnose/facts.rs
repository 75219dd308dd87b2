//! What a verdict rests on beside a pod's own status. Fetched by `evidence`, read here.

/// How many log lines are evidence.
pub const LOG_LINES: i64 = 20;

/// Something to fetch before a verdict can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The last lines of a container; `previous`: of the one before the one that runs now.
    Logs {
        pod: String,
        container: String,
        previous: bool,
    },
    /// What was said of a pod.
    Events {
        pod: String,
    },
    Node {
        name: String,
    },
    /// What became of the claims of a pod's volumes.
    Claims {
        names: Vec<String>,
    },
}

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub lines: Vec<String>,
    /// The newest last.
    pub events: Vec<Told>,
    pub node: Option<NodeSeen>,
    pub claims: Vec<ClaimSeen>,
}

/// An Event, as far as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub reason: String,
    pub message: String,
}

/// How the node of a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSeen {
    Ready,
    /// It does not report, or says that it is not ready; in Kubernetes' words.
    NotReady(String),
    /// It is no part of the cluster.
    Gone,
}

/// A claim and the volume behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimSeen {
    pub name: String,
    /// There is a claim of that name.
    pub exists: bool,
    /// The volume it is bound to.
    pub volume: Option<String>,
    /// … and which is there.
    pub volume_exists: bool,
    /// The nodes on which alone its data lies.
    pub nodes: Vec<String>,
    /// None of those is part of the cluster.
    pub nodes_gone: bool,
    /// What was last said of a claim that waits.
    pub told: Option<String>,
}

impl Facts {
    /// The newest Event of one of these reasons.
    pub fn newest(&self, reasons: &[&str]) -> Option<&Told> {
        self.events.iter().rev().find(|told| reasons.contains(&told.reason.as_str()))
    }
}
