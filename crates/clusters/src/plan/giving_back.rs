//! What a cluster's Kubernetes has to give back before it goes: which Services have load balancers, which claims have volumes,
//! and which pods hold those.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The steps of a destruction, in their order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    Hostnames,
    LoadBalancers,
    Volumes,
    Sweep,
    Terraform,
    Proof,
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Self::Hostnames => "hostnames",
            Self::LoadBalancers => "load balancers",
            Self::Volumes => "volumes",
            Self::Sweep => "sweep",
            Self::Terraform => "terraform",
            Self::Proof => "proof",
        }
    }
}

/// What became of one of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub phase: Phase,
    /// Whether it did what it is for; else it was passed over.
    pub done: bool,
    pub said: String,
    /// What it could not do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// Whether something of the cluster is kept from working for it, which is to be let go if the destruction is taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holds: bool,
    /// RFC 3339 in UTC.
    pub at: String,
}

/// What was shown to whoever lets a cluster be destroyed: nothing else is given back.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Agreed {
    pub environments: BTreeSet<Name>,
    /// Why nothing was looked at: nothing is given back then, whatever answers later.
    pub passed_over: Option<String>,
}

impl Agreed {
    /// Environments that nobody was shown.
    pub fn unseen<'a>(&self, all: &'a [Name]) -> Vec<&'a Name> {
        all.iter().filter(|name| !self.environments.contains(*name)).collect()
    }
}

/// What is said of volumes that stay on purpose.
pub const KEPT: &str = "kept";

/// What of an earlier run holds for this one: volumes that were to be kept then may be to go now.
pub fn go_on(steps: &mut Vec<Step>) {
    steps.retain(|step| !(step.phase == Phase::Volumes && step.said == KEPT));
}

/// Notes a step down. What was done by an earlier run is not undone by one that could not do it again.
pub fn note_down(steps: &mut Vec<Step>, step: Step) {
    match steps.iter_mut().find(|known| known.phase == step.phase) {
        Some(known) if known.done && !step.done && step.left.is_empty() => {}
        // What was left then is left still, if this one could not even look.
        Some(known) if !step.done && step.left.is_empty() && !known.left.is_empty() => {}
        Some(known) => *known = step,
        None => steps.push(step),
    }
    steps.sort_by_key(|step| step.phase);
}

/// Namespace and name.
pub type Name = (String, String);

pub fn name(object: &Value) -> Name {
    let of = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (of("namespace"), of("name"))
}

pub fn place((namespace, name): &Name) -> String {
    if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") }
}

/// A Service with a load balancer, and the Gateway that would make it anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Balancer {
    pub service: Name,
    pub gateway: Option<Name>,
}

pub fn balancers(services: &[Value]) -> Vec<Balancer> {
    let balanced = services.iter().filter(|service| service["spec"]["type"] == "LoadBalancer");
    balanced
        .map(|service| {
            let label = |key: &str| service["metadata"]["labels"][key].as_str().map(str::to_owned);
            let gateway = label("gateway.envoyproxy.io/owning-gateway-namespace")
                .zip(label("gateway.envoyproxy.io/owning-gateway-name"));
            Balancer { service: name(service), gateway }
        })
        .collect()
}

/// On nodes that a destruction keeps from taking pods.
pub const CORDONED: &str = "outboard.dev/cordoned-by-destroy";

/// On an autoscaler that a destruction keeps from running: how many there were.
pub const REPLICAS: &str = "outboard.dev/replicas-before-destroy";

/// On volumes that a destruction keeps, and that would go with their claims otherwise.
pub const RETAINED: &str = "outboard.dev/retained-by-destroy";

/// Those whose claim is there still: what was kept of one that is gone stays kept.
pub fn retained(volumes: &[Value]) -> Vec<String> {
    let ours = volumes.iter().filter(|volume| volume["metadata"]["annotations"][RETAINED].is_string());
    ours.filter(|volume| volume["status"]["phase"] == "Bound").map(|volume| name(volume).1).collect()
}

