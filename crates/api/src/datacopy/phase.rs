//! How far a copy is, how it left its target, and what it counts: words that people read, too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a copy, or a service of it, has come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum CopyPhase {
    // It waits for something that the verdict names, or has not been looked at.
    #[default]
    Pending,
    // Its pod is being started, opens its snapshot and reads what there is.
    Planning,
    // What writes to the target is being stopped.
    Quiescing,
    Copying,
    Paused,
    // All rows were sent; the target is still asked whether it has them.
    Verifying,
    // Foreign keys, views, routines, statistics; then what it needed is taken away.
    Finishing,
    Done,
    Failed,
    Cancelled,
}

impl CopyPhase {
    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Planning => "planning",
            Self::Quiescing => "quiescing",
            Self::Copying => "copying",
            Self::Paused => "paused",
            Self::Verifying => "verifying",
            Self::Finishing => "finishing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is in the target's databases.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum TargetState {
    // What was there before.
    #[default]
    Untouched,
    // Part of the copy: nothing to work with. Another copy takes it up, or begins anew.
    Incomplete,
    // Nothing: something leaked, and what was copied was dropped.
    Emptied,
    // The copy, whole and verified.
    Copied,
}

/// What a service keeps, and so what is counted of it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyStore {
    // Tables of rows.
    #[default]
    Mariadb,
    // Keys.
    Redis,
    // Objects.
    S3,
}

impl CopyStore {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadb",
            Self::Redis => "redis",
            Self::S3 => "s3",
        }
    }

    /// What its `rows` are.
    pub fn rows(self) -> &'static str {
        match self {
            Self::Mariadb => "rows",
            Self::Redis => "keys",
            Self::S3 => "objects",
        }
    }
}
