//! What the environments of a class may use, and by which of Kubernetes' standards their pods are judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Resources;

/// What all pods and volumes of one environment may ask for together.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Cores that all containers ask for, such as `4` or `500m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$"))]
    pub cpu: Option<String>,
    /// Bytes of memory that all containers ask for, such as `8Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"))]
    pub memory: Option<String>,
    /// Bytes of all its disks, such as `20Gi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"))]
    pub storage: Option<String>,
    /// How many pods there may be, those of jobs and those that are being replaced among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub pods: Option<u32>,
}

/// What a container has that says nothing itself, and what any may have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerBounds {
    /// What one asks for that does not say: only what is put there by hand, since outboard always says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Resources>,
    /// The limit of one that has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Resources>,
    /// The highest limit that one may have; it is also the limit of one that has none, unless `limits` says less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Resources>,
}

/// By which of Kubernetes' own standards pods are judged.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurity {
    // What would let a container out of its pod is refused. (No doc comments: the schema would not list both words.)
    #[default]
    Baseline,
    // Besides, nothing runs as root or with more rights than it needs.
    Restricted,
}

impl PodSecurity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    pub fn is_baseline(&self) -> bool {
        *self == Self::Baseline
    }
}
