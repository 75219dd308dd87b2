//! What happens while a verb waits, as values: the command line draws them, a server pushes them.

use api::datacopy::{CopiedService, CopyPhase};
use api::{Condition, PartStatus, Rotation, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// Where a waiting verb reports to.
pub type Sink<'a> = &'a mut (dyn FnMut(Event) + Send);

/// What a write did.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    Created,
    Updated,
    Unchanged,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A control namespace was made.
    NamespaceCreated { namespace: String },
    /// The project's object was written.
    ProjectStored { project: String, namespace: String, change: Change },
    /// The environment's object was written.
    EnvironmentStored { environment: String, namespace: String, change: Change },
    /// The operator has taken up the newest settings.
    Observed { environment: String, generation: i64 },
    /// A part came further, or fell back.
    Part { environment: String, part: PartStatus },
    /// A condition changed.
    Condition { environment: String, condition: Condition },
    /// A verdict that time may still mend.
    Verdict { environment: String, verdict: Verdict },
    /// Destroying came further.
    Teardown { environment: String, step: String },
    /// The change of a service's password came further.
    Rotation { environment: String, service: String, rotation: Box<Rotation> },
    /// The object of a copy of data was written.
    CopyStored {
        copy: String,
        namespace: String,
        from: String,
        to: String,
        /// The backup that it makes, or brings back.
        #[serde(skip_serializing_if = "Option::is_none")]
        backup: Option<String>,
    },
    /// A copy came further, or fell back.
    CopyPhase { copy: String, phase: CopyPhase },
    /// One service of a copy came further.
    Copied { copy: String, service: Box<CopiedService> },
    /// What keeps a copy from going on, which time may still mend.
    CopyWaits { copy: String, verdict: Verdict },
    /// A named host came further, or fell back.
    Hostname { host: String, condition: Condition },
    /// The API server stopped answering; the verb goes on trying.
    ServerSilent { server: String, reason: String, retry_seconds: u64 },
    /// The API server answers again.
    ServerBack { server: String },
    /// The operator has not looked at what was asked for yet.
    OperatorSilent { reason: String },
}
