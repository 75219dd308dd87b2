//! Overlays: what is different about an environment for a time, because something else needs it so. Each ends by itself.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Role;

/// A difference for a time. It is no part of any revision, and is ignored from `until` on: nothing has to be undone.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overlay {
    /// Whose it is, such as `datacopy/nightly`. Whoever that is writes this entry and no other.
    #[schemars(length(min = 1, max = 128))]
    pub by: String,
    /// Moved on by its writer for as long as it is needed.
    pub until: Time,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub reason: Option<String>,
    pub patch: OverlayPatch,
}

/// What is different; each field is a kind of difference of its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverlayPatch {
    /// What runs nothing meanwhile. Addresses, settings and volumes stay, and so do services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub hold: Vec<Held>,
}

/// Parts that run nothing for a time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    // They are not started; one that runs ends. (No doc comments here: the schema would list each variant by itself.)
    Jobs,
    // They have no replicas.
    Components,
    // They are suspended; a run that has begun ends.
    Schedules,
}

impl Held {
    /// Everything that may write to a service.
    pub const WRITERS: [Self; 3] = [Self::Jobs, Self::Components, Self::Schedules];

    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Jobs => &[Role::Job, Role::After],
            Self::Components => &[Role::Component],
            Self::Schedules => &[Role::Schedule],
        }
    }
}
