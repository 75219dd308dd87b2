//! Why machines of a cluster are not nodes of it: from what they said of themselves, what EC2 says of them, and what the load
//! balancer of the API finds.

use aws::{Health, Machine};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// How long a step may take before it is told.
const LONG: SignedDuration = SignedDuration::from_mins(10);

/// What a machine last said of itself: time, role, step, words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    pub id: String,
    pub said: String,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub id: String,
    pub name: String,
    pub state: String,
    /// How far it says it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub step: String,
    /// Why it is no node, if that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The end of its console.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub console: Vec<String>,
}

/// One for each machine; those with a cause first.
pub fn findings(machines: &[Machine], marks: &[Mark], health: &[Health], now: Timestamp) -> Vec<Finding> {
    let mut found: Vec<Finding> = machines
        .iter()
        .map(|machine| {
            let said = marks.iter().find(|mark| mark.id == machine.id).map(|mark| mark.said.as_str());
            let health = health.iter().find(|health| health.id == machine.id);
            Finding {
                id: machine.id.clone(),
                name: machine.name.clone(),
                state: machine.state.clone(),
                step: said.map(step).unwrap_or_default(),
                cause: cause(machine, said, health, now),
                console: Vec::new(),
            }
        })
        .collect();
    found.sort_by(|a, b| (a.cause.is_none(), &a.name, &a.id).cmp(&(b.cause.is_none(), &b.name, &b.id)));
    found
}

/// Without time and role.
fn step(said: &str) -> String {
    said.splitn(3, ' ').nth(2).unwrap_or(said).trim().to_owned()
}

fn cause(machine: &Machine, said: Option<&str>, health: Option<&Health>, now: Timestamp) -> Option<String> {
    let for_long =
        |since: &str| since.parse::<Timestamp>().is_ok_and(|since| now.duration_since(since) > LONG);
    if machine.state != "running" {
        return (machine.state != "pending").then(|| format!("EC2 says that it is {}", machine.state));
    }
    let Some(said) = said else {
        let silent = "it has said nothing since it was started: it reaches neither S3 nor SSM, or its image lacks curl, openssl or the AWS CLI";
        return for_long(&machine.launched).then(|| silent.to_owned());
    };
    let step = step(said);
    if let Some(why) = step.strip_prefix("Failed") {
        return Some(why.trim().to_owned());
    }
    if !step.starts_with("Ready") {
        let since = said.split(' ').next().unwrap_or_default();
        return for_long(since).then(|| format!("it is at `{step}` since {since}"));
    }
    let health = health.filter(|health| health.state == "unhealthy")?;
    Some(format!("the load balancer of the API finds it unhealthy: {}", health.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_that_is_no_node_is_told_with_its_cause_and_comes_first() {
        let machine = |id: &str, state: &str| Machine {
            id: id.into(),
            name: format!("qa-{id}"),
            state: state.into(),
            launched: "2026-11-26T00:00:00Z".into(),
            ..Machine::default()
        };
        let machines = ["a", "b", "c", "d", "e", "f"]
            .map(|id| machine(id, if id == "f" { "terminated" } else { "running" }));
        let mark = |id: &str, said: &str| Mark { id: id.into(), said: said.into() };
        let marks = [
            mark("a", "2026-11-26T00:29:00Z control-plane Ready"),
            mark("b", "2026-11-26T00:05:00Z worker Installing Kubernetes 1.34.2"),
            mark("d", "2026-11-26T00:05:00Z worker Failed kubeadm join failed: see journalctl -u kubelet"),
            mark("e", "2026-11-26T00:05:00Z control-plane Ready"),
        ];
        let health = [
            Health { id: "a".into(), state: "healthy".into(), why: String::new() },
            Health { id: "e".into(), state: "unhealthy".into(), why: "Health checks failed".into() },
        ];
        let now = "2026-11-26T00:30:00Z".parse().unwrap();
        insta::assert_json_snapshot!(findings(&machines, &marks, &health, now));
    }
}
