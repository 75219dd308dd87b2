//! What the process is doing now: one value, read by health, metrics and people.

use std::fmt;

/// From start to stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Has not heard from the API server yet.
    #[default]
    Connecting,
    /// Another process leads; this one takes over when it may.
    Standby {
        leader: String,
    },
    /// Leads, but the custom resources are not there to work on.
    MissingDefinitions {
        missing: String,
    },
    Leading,
    Stopping,
}

impl Phase {
    /// Whether it does what it should: a standby does, else no rolling update could ever finish.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self, Self::Standby { .. } | Self::Leading)
    }

    pub(crate) fn leads(&self) -> bool {
        matches!(self, Self::Leading | Self::MissingDefinitions { .. })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting to Kubernetes"),
            Self::Standby { leader } => write!(f, "standing by, {leader} leads"),
            Self::MissingDefinitions { missing } => {
                write!(f, "waiting for the custom resource definitions: {missing}")
            }
            Self::Leading => f.write_str("leading"),
            Self::Stopping => f.write_str("stopping"),
        }
    }
}
