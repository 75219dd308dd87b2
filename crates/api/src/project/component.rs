//! A component of a project, key for key as `outboard.yaml` has it.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One container image repository and how it runs.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// The image repository, without tag.
    #[schemars(regex(pattern = r"^[a-z0-9][a-zA-Z0-9._:/-]*$"))]
    pub image: String,
    /// The version an environment runs unless it chooses another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64})$"))]
    pub version: Option<String>,
    /// What is run instead of the image's entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of the entrypoint; `${…}` is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The directory it is started in, if not the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^/\S*$"))]
    pub workdir: Option<String>,
    /// Ports by name; a name is what routes and health refer to. `http…` and `grpc…` say what is spoken there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, Port>,
    /// Services and components it needs: the order of start, and what `${…}` may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// Environment variables; `${service.field}` and `${url.host}` are replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Files by the path at which it finds them; each is a file beside outboard.yaml, in which `${…}` is replaced.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Directories by path: scratch space that goes with the replica, or storage that stays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// Files by path whose lines are logs, as what it writes to its output always is. Their directories are shared with
    /// a sidecar, and go with the replica unless they lie in a volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// As whom it runs: `1000`, or `1000:1000` with a group; not root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,9}(:[1-9][0-9]{0,9})?$"))]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// Makes it a job that runs to completion instead of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobTime>,
    /// Makes it a job that runs again and again: minute, hour, day, month and weekday, as cron has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(@(hourly|daily|weekly|monthly|yearly)|\S+ \S+ \S+ \S+ \S+)$"))]
    pub schedule: Option<String>,
    /// Where the hours of `schedule` are counted, such as `Europe/London` (default: UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"))]
    pub timezone: Option<String>,
    /// As what it is known to a cloud; without it no token is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What the pod has besides, for what has no key of its own: merged as Kubernetes merges a strategic patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_map")]
    pub pod: Option<Value>,
    /// The same for the component's own container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_map")]
    pub container: Option<Value>,
}

/// A TCP port.
pub type Port = u16;

fn any_map(_: &mut SchemaGenerator) -> Schema {
    // Read by file checks and by Kubernetes alike; the API server checks what it becomes part of.
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    schema.try_into().unwrap_or_default()
}

impl Component {
    /// Whether it runs to completion, once or again and again.
    pub fn completes(&self) -> bool {
        self.job.is_some() || self.schedule.is_some()
    }

    /// Whether each of its replicas has storage of its own.
    pub fn stores(&self) -> bool {
        self.volumes.values().any(|volume| volume.storage.is_some())
    }
}

/// When a job runs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobTime {
    /// Once for each environment and content, after the services are ready and before components change.
    Before,
    /// The same, once everything else is ready.
    After,
}

/// A directory that is not part of the image.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Size of a disk that every replica has for itself, and that stays until the environment is destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]*(Mi|Gi|Ti|M|G|T)$"))]
    pub storage: Option<String>,
    /// Size of scratch space that is kept in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]*(Ki|Mi|Gi|k|M|G)$"))]
    pub memory: Option<String>,
}

impl Resources {
    /// None: not said.
    pub fn memory_bytes(&self) -> Option<u64> {
        const UNITS: [(&str, f64); 9] = [
            ("Ki", 1024.0),
            ("Mi", 1_048_576.0),
            ("Gi", 1_073_741_824.0),
            ("Ti", 1_099_511_627_776.0),
            ("k", 1e3),
            ("M", 1e6),
            ("G", 1e9),
            ("T", 1e12),
            ("", 1.0),
        ];
        let memory = self.memory.as_deref()?;
        let bytes = UNITS.iter().find_map(|(unit, bytes)| Some((memory.strip_suffix(unit)?, bytes)));
        let (number, bytes) = bytes?;
        Some((number.parse::<f64>().ok()? * bytes) as u64)
    }
}

/// How to tell that a component is able to serve.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Asked all the time: while it fails the component gets no traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Probe>,
    /// Asked all the time: when it goes on failing, the container is restarted. Rarely a good idea.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Probe>,
    /// How long a start may take before not being ready becomes a verdict (default `60s`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}(s|m|h)$"))]
    pub start: Option<String>,
}

/// A question put to a container: exactly one of `http`, `tcp`, `grpc` and `command`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Path of an HTTP GET that answers 200–399 when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^/\S*$"))]
    pub http: Option<String>,
    /// Name of the port for `http`, if the component has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Name of a port that takes connections when all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Name of a port that answers gRPC's own health checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<String>,
    /// What is run in the container, and ends with 0 when all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

/// How a replica is stopped.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// So long it goes on serving, so that the gateway has learnt to send nobody there (default `5s`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]{0,4})(s|m|h)$"))]
    pub drain: Option<String>,
    /// From the order to stop until it is killed, draining included (default `30s`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[1-9][0-9]{0,4}(s|m|h)$"))]
    pub grace: Option<String>,
}

/// What one replica needs. Memory is also its limit; CPU has none.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Cores, such as `100m` or `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^([0-9]+m|[0-9]+(\.[0-9]{1,3})?)$"))]
    pub cpu: Option<String>,
    /// Bytes, such as `128Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"))]
    pub memory: Option<String>,
}

/// How many replicas run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// Replicas that always run.
    #[schemars(range(min = 1, max = 1000))]
    pub min: u32,
    /// Replicas that run under load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max: Option<u32>,
    /// The share of its CPU request, in percent, that one replica is to use on average (default 80).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub cpu: Option<u32>,
    /// How long the load has to stay lower before a replica goes, at most `1h` (default `5m`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(0|[1-9][0-9]{0,3})(s|m|h)$"))]
    pub settle: Option<String>,
}

impl Scale {
    /// So many replicas, whatever the load.
    pub fn of(min: u32) -> Self {
        Self { min, max: None, cpu: None, settle: None }
    }
}

/// As what a component is known outside the cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The IAM role that its pods may assume.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+$"))]
    pub role: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_every_unit_that_it_may_have() {
        let bytes = |memory: &str| Resources { memory: Some(memory.into()), cpu: None }.memory_bytes();
        assert_eq!(bytes("128Mi"), Some(128 << 20));
        assert_eq!((bytes("1.5Gi"), bytes("2Ti"), bytes("3Ki")), (Some(3 << 29), Some(2 << 40), Some(3072)));
        assert_eq!((bytes("5k"), bytes("5M"), bytes("7")), (Some(5_000), Some(5_000_000), Some(7)));
        assert_eq!(
            (bytes("1G"), bytes("1T"), bytes("much")),
            (Some(1_000_000_000), Some(1_000_000_000_000), None)
        );
        assert_eq!(Resources { memory: None, cpu: None }.memory_bytes(), None);
    }
}
