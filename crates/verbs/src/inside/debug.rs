//! `debug`: adds a container to a pod that runs already, with tools of one's own beside the component's processes.

use std::future::pending;
use std::time::Duration;

use api::{Part, Role, Verdict};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Event, Pod};
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::error::Trouble;
use super::process::{Process, Step, named};
use super::session::Streams;
use super::start::{self, Starting};
use super::{enter, pods};
use crate::{Cluster, Error, Result};

/// How often to ask whether the image cannot be pulled.
const LOOK: Duration = Duration::from_secs(1);

/// What is to be debugged, and with what.
#[derive(Clone, Debug)]
pub struct Debug {
    pub environment: String,
    /// A component or service.
    pub component: String,
    /// This pod of it.
    pub pod: Option<String>,
    /// Instead of the component's own: that is on the node already, comes from a registry that is trusted with its
    /// secrets, and can be started in place of one that crashes.
    pub image: Option<String>,
    pub command: Vec<String>,
    /// It has to start within this time.
    pub timeout: Duration,
}

/// Runs the command beside the component; answers with its exit code.
pub async fn debug(
    cluster: &Cluster,
    control: &str,
    wanted: &Debug,
    streams: Streams,
    tell: &mut (dyn FnMut(Step) + Send),
) -> Result<i32> {
    let roles = [Role::Component, Role::Service];
    let inside = enter::enter(cluster, control, &wanted.environment, &wanted.component, &roles).await?;
    let found = pods::of_part(cluster, &inside).await?;
    let pod = match &wanted.pod {
        Some(name) => pods::called(&inside, found, name)?,
        // What crashes is what is debugged: the newest one, then.
        None => pods::choose(&found)
            .or_else(|| pods::newest(&found))
            .cloned()
            .ok_or_else(|| pods::none_ready(&inside, &found))?,
    };
    let target = pods::container(&pod, &inside.part.name).cloned().unwrap_or_default();
    let image = wanted.image.clone().or_else(|| target.image.clone()).unwrap_or_default();
    let pods = pods::api(cluster, &inside);
    let part = without_objects(&inside.part);
    let mut beside = true;
    loop {
        let name = named("debug");
        let added = container(&target, &name, &image, wanted, &streams, beside);
        let patch = json!({"spec": {"ephemeralContainers": [added]}});
        pods.patch_ephemeral_containers(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(&patch))
            .await
            .map_err(|error| cluster.explain(error))?;
        tell(Step::Created {
            environment: wanted.environment.clone(),
            part: inside.part.name.clone(),
            namespace: inside.namespace.clone(),
            pod: pod.name_any(),
            container: name.clone(),
            image: image.clone(),
            revision: None,
        });
        let process = Process {
            cluster,
            pods: pods.clone(),
            namespace: &inside.namespace,
            pod: &pod.name_any(),
            container: &name,
            command: wanted.command.first().map_or("", String::as_str),
            starting: Starting { environment: &wanted.environment, part: &part, image_by_hand: true },
        };
        let started = tokio::select! {
            started = process.started(wanted.timeout) => started,
            verdict = pull_failed(&process, &image) => Err(Trouble::NotStarted { what: String::new(), verdict }.into()),
        };
        match started {
            // It crashed in that moment: there is nothing to see of its processes, and its files and settings are there.
            Err(error) if beside && target_ended(&error) => beside = false,
            Err(error) => return Err(in_other_words(error, &name, &pod)),
            Ok(_) => {
                tell(Step::Started { pod: pod.name_any(), container: name.clone() });
                return Box::pin(process.attend(streams)).await;
            }
        }
    }
}

/// Whether the node did not start a container because the one beside whose processes it was to be has ended.
fn target_ended(error: &Error) -> bool {
    let Error::Inside(Trouble::NotStarted { verdict, .. }) = error else { return false };
    verdict.evidence.iter().any(|line| line.contains("invalid target container"))
}

