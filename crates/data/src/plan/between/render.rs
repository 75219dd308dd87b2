//! What the pods of a copy are made from: an account that may write its own report and nothing else, a job's file with
//! the passwords of both sides beside it, and a Job for each start.

mod end;
mod told;

use std::collections::BTreeMap;

use api::datacopy::{CopyKeys, CopyLimits, CopyStore, DeniedChoice, SnapshotChoice};
use api::marks::{self, CopyOwner};
use api::project::ValueMask;
use api::{MaskSpec, ObjectMask};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::word::Task;
use crate::plan::backup::{ERRAND, EXCHANGE};
pub use end::{Bucket, End, Server};
pub use told::{Errand, Way};

/// The account of a copy's pods, and its binding to what `outboard install` brings.
pub const ACCOUNT: &str = "copy";
pub const ROLE: &str = "outboard-copy";
/// Key of a service's ConfigMap that the pod writes, and the one that it follows.
const SAYS: &str = "says";
pub const LIMITS: &str = "limits";
/// Where a job's file lies.
const FOLDER: &str = "/run/outboard";
/// Where programs look for what Kubernetes lets them do.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// By which pods of one start know each other: a variable, and the label that Kubernetes gives them.
const START: &str = "START";
const JOB_UID: &str = "batch.kubernetes.io/controller-uid";
/// Not root: the images's own user does not matter.
const USER: i64 = 65532;

/// Where the pod with this index writes, of those that copy a service together.
pub fn says(index: u32) -> String {
    if index == 0 { SAYS.to_owned() } else { format!("{SAYS}-{index}") }
}

/// Whether a pod wrote it.
pub fn is_said(key: &str) -> bool {
    key == SAYS || key.strip_prefix(SAYS).is_some_and(|rest| rest.starts_with('-'))
}

/// What one service's pods need to know.
pub struct Material {
    pub source: End,
    pub target: End,
    pub what: What,
    /// Whether what no mask names is left behind.
    pub deny: bool,
    pub key: Option<Vec<u8>>,
    pub limits: CopyLimits,
    /// How many pods have it together.
    pub workers: u32,
    /// It is about a backup.
    pub errand: Option<Errand>,
}

/// What is copied, and how it is masked.
pub enum What {
    Databases {
        names: Vec<String>,
        /// `DATABASE.TABLE.COLUMN` and its mask.
        masks: BTreeMap<String, MaskSpec>,
    },
    Keys {
        /// By number; none: every one that holds keys.
        databases: Vec<u32>,
        keys: CopyKeys,
        snapshot: SnapshotChoice,
        masks: Vec<ValueMask>,
    },
    Objects {
        keys: CopyKeys,
        /// What only the target has is removed, if it is no more than this; none: it stays.
        delete_up_to: Option<u32>,
        denied: DeniedChoice,
        masks: BTreeMap<String, ObjectMask>,
    },
}

impl What {
    pub fn store(&self) -> CopyStore {
        match self {
            Self::Databases { .. } => CopyStore::Mariadb,
            Self::Keys { .. } => CopyStore::Redis,
            Self::Objects { .. } => CopyStore::S3,
        }
    }
}

/// Masks as the engine has them: in each database that is copied, unless they name one.
pub fn masks(columns: &BTreeMap<String, MaskSpec>, databases: &[String]) -> BTreeMap<String, MaskSpec> {
    let named = |(column, mask): (&String, &MaskSpec)| -> Vec<(String, MaskSpec)> {
        if column.matches('.').count() > 1 {
            return vec![(column.clone(), mask.clone())];
        }
        databases.iter().map(|database| (format!("{database}.{column}"), mask.clone())).collect()
    };
    columns.iter().flat_map(named).collect()
}

/// A start of a service.
pub struct Start<'a> {
    pub owner: &'a CopyOwner,
    pub service: &'a str,
    pub number: u32,
    pub image: &'a str,
    pub task: Task,
    /// Pods that do it together.
    pub workers: u32,
    /// It is copied out of a backup.
    pub restores: bool,
    /// The container that works beside.
    pub beside: Option<Value>,
}

