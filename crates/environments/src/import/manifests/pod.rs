//! A pod: its containers, its volumes and what is said about it as a whole.

use api::names::PortName;
use api::project::Identity;
use serde_json::{Map, Value, json};

use super::super::draft::Part;
use super::super::note::Kind;
use super::super::{known, quantity};
use super::object::{items, text};
use super::workload::Workload;
use super::{container, files};

pub fn read(workload: &mut Workload<'_>, spec: &Value) {
    let containers = items(spec.get("containers"), &format!("{}/containers", workload.at));
    let own =
        containers.iter().position(|(container, _)| text(container, "name") == Some(workload.object.name()));
    let own = own.unwrap_or(0);
    let Some((main, at)) = containers.get(own) else { return };
    container::read(workload, main, at);
    ports(workload);
    files::read(workload, spec, main, at);
    for (index, (other, at)) in containers.iter().enumerate() {
        if index != own {
            beside(workload, other, at, "containers");
        }
    }
    for (other, at) in items(spec.get("initContainers"), &format!("{}/initContainers", workload.at)) {
        first(workload, spec, other, &at);
    }
    whole(workload, spec);
}

/// Every port of the Services that lead here.
fn ports(workload: &mut Workload<'_>) {
    for (number, target, http, reached) in std::mem::take(&mut workload.part.service_ports) {
        let target = match &target {
            Value::String(name) => {
                workload.part.component.ports.get(&super::super::names::port(name)).copied()
            }
            other => other.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0),
        };
        let Some(target) = target else { continue };
        if http {
            workload.part.http.push(target);
        }
        workload.part.port(target, None);
        if number != target {
            workload.part.forwards.insert(number, target);
            let message = format!(
                "its port {number} was port {target} of the container: here it is {target} for everybody"
            );
            workload.note(Kind::Changed, "", message, "");
        }
        if reached {
            workload.part.published.push((target, Some(number)));
        }
    }
}

/// A container that runs beside the component's own.
fn beside(workload: &mut Workload<'_>, other: &Value, at: &str, list: &str) {
    let name = text(other, "name").unwrap_or_default().to_owned();
    let alone = ["volumeMounts", "envFrom"].iter().all(|key| other.get(*key).is_none_or(Value::is_null))
        && !items(other.get("env"), "").iter().any(|(variable, _)| variable.get("valueFrom").is_some());
    if alone {
        let mut copy = other.clone();
        if let Some(map) = copy.as_object_mut() {
            map.retain(|key, _| !key.starts_with("termination") && key != "imagePullPolicy");
        }
        let pod = workload.part.component.pod.get_or_insert_with(|| json!({}));
        match pod.get_mut(list).and_then(Value::as_array_mut) {
            Some(there) => there.push(copy),
            None => pod[list] = json!([copy]),
        }
        workload.note(
            Kind::Changed,
            at,
            format!("container `{name}` runs beside it, in Kubernetes' own words"),
            "",
        );
    } else {
        let message = format!("container `{name}` is left out: it needs volumes or settings of others");
        let instead = format!(
            "write it under `pod: {{{list}: […]}}`; a volume at `/var/log/web` is called `var-log-web`"
        );
        workload.note(Kind::Todo, at, message, &instead);
    }
}

/// A container that runs first: a migration is a job, waiting is what `uses` is for.
fn first(workload: &mut Workload<'_>, spec: &Value, other: &Value, at: &str) {
    let name = text(other, "name").unwrap_or_default().to_owned();
    let words = container::words(other.get("command")).into_iter().chain(container::words(other.get("args")));
    let words: Vec<String> = words.collect();
    if text(other, "restartPolicy") == Some("Always") {
        beside(workload, other, at, "initContainers");
    } else if known::migrates(&words) || known::migrates(std::slice::from_ref(&name)) {
        let main = std::mem::take(&mut workload.part);
        let job = workload.reader.draft.free_name(&format!("{}-{name}", main.name));
        workload.part = Part { name: job, place: workload.object.place(at), once: true, ..Part::default() };
        workload.part.hosts.push(workload.part.name.clone());
        container::read(workload, other, at);
        files::read(workload, spec, other, at);
        workload.note(
            Kind::Changed,
            at,
            format!("`{name}` ran before each pod, and runs once before components change"),
            "",
        );
        let job = std::mem::replace(&mut workload.part, main);
        workload.before.push(job);
    } else if words.join(" ").contains("nc -z")
        || words.join(" ").contains("until ")
        || name.starts_with("wait")
    {
        workload.note(
            Kind::Left,
            at,
            format!("`{name}` waits for others: `uses` says what has to be there first"),
            "",
        );
    } else {
        beside(workload, other, at, "initContainers");
    }
}

