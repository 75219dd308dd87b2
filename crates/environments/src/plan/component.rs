//! A component's objects: a Deployment (or a StatefulSet, if its replicas store something) with all that belongs to it,
//! a Job, or a CronJob.

use api::Role;
use api::project::{Component, JobTime};
use api::revision::{Part, short_hash};
use serde_json::{Value, json};

use super::directories::{self, Directories};
use super::render::{self, EnvironmentVariables, Place};
use super::{pod, probes, scaling};

pub fn part(
    place: &Place<'_>,
    name: &str,
    component: &Component,
    variables: &EnvironmentVariables,
    directories: &Directories,
) -> Part {
    let template = pod::template(place, name, component, variables, directories);
    let chosen = place.validated.versions.get(name);
    let about = Part {
        version: chosen.map(ToString::to_string),
        digest: chosen.and_then(|version| place.digests.get(&version.image(&component.image)).cloned()),
        raw: raw(component),
        uses: component.uses.clone(),
        ..render::part(name, Role::Component, vec![])
    };
    // What the pods need comes before them.
    let needed = directories.config_map(place, name).into_iter().chain(identity(place, name, component));
    if let Some(time) = component.job {
        let role = match time {
            JobTime::Before => Role::Job,
            JobTime::After => Role::After,
        };
        return Part { role, objects: needed.chain([job(place, name, &template)]).collect(), ..about };
    }
    if let Some(schedule) = &component.schedule {
        let object = cron_job(place, name, component, schedule, &template);
        return Part { role: Role::Schedule, objects: needed.chain([object]).collect(), ..about };
    }
    let start = probes::start_seconds(component.health.as_ref());
    let scale = place.scale(name);
    let (kind, servers) = match component.stores() {
        true => ("StatefulSet", stateful_set(place, name, component, &template)),
        false => ("Deployment", deployment(place, name, &template, start)),
    };
    let service = (!component.ports.is_empty()).then(|| service(place, name, component));
    let beside = service
        .into_iter()
        .chain(scaling::autoscaler(place, name, kind, &scale))
        .chain(scaling::disruption_budget(place, name, &scale));
    Part {
        start_seconds: Some(start),
        replicas: Some(scale.min),
        objects: needed.chain([servers]).chain(beside).collect(),
        ..about
    }
}

/// The keys that stand in Kubernetes' own words.
fn raw(component: &Component) -> Vec<String> {
    let keys = |name: &str, overlay: &Option<Value>| -> Vec<String> {
        let map = overlay.as_ref().and_then(Value::as_object);
        map.into_iter().flat_map(|map| map.keys()).map(|key| format!("{name}.{key}")).collect()
    };
    [keys("pod", &component.pod), keys("container", &component.container)].concat()
}

fn identity(place: &Place<'_>, name: &str, component: &Component) -> Option<Value> {
    let identity = component.identity.as_ref()?;
    Some(json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": name, "namespace": place.namespace, "labels": place.labels(name),
            "annotations": {"eks.amazonaws.com/role-arn": identity.role},
        },
        "automountServiceAccountToken": false,
    }))
}

fn deployment(place: &Place<'_>, name: &str, template: &Value, start_seconds: u32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            "selector": {"matchLabels": {api::marks::PART: name}},
            "revisionHistoryLimit": 2,
            "progressDeadlineSeconds": start_seconds.max(60) + 60,
            // A new replica serves before an old one goes.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
            "template": template,
        },
    })
}

/// Each replica has its disks for itself, and keeps them from pod to pod.
fn stateful_set(place: &Place<'_>, name: &str, component: &Component, template: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            "serviceName": name,
            // Else a pod that can't start is waited for, and a corrected template never reaches it.
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {api::marks::PART: name}},
            "revisionHistoryLimit": 2,
            "template": template,
            "volumeClaimTemplates": directories::claims(component),
        },
    })
}

fn service(place: &Place<'_>, name: &str, component: &Component) -> Value {
    let ports: Vec<Value> = component
        .ports
        .iter()
        .map(|(port, number)| {
            let mut object = json!({"name": port, "port": number, "targetPort": port, "protocol": "TCP"});
            if let Some(spoken) = spoken(port) {
                object["appProtocol"] = json!(spoken);
            }
            object
        })
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {"type": "ClusterIP", "selector": {api::marks::PART: name}, "ports": ports},
    })
}

/// What is spoken at a port, where a gateway has to know: gRPC needs HTTP/2 without TLS.
fn spoken(port: &str) -> Option<&'static str> {
    (port == "grpc" || port.starts_with("grpc-")).then_some("kubernetes.io/h2c")
}

/// A job's name holds the hash of all that it runs: the same job is never run twice, a changed one is.
fn job(place: &Place<'_>, name: &str, template: &Value) -> Value {
    let hash = short_hash(template, 8);
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": format!("{name}-{hash}"), "namespace": place.namespace, "labels": place.labels(name)},
        "spec": job_spec(template),
    })
}

fn job_spec(template: &Value) -> Value {
    json!({
        // A failed migration is for a person to look at; only a lost node earns another try.
        "backoffLimit": 0,
        "podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        ]},
        "template": template,
    })
}

fn cron_job(place: &Place<'_>, name: &str, component: &Component, schedule: &str, template: &Value) -> Value {
    let mut spec = json!({
        "schedule": schedule,
        "concurrencyPolicy": "Forbid",
        // A run that was missed by more than this, because the cluster was away, is left out.
        "startingDeadlineSeconds": 300,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": job_spec(template)},
    });
    if let Some(timezone) = &component.timezone {
        spec["timeZone"] = json!(timezone);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": spec,
    })
}
