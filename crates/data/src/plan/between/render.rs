//! What the pods of a copy are made from: an account that may write its own report and nothing else, a job's file with
//! the passwords of both sides beside it, and a Job for each start.

mod end;

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
pub use end::{Bucket, End, Server};

/// The account of a copy's pods, and its binding to what `outboard install` brings.
pub const ACCOUNT: &str = "copy";
pub const ROLE: &str = "outboard-copy";
/// Key of a service's ConfigMap that the pod writes, and the one that it follows.
const SAYS: &str = "says";
pub const LIMITS: &str = "limits";
/// Where a job's file lies.
const FOLDER: &str = "/run/outboard";
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
    let mut files = BTreeMap::from([("job.yaml".to_owned(), file(material).to_string().into_bytes())]);
    for (side, end) in [("source", &material.source), ("target", &material.target)] {
        files.extend(end.files(side));
    }
    files.extend(material.key.clone().map(|key| ("mask-key".to_owned(), key)));
    secret.data =
        Some(files.into_iter().map(|(name, bytes)| (name, k8s_openapi::ByteString(bytes))).collect());
    Some(secret)
}

/// The job's file; JSON is YAML.
fn file(material: &Material) -> Value {
    let store = material.what.store();
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
    let Start { owner, service, number, image, task, workers } = start;
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
    });
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
    read(job)
}