fn whole(workload: &mut Workload<'_>, spec: &Value) {
    let at = workload.at.clone();
    if let Some(seconds) =
        spec.get("terminationGracePeriodSeconds").and_then(quantity::seconds).filter(|s| *s > 0 && *s != 30)
    {
        let stop = workload.part.component.stop.get_or_insert_default();
        stop.grace = Some(quantity::duration(seconds));
        if seconds <= 5 {
            stop.drain = Some("0s".to_owned());
        }
    }
    let mut own = Map::new();
    for (key, value) in spec.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let at = format!("{at}/{key}");
        match key.as_str() {
            "containers"
            | "initContainers"
            | "volumes"
            | "restartPolicy"
            | "terminationGracePeriodSeconds"
            | "securityContext"
            | "dnsPolicy"
            | "schedulerName"
            | "serviceAccount"
            | "automountServiceAccountToken"
            | "enableServiceLinks"
            | "activeDeadlineSeconds"
            | "preemptionPolicy"
            | "priority" => {}
            "serviceAccountName" => account(workload, value, &at),
            "nodeSelector" | "tolerations" | "affinity" | "hostAliases" | "priorityClassName"
            | "dnsConfig" | "runtimeClassName" => {
                own.insert(key.clone(), value.clone());
            }
            "imagePullSecrets" => {
                let instead = "Secret `outboard-registries` in the control namespace holds the credentials of registries";
                workload.note(Kind::Left, &at, "who may pull images is said once for all", instead);
            }
            "topologySpreadConstraints" => {
                workload.note(Kind::Left, &at, "replicas are spread over zones and nodes anyway", "");
            }
            "nodeName" | "hostNetwork" | "hostPID" | "hostIPC" => {
                workload.note(
                    Kind::Left,
                    &at,
                    format!("`{key}` ties it to its node"),
                    "what serves nodes is installed beside environments",
                );
            }
            _ => workload.note(
                Kind::Left,
                &at,
                format!("`{key}` has no counterpart"),
                "`pod:` takes it in Kubernetes' own words",
            ),
        }
    }
    if !own.is_empty() {
        let keys: Vec<String> = own.keys().cloned().collect();
        let pod = workload.part.component.pod.get_or_insert_with(|| json!({}));
        if let Some(pod) = pod.as_object_mut() {
            pod.extend(own);
        }
        workload.note(Kind::Changed, &at, format!("said in Kubernetes' own words: {}", keys.join(", ")), "");
    }
}

fn account(workload: &mut Workload<'_>, value: &Value, at: &str) {
    let name = value.as_str().unwrap_or_default();
    if name.is_empty() || name == "default" {
        return;
    }
    let account = workload.reader.find("ServiceAccount", name);
    let role = account.and_then(|account| {
        account
            .value
            .pointer("/metadata/annotations")?
            .get("eks.amazonaws.com/role-arn")?
            .as_str()
            .map(str::to_owned)
    });
    match role {
        Some(role) => workload.part.component.identity = Some(Identity { role }),
        None => {
            let message =
                format!("it runs as ServiceAccount `{name}`: components get no token of Kubernetes");
            workload.note(Kind::Left, at, message, "`identity: {role: …}` makes it known to AWS");
        }
    }
}

/// Whether a name may stand as it is.
pub fn port_name(name: Option<&str>) -> Option<&str> {
    name.filter(|name| PortName::parse(name).is_ok())
}