/// Says when the node cannot pull the image, as soon as that is an Event. Without a right to read those, never.
async fn pull_failed(process: &Process<'_>, image: &str) -> Box<Verdict> {
    let events = Api::<Event>::namespaced(process.cluster.client.clone(), process.namespace);
    let (pod, container) = (process.pod, process.container);
    let selector = format!(
        "involvedObject.name={pod},involvedObject.fieldPath=spec.ephemeralContainers{{{container}}},reason=Failed"
    );
    let failed = ListParams::default().fields(&selector);
    let mut tick = tokio::time::interval(LOOK);
    loop {
        tick.tick().await;
        let found = match events.list(&failed).await {
            Ok(found) => found,
            Err(kube::Error::Api(status)) if status.code < 500 => return pending().await,
            Err(_) => continue,
        };
        let messages = found.iter().filter_map(|event| event.message.as_deref());
        let verdict = messages
            .filter_map(|message| start::pull_failed(&process.starting, image, message, Timestamp::now()))
            .next();
        if let Some(verdict) = verdict {
            return verdict;
        }
    }
}

/// The container to add: with the settings, files and limits of power of the component's own, and `beside` its processes.
fn container(
    target: &Container,
    name: &str,
    image: &str,
    wanted: &Debug,
    streams: &Streams,
    beside: bool,
) -> Value {
    let mut container = json!({
        "name": name,
        "image": image,
        "command": wanted.command,
        "stdin": streams.stdin.is_some(),
        "stdinOnce": streams.stdin.is_some(),
        "tty": streams.is_terminal(),
    });
    if beside {
        container["targetContainerName"] = json!(target.name);
    }
    for (field, value) in [
        ("env", json!(target.env)),
        ("envFrom", json!(target.env_from)),
        ("securityContext", json!(target.security_context)),
        // Kubernetes refuses a part of a volume here.
        (
            "volumeMounts",
            json!(
                target
                    .volume_mounts
                    .iter()
                    .flatten()
                    .filter(|mount| mount.sub_path.is_none() && mount.sub_path_expr.is_none())
                    .collect::<Vec<_>>()
            ),
        ),
    ] {
        if !value.is_null() {
            container[field] = value;
        }
    }
    container
}

fn without_objects(part: &api::PartStatus) -> Part {
    Part {
        name: part.name.clone(),
        role: part.role,
        version: part.version.clone(),
        digest: part.digest.clone(),
        start_seconds: None,
        replicas: None,
        probe: None,
        raw: vec![],
        rotates: None,
        uses: vec![],
        objects: vec![],
    }
}

/// It is one container of the pod that did not start.
fn in_other_words(error: Error, container: &str, pod: &Pod) -> Error {
    let what = format!("container {container} in pod {}", pod.name_any());
    match error {
        Error::Inside(Trouble::NotStarted { verdict, .. }) => Trouble::NotStarted { what, verdict }.into(),
        Error::Inside(Trouble::SlowStart { after, pending, .. }) => {
            Trouble::SlowStart { what, after, pending }.into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_added_container_has_the_settings_of_its_target_and_nothing_kubernetes_refuses_there() {
        let target: Container = serde_json::from_value(json!({
            "name": "web", "image": "r/web:1", "args": ["serve"],
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "web-env-1", "key": "A"}}}],
            "ports": [{"containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            "resources": {"requests": {"cpu": "50m"}},
            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
            "securityContext": {"allowPrivilegeEscalation": false},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "file", "mountPath": "/f", "subPath": "f"}],
        }))
        .unwrap();
        let wanted = Debug {
            environment: "qa".into(),
            component: "web".into(),
            pod: None,
            image: None,
            command: vec!["/bin/sh".into()],
            timeout: Duration::from_secs(1),
        };
        let sink = || Box::new(tokio::io::sink());
        let streams = Streams { stdin: None, stdout: sink(), stderr: sink(), sizes: None, opened: None };
        insta::assert_yaml_snapshot!(container(&target, "debug-abcde", "r/web:1", &wanted, &streams, true));
    }
}