/// Values of ours are of the type they are written as; a test makes each.
fn read<T: DeserializeOwned>(value: Value) -> Option<T> {
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> CopyOwner {
        CopyOwner { install: "outboard".into(), control_namespace: "shop".into(), copy: "c1".into() }
    }

    fn server(host: &str) -> Server {
        Server {
            host: host.into(),
            port: 3306,
            user: Some("app".into()),
            password: Some(b"a secret".to_vec()),
            database: Some("app".into()),
            tls: false,
            authority: None,
            identity: None,
            memory: None,
        }
    }

    fn material() -> Material {
        let columns =
            [("users.email".to_owned(), MaskSpec::Email), ("other.users.name".to_owned(), MaskSpec::Name)];
        Material {
            source: End::Server(Server {
                tls: true,
                authority: Some(b"PEM".to_vec()),
                identity: Some((b"CERTIFICATE".to_vec(), b"a secret key".to_vec())),
                ..server("db.shop-live.svc")
            }),
            target: End::Server(server("db.shop-qa-1.svc")),
            what: What::Databases {
                names: vec!["app".into()],
                masks: masks(&columns.into(), &["app".into()]),
            },
            deny: true,
            key: Some(b"a key".to_vec()),
            limits: CopyLimits { bytes_per_second: Some(1 << 20), ..CopyLimits::default() },
            workers: 1,
        }
    }

    #[test]
    fn a_jobs_file_names_secrets_and_holds_none_and_the_engine_reads_it() {
        let secret = secret(&owner(), "db", &material()).unwrap();
        let data = secret.data.unwrap();
        let text = String::from_utf8(data["job.yaml"].0.clone()).unwrap();
        assert!(!text.contains("a secret") && !text.contains("a key"), "{text}");
        let job: crate::job::Job = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(job.masks.columns()["app.users.email"], MaskSpec::Email);
        assert_eq!(job.masks.columns()["other.users.name"], MaskSpec::Name);
        assert_eq!(job.limits.bytes_per_second, Some(1 << 20));
        assert!(job.source.tls.is_some() && job.target.tls.is_none() && job.replace);
        let shown = job.source.tls.as_ref().and_then(crate::job::Tls::identity).unwrap();
        assert!(shown.0.ends_with("source-certificate") && shown.1.ends_with("source-key"));
        let files = data.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(
            files,
            "job.yaml mask-key source-authority source-certificate source-key source-password target-password"
        );
    }

    #[test]
    fn a_job_for_keys_is_read_by_their_engine() {
        let server = |host: &str| Server { port: 6379, user: None, database: None, ..server(host) };
        let rule = |field: Option<&str>, mask| ValueMask {
            keys: "user:*".into(),
            field: field.map(str::to_owned),
            mask,
        };
        let of = |databases, snapshot| Material {
            source: End::Server(Server { memory: Some(1 << 30), ..server("cache.shop-live.svc") }),
            target: End::Server(Server { password: None, ..server("cache.shop-qa-1.svc") }),
            what: What::Keys {
                databases,
                keys: CopyKeys { exclude: vec!["*:lock".into()], ..CopyKeys::default() },
                snapshot,
                masks: vec![rule(Some("email"), MaskSpec::Email), rule(None, MaskSpec::Null)],
            },
            limits: CopyLimits { cpu_percent: Some(40), threads_running: Some(9), ..CopyLimits::default() },
            ..material()
        };
        let text = file(&of(vec![], SnapshotChoice::Auto)).to_string();
        let job: crate::redis::job::Job = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(job.existing, Some(crate::redis::job::Existing::Wipe));
        assert_eq!((job.databases, job.masks.deny, job.limits.cpu_percent), (None, true, Some(40)));
        assert_eq!(job.masks.values[0].field.as_deref(), Some("email"));
        assert_eq!(job.masks.values[1].mask, Some(MaskSpec::Null));
        assert!(job.source.user.is_none() && job.target.password_file.is_none());
        assert_eq!(
            (job.snapshot, job.source.memory_bytes, job.target.memory_bytes),
            (None, Some(1 << 30), None)
        );
        let text = file(&of(vec![3], SnapshotChoice::Never)).to_string();
        let job: crate::redis::job::Job = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(job.snapshot, Some(false));
        assert_eq!(job.databases, Some(vec![3]));
        assert_eq!(job.keys.exclude, ["*:lock"]);
    }

    #[test]
    fn a_job_for_objects_is_read_by_their_engine_and_holds_no_secret() {
        let bucket = |endpoint: Option<&str>, authority: Option<&[u8]>| {
            End::Bucket(Bucket {
                name: "app".into(),
                endpoint: endpoint.map(str::to_owned),
                region: Some("eu-west-1".into()),
                access_key: "AKIA".into(),
                secret_key: b"a secret".to_vec(),
                authority: authority.map(<[u8]>::to_vec),
            })
        };
        let rename = [("old/".to_owned(), "new/".to_owned())].into();
        let material = Material {
            source: bucket(None, Some(b"PEM")),
            target: bucket(Some("http://uploads.shop-qa-1.svc:7070"), None),
            what: What::Objects {
                keys: CopyKeys { rename, ..CopyKeys::default() },
                delete_up_to: Some(500),
                denied: DeniedChoice::Skip,
                masks: [("faces/".to_owned(), ObjectMask::Placeholder)].into(),
            },
            deny: false,
            key: None,
            limits: CopyLimits {
                connections: Some(9),
                latency_millis: Some(9),
                transfers: Some(8),
                ..CopyLimits::default()
            },
            workers: 1,
        };
        let secret = secret(&owner(), "uploads", &material).unwrap();
        let data = secret.data.unwrap();
        let files: Vec<&String> = data.keys().collect();
        assert_eq!(files, ["job.yaml", "source-authority", "source-secret-key", "target-secret-key"]);
        let text = String::from_utf8(data["job.yaml"].0.clone()).unwrap();
        assert!(!text.contains("a secret"), "{text}");
        use crate::s3::job::{Denied, Existing, Job, Limits};
        let job: Job = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(
            (job.existing, job.denied, job.delete_up_to),
            (Some(Existing::Replace), Denied::Skip, Some(500))
        );
        assert_eq!((job.limits, job.count), (Limits { transfers: 8, ..Limits::default() }, true));
        assert_eq!((job.prefixes.rename["old/"].as_str(), job.source.endpoint), ("new/", None));
        assert!(job.source.tls.is_some_and(|tls| tls.ca_file.is_some()) && job.target.tls.is_none());
        assert_eq!(job.masks.prefixes["faces/"], ObjectMask::Placeholder);
    }

    #[test]
    fn without_a_key_nothing_is_masked() {
        let bare = Material { key: None, ..material() };
        assert!(file(&bare)["masks"].is_null());
    }

    #[test]
    fn limits_are_read_by_the_engine_as_they_are_written() {
        let limits = CopyLimits { threads_running: Some(7), ..CopyLimits::default() };
        let text = limits_text(CopyStore::Mariadb, &limits, 1);
        let read: crate::job::Limits = serde_json::from_str(&text).unwrap();
        assert_eq!(read, crate::job::Limits { threads_running: 7, ..Default::default() });
        let limits = CopyLimits { cpu_percent: Some(5), ..limits };
        let text = limits_text(CopyStore::Redis, &limits, 1);
        let read: crate::redis::job::Limits = serde_json::from_str(&text).unwrap();
        assert_eq!(read, crate::redis::job::Limits { cpu_percent: Some(5), ..Default::default() });
        let limits = CopyLimits { requests_per_second: Some(50), transfers: Some(9), ..limits };
        let text = limits_text(CopyStore::S3, &limits, 1);
        let read: crate::s3::job::Limits = serde_json::from_str(&text).unwrap();
        let all =
            crate::s3::job::Limits { requests_per_second: Some(50), transfers: 9, ..Default::default() };
        assert_eq!(read, all);
        // What several pods may do together is what one may.
        let text = limits_text(CopyStore::S3, &limits, 4);
        let read: crate::s3::job::Limits = serde_json::from_str(&text).unwrap();
        assert_eq!((read.requests_per_second, read.transfers), (Some(13), 3));
    }

    #[test]
    fn what_runs_a_copy() {
        let owner = owner();
        let start = Start {
            owner: &owner,
            service: "db",
            number: 3,
            image: "outboard:1",
            task: Task::Copy,
            workers: 1,
        };
        let limits = limits_text(CopyStore::Mariadb, &CopyLimits::default(), 1);
        insta::assert_json_snapshot!(json!({
            "account": account(&owner).unwrap(),
            "binding": binding(&owner).unwrap(),
            "report": report(&owner, "db", &limits).unwrap(),
            "job": job(&start).unwrap(),
        }));
    }

    #[test]
    fn several_pods_of_one_start_know_which_they_are_and_that_they_belong_together() {
        let owner = owner();
        let start = Start {
            owner: &owner,
            service: "uploads",
            number: 1,
            image: "outboard:1",
            task: Task::Copy,
            workers: 3,
        };
        let job = job(&start).unwrap().spec.unwrap();
        let pod = job.template.spec.unwrap();
        insta::assert_json_snapshot!(json!({
            "completions": job.completions, "parallelism": job.parallelism, "mode": job.completion_mode,
            "backoffLimit": job.backoff_limit, "spread": pod.topology_spread_constraints,
            "args": pod.containers[0].args, "env": pod.containers[0].env,
        }));
        let keys = [0, 1, 12].map(says);
        assert_eq!(keys, ["says", "says-1", "says-12"]);
        assert!(keys.iter().all(|key| is_said(key)) && !is_said(LIMITS));
    }
}