/// Nodes that take pods.
pub fn open(nodes: &[Value]) -> Vec<String> {
    nodes.iter().filter(|node| node["spec"]["unschedulable"] != true).map(|node| name(node).1).collect()
}

/// Nodes that take none because of a destruction.
pub fn closed(nodes: &[Value]) -> Vec<String> {
    let marked = nodes.iter().filter(|node| node["metadata"]["annotations"][CORDONED].is_string());
    marked.map(|node| name(node).1).collect()
}

/// Volumes that were made for a claim and go with it.
pub fn volumes(volumes: &[Value]) -> Vec<String> {
    let made = volumes.iter().filter(|volume| {
        volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
            && volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"].is_string()
    });
    made.map(|volume| name(volume).1).collect()
}

/// Claims on those volumes.
pub fn claims(claims: &[Value], volumes: &[String]) -> Vec<Name> {
    let bound = claims.iter().filter(|claim| {
        claim["spec"]["volumeName"].as_str().is_some_and(|volume| volumes.iter().any(|one| one == volume))
    });
    bound.map(name).collect()
}

/// Pods that use one of the claims.
pub fn users(pods: &[Value], claims: &[Name]) -> Vec<Name> {
    let wanted: BTreeSet<&Name> = claims.iter().collect();
    let uses = |pod: &&Value| {
        let namespace = name(pod).0;
        let mounted = pod["spec"]["volumes"].as_array();
        mounted.into_iter().flatten().any(|volume| {
            volume["persistentVolumeClaim"]["claimName"]
                .as_str()
                .is_some_and(|claim| wanted.contains(&(namespace.clone(), claim.to_owned())))
        })
    };
    pods.iter().filter(uses).map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pair(namespace: &str, name: &str) -> Name {
        (namespace.to_owned(), name.to_owned())
    }

    #[test]
    fn a_gateway_goes_with_its_service_else_it_would_make_another() {
        let services = [
            json!({"metadata": {"namespace": "a", "name": "plain"}, "spec": {"type": "LoadBalancer"}}),
            json!({"metadata": {"namespace": "a", "name": "inside"}, "spec": {"type": "ClusterIP"}}),
            json!({"metadata": {"namespace": "eg", "name": "envoy-1", "labels": {
                "gateway.envoyproxy.io/owning-gateway-namespace": "eg",
                "gateway.envoyproxy.io/owning-gateway-name": "outboard"}}, "spec": {"type": "LoadBalancer"}}),
        ];
        let expected = [
            Balancer { service: pair("a", "plain"), gateway: None },
            Balancer { service: pair("eg", "envoy-1"), gateway: Some(pair("eg", "outboard")) },
        ];
        assert_eq!(balancers(&services), expected);
    }

    #[test]
    fn nodes_that_somebody_else_closed_stay_closed_when_a_destruction_is_taken_back() {
        let node = |name: &str, closed: bool, mark: Value| json!({"metadata": {"name": name, "annotations": mark}, "spec": {"unschedulable": closed}});
        let before = [node("i-1", false, json!({})), node("i-2", true, json!({}))];
        assert_eq!(open(&before), ["i-1"]);
        let after = [node("i-1", true, json!({CORDONED: "true"})), node("i-2", true, json!({}))];
        assert_eq!(open(&after), [""; 0]);
        assert_eq!(closed(&after), ["i-1"]);
        let volume = |name: &str, phase: &str, mark: Value| json!({"metadata": {"name": name, "annotations": mark}, "status": {"phase": phase}});
        let mark = json!({RETAINED: "true"});
        let volumes = [
            volume("pv-1", "Bound", mark.clone()),
            volume("pv-2", "Released", mark),
            volume("pv-3", "Bound", json!({})),
        ];
        assert_eq!(retained(&volumes), ["pv-1"]);
    }

    #[test]
    fn volumes_that_were_made_for_claims_go_and_those_that_somebody_brought_or_wants_to_keep_stay() {
        let volume = |name: &str, policy: &str, made: Value| json!({"metadata": {"name": name, "annotations": made}, "spec": {"persistentVolumeReclaimPolicy": policy}});
        let made = json!({"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"});
        let all = [
            volume("pv-1", "Delete", made.clone()),
            volume("pv-2", "Retain", made),
            volume("pv-3", "Delete", json!({})),
        ];
        let going = volumes(&all);
        assert_eq!(going, ["pv-1"]);
        let claim = |name: &str, volume: &str| json!({"metadata": {"namespace": "a", "name": name}, "spec": {"volumeName": volume}});
        let bound = claims(&[claim("data", "pv-1"), claim("kept", "pv-2")], &going);
        assert_eq!(bound, [pair("a", "data")]);
        let pod = |namespace: &str, name: &str, claim: &str| {
            json!({"metadata": {"namespace": namespace, "name": name},
                "spec": {"volumes": [{"emptyDir": {}}, {"persistentVolumeClaim": {"claimName": claim}}]}})
        };
        let pods = [pod("a", "db-0", "data"), pod("b", "db-0", "data"), pod("a", "other", "kept")];
        assert_eq!(users(&pods, &bound), [pair("a", "db-0")]);
    }

    #[test]
    fn what_an_earlier_run_did_stays_noted_when_a_later_one_could_not_do_it() {
        let step = |phase: Phase, done: bool, said: &str| Step {
            phase,
            done,
            said: said.into(),
            left: Vec::new(),
            holds: false,
            at: String::new(),
        };
        let mut steps = Vec::new();
        note_down(&mut steps, step(Phase::Terraform, false, "stopped"));
        note_down(&mut steps, step(Phase::Hostnames, true, "2 given back"));
        note_down(&mut steps, step(Phase::Hostnames, false, "the API does not answer"));
        note_down(&mut steps, step(Phase::Terraform, true, "51 resources"));
        let said: Vec<&str> = steps.iter().map(|step| step.said.as_str()).collect();
        assert_eq!(said, ["2 given back", "51 resources"]);
        // Names of what was not given back stay known: nobody finds those again.
        let mut steps = Vec::new();
        let left = vec!["host a".to_owned()];
        note_down(&mut steps, Step { left: left.clone(), ..step(Phase::Hostnames, false, "not in time") });
        note_down(&mut steps, step(Phase::Hostnames, false, "the API does not answer"));
        assert_eq!(steps[0].left, left);
        // What came since and was not given back is not hidden by what was.
        let mut steps = Vec::new();
        note_down(&mut steps, step(Phase::Hostnames, true, "2 given back"));
        note_down(
            &mut steps,
            Step { left: left.clone(), ..step(Phase::Hostnames, false, "no operator runs") },
        );
        assert_eq!((steps[0].done, &steps[0].left), (false, &left));
    }

    #[test]
    fn volumes_that_were_to_stay_may_be_to_go_the_next_time() {
        let step = |phase, said: &str| Step {
            phase,
            done: true,
            said: said.into(),
            left: Vec::new(),
            holds: false,
            at: String::new(),
        };
        let mut steps = vec![step(Phase::Hostnames, "2 given back"), step(Phase::Volumes, KEPT)];
        go_on(&mut steps);
        assert_eq!(steps, [step(Phase::Hostnames, "2 given back")]);
        let mut gone = vec![step(Phase::Volumes, "3 volumes given back")];
        go_on(&mut gone);
        assert_eq!(gone.len(), 1);
    }

    #[test]
    fn an_environment_that_nobody_was_shown_is_found() {
        let agreed = Agreed { environments: [pair("shop", "qa")].into(), ..Agreed::default() };
        assert_eq!(agreed.unseen(&[pair("shop", "qa"), pair("shop", "live")]), [&pair("shop", "live")]);
    }
}