fn labels(owner: &CopyOwner, service: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = owner.labels();
    labels.extend(service.map(|service| (marks::COPY_SERVICE.to_owned(), service.to_owned())));
    labels
}

pub fn account(owner: &CopyOwner) -> Option<ServiceAccount> {
    read(json!({
        "metadata": {"name": ACCOUNT, "labels": labels(owner, None)},
        "automountServiceAccountToken": false,
    }))
}

/// It may read and write ConfigMaps of this namespace, in which there are only its own.
pub fn binding(owner: &CopyOwner) -> Option<RoleBinding> {
    read(json!({
        "metadata": {"name": ACCOUNT, "labels": labels(owner, None)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": owner.namespace()}],
    }))
}

/// Where its pod reports, and which limits it follows.
pub fn report(owner: &CopyOwner, service: &str, limits: &str) -> Option<ConfigMap> {
    read(json!({
        "metadata": {"name": service, "labels": labels(owner, Some(service))},
        "data": {LIMITS: limits},
    }))
}

/// As the store's engine reads them.
pub fn limits_text(store: CopyStore, limits: &CopyLimits, workers: u32) -> String {
    json!(own(store, limits, workers)).to_string()
}

/// Those that the store knows; of several pods each has its share of them.
fn own(store: CopyStore, limits: &CopyLimits, workers: u32) -> CopyLimits {
    let each = |limit: Option<u64>| limit.map(|limit| limit.div_ceil(u64::from(workers.max(1))));
    match store {
        CopyStore::Mariadb => {
            CopyLimits { cpu_percent: None, transfers: None, requests_per_second: None, ..*limits }
        }
        CopyStore::Redis => {
            CopyLimits { threads_running: None, transfers: None, requests_per_second: None, ..*limits }
        }
        CopyStore::S3 => CopyLimits {
            bytes_per_second: each(limits.bytes_per_second),
            transfers: limits.transfers.map(|limit| limit.div_ceil(workers.max(1))),
            requests_per_second: each(limits.requests_per_second),
            ..CopyLimits::default()
        },
    }
}

pub fn secret(owner: &CopyOwner, service: &str, material: &Material) -> Option<Secret> {
    let mut secret: Secret = read(json!({
        "metadata": {"name": service, "labels": labels(owner, Some(service))},
        "immutable": true,
    }))?;
    let mut files =
        BTreeMap::from([("job.yaml".to_owned(), file(service, material).to_string().into_bytes())]);
    for (side, end) in [("source", &material.source), ("target", &material.target)] {
        files.extend(end.files(side));
    }
    if let Some(errand) = &material.errand {
        files.insert(ERRAND.to_owned(), errand.file(service, material).to_string().into_bytes());
        files.extend(errand.files());
    }
    files.extend(material.key.clone().map(|key| ("mask-key".to_owned(), key)));
    secret.data =
        Some(files.into_iter().map(|(name, bytes)| (name, k8s_openapi::ByteString(bytes))).collect());
    Some(secret)
}

/// The job's file; JSON is YAML.
fn file(service: &str, material: &Material) -> Value {
    let store = material.what.store();
    if let Some(job) = material.errand.as_ref().and_then(|errand| errand.job(service, material)) {
        return job;
    }
    let mut job = json!({
        "store": store,
        "source": material.source.says("source"),
        "target": material.target.says("target"),
        "limits": own(store, &material.limits, material.workers),
    });
    // What is there is replaced, all of it.
    let masks = match &material.what {
        What::Databases { names, masks } => {
            job["databases"] = json!(names);
            job["replace"] = json!(true);
            json!({"columns": masks})
        }
        What::Keys { databases, keys, snapshot, masks } => {
            if !databases.is_empty() {
                job["databases"] = json!(databases);
            }
            job["keys"] = json!(keys);
            job["existing"] = json!("wipe");
            match snapshot {
                SnapshotChoice::Auto => {}
                SnapshotChoice::Always => job["snapshot"] = json!(true),
                SnapshotChoice::Never => job["snapshot"] = json!(false),
            }
            if let End::Server(Server { memory: Some(bytes), .. }) = &material.source {
                job["source"]["memoryBytes"] = json!(bytes);
            }
            json!({"values": masks})
        }
        What::Objects { keys, delete_up_to, denied, masks } => {
            job["prefixes"] = json!(keys);
            job["existing"] = json!("replace");
            if let Some(most) = delete_up_to {
                job["deleteUpTo"] = json!(most);
            }
            job["denied"] = json!(denied);
            job["count"] = json!(true);
            // What becomes of objects is drawn from no key.
            job["masks"] = json!({"prefixes": masks});
            return job;
        }
    };
    if material.key.is_some() {
        job["masks"] = masks;
        job["masks"]["keyFile"] = json!(format!("{FOLDER}/mask-key"));
        job["masks"]["deny"] = json!(material.deny);
    }
    job
}

/// The name of a start's Job.
pub fn name(service: &str, number: u32) -> String {
    format!("{service}-{number}")
}

pub fn job(start: &Start<'_>) -> Option<Job> {
    let Start { owner, service, number, image, task, workers, restores, beside } = start;
    let mut labels = labels(owner, Some(service));
    labels.insert(marks::COPY_TRY.to_owned(), number.to_string());
    let mut arguments = vec![
        "data-copy".to_owned(),
        format!("--job={FOLDER}/job.yaml"),
        format!("--report={service}"),
        format!("--try={number}"),
    ];
    arguments.extend(match task {
        Task::Copy => None,
        Task::Plan => Some("--dry-run".to_owned()),
        Task::Scan => Some("--scan".to_owned()),
        Task::Backup => Some("--backup".to_owned()),
    });
    if *restores {
        arguments.push("--restore".to_owned());
    }
    let together = *workers > 1;
    if together {
        arguments.push(format!("--share=$(JOB_COMPLETION_INDEX)/{workers}@$({START})"));
    }
    let mut container = json!({
        "name": "copy",
        "image": image,
        "args": arguments,
        "volumeMounts": [{"name": "job", "mountPath": FOLDER, "readOnly": true}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if together {
        // The same for all pods of this start, and another for each start.
        let start = json!({"fieldRef": {"fieldPath": format!("metadata.labels['{JOB_UID}']")}});
        container["env"] = json!([{"name": START, "valueFrom": start}]);
    }
    let mut job = json!({
        "metadata": {"name": name(service, *number), "labels": labels},
        "spec": {
            // One start a Job: whether and when there is another, the operator decides.
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": ACCOUNT,
                    "automountServiceAccountToken": true,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": 10,
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [{"name": "job", "secret": {"secretName": service, "defaultMode": 0o440}}],
                },
            },
        },
    });
    if together {
        let spec = &mut job["spec"];
        spec["completionMode"] = json!("Indexed");
        spec["completions"] = json!(workers);
        spec["parallelism"] = json!(workers);
        spec["template"]["spec"]["topologySpreadConstraints"] = json!([{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }]);
    }
    if let Some(beside) = beside {
        add(beside.clone(), &mut job["spec"]["template"]["spec"]);
    }
    read(job)
}

/// The container of a server's own image, what both share, and what its registry wants to know.
fn add(mut beside: Value, pod: &mut Value) {
    let pull: Vec<Value> = match beside["pullSecrets"].take() {
        Value::Array(names) => names.into_iter().map(|name| json!({"name": name})).collect(),
        _ => vec![],
    };
    if let Some(fields) = beside.as_object_mut() {
        fields.remove("pullSecrets");
    }
    // What the copy may write, the image beside may not.
    pod["automountServiceAccountToken"] = json!(false);
    let token = json!({"name": "token", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]}});
    pod["initContainers"] = json!([beside]);
    pod["imagePullSecrets"] = json!(pull);
    let exchange = json!({"name": "exchange", "mountPath": EXCHANGE});
    if let Some(mounts) = pod["containers"][0]["volumeMounts"].as_array_mut() {
        mounts.push(exchange);
        mounts.push(json!({"name": "token", "mountPath": TOKEN, "readOnly": true}));
    }
    if let Some(volumes) = pod["volumes"].as_array_mut() {
        volumes.push(token);
        volumes.extend(["exchange", "scratch"].map(|name| json!({"name": name, "emptyDir": {}})));
    }
}

/// Values of ours are of the type they are written as; a test makes each.
fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests;
