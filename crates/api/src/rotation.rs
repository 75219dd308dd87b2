//! How far the change of a service's generated password is, for people and for whoever waits.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The change of one service's password that runs, or was made last.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// The entry of `spec.rotations` that asked for it.
    pub request: String,
    pub phase: RotationPhase,
    /// What it waits for, or why it was not begun, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When nobody needed the old password any more and the server forgot it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Time>,
}

/// Each step begins when the one before it is done; until the last one the server takes two passwords.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RotationPhase {
    /// Nothing has changed yet.
    Waiting,
    /// The server is told to take a new password beside the old one.
    Preparing,
    /// Everybody who uses the service gets the new one, and new pods.
    Replacing,
    /// The server is told to forget the old one.
    Retiring,
    Done,
    /// Nothing was changed. Another request is looked at anew.
    Refused,
}

impl RotationPhase {
    /// Whether nothing comes after it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Refused)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Preparing => "preparing",
            Self::Replacing => "replacing",
            Self::Retiring => "retiring",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}
