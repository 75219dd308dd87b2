//! Fetches what a verdict rests on: last log lines, Events, the node, what became of volumes.
//!
//! Evidence that cannot be had leaves the verdict without it; it never stops a reconcile.

use k8s_openapi::api::core::v1::{Event, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ListParams, LogParams};

use crate::plan::diagnose::{ClaimSeen, Facts, LOG_LINES, Need, NodeSeen, Told};

/// A line longer than this is cut: evidence is read by people, and status has a size limit.
const LINE_LENGTH: usize = 400;
/// The label by which a volume says on which nodes it lies.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// What the needs ask for.
pub async fn gather(client: &Client, namespace: &str, needs: &[Need], hidden: &[String]) -> Facts {
    let mut facts = Facts::default();
    let shown = |line: &str| shorten(&masked(line, hidden));
    for need in needs {
        match need {
            Need::Logs { pod, container, previous } => {
                let lines = logs(client, namespace, pod, container, *previous).await;
                facts.lines = lines.iter().map(|line| shown(line)).collect();
            }
            Need::Events { pod } => {
                let told = events(client, namespace, pod).await.into_iter();
                facts.events = told.map(|told| Told { message: shown(&told.message), ..told }).collect();
            }
            Need::Node { name } => facts.node = node(client, name).await,
            Need::Claims { names } => facts.claims = claims(client, namespace, names).await,
        }
    }
    facts
}

async fn logs(client: &Client, namespace: &str, pod: &str, container: &str, previous: bool) -> Vec<String> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let params = LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(LOG_LINES),
        previous,
        ..LogParams::default()
    };
    match pods.logs(pod, &params).await {
        Ok(text) if text.trim().is_empty() => vec!["the container wrote nothing".to_owned()],
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => vec![format!("the log of {pod} is not available")],
    }
}

/// What was said of an object, the newest last.
async fn events(client: &Client, namespace: &str, object: &str) -> Vec<Told> {
    let events = Api::<Event>::namespaced(client.clone(), namespace);
    let selector = format!("involvedObject.name={object}");
    let Ok(found) = events.list(&ListParams::default().fields(&selector)).await else { return Vec::new() };
    let mut found = found.items;
    found.sort_by_key(happened);
    found
        .into_iter()
        .map(|event| Told {
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        })
        .collect()
}

/// Writers of the old kind count in the last of these, those of the new kind leave it out.
fn happened(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let times = [series.map(|time| time.0), event.event_time.as_ref().map(|time| time.0)];
    let last = [&event.last_timestamp, &event.metadata.creation_timestamp];
    last.into_iter()
        .filter_map(|time| time.as_ref().map(|time| time.0))
        .chain(times.into_iter().flatten())
        .max()
}

/// None: it could not be asked.
async fn node(client: &Client, name: &str) -> Option<NodeSeen> {
    let Some(node) = Api::<Node>::all(client.clone()).get_opt(name).await.ok()? else {
        return Some(NodeSeen::Gone);
    };
    let conditions = node.status.unwrap_or_default().conditions.unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    Some(match ready {
        Some(ready) if ready.status == "True" => NodeSeen::Ready,
        Some(ready) => NodeSeen::NotReady(ready.message.or(ready.reason).unwrap_or_default()),
        None => NodeSeen::NotReady("it has not reported yet".to_owned()),
    })
}

/// What became of claims; those that cannot be asked for are left out.
async fn claims(client: &Client, namespace: &str, names: &[String]) -> Vec<ClaimSeen> {
    let api = Api::<PersistentVolumeClaim>::namespaced(client.clone(), namespace);
    let mut seen = Vec::new();
    for name in names {
        let Ok(found) = api.get_opt(name).await else { continue };
        let Some(claim) = found else {
            seen.push(ClaimSeen { name: name.clone(), ..ClaimSeen::default() });
            continue;
        };
        let volume = claim.spec.and_then(|spec| spec.volume_name).filter(|volume| !volume.is_empty());
        let mut found = ClaimSeen { name: name.clone(), exists: true, volume, ..ClaimSeen::default() };
        match &found.volume {
            Some(volume) => {
                let Ok(volume) = Api::<PersistentVolume>::all(client.clone()).get_opt(volume).await else {
                    continue;
                };
                found.volume_exists = volume.is_some();
                found.nodes = volume.as_ref().map(hosts).unwrap_or_default();
                found.nodes_gone = !found.nodes.is_empty() && all_gone(client, &found.nodes).await;
            }
            None => {
                let told = events(client, namespace, name).await;
                let failed = told.into_iter().rev().find(|told| told.reason == "ProvisioningFailed");
                found.told = failed.map(|told| shorten(&told.message));
            }
        }
        seen.push(found);
    }
    seen
}

/// The nodes on which alone a volume can be had, by their host names.
fn hosts(volume: &PersistentVolume) -> Vec<String> {
    let required = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref()?.required.as_ref());
    let terms = required.into_iter().flat_map(|required| &required.node_selector_terms);
    let expressions = terms.flat_map(|term| term.match_expressions.iter().flatten());
    let named = expressions.filter(|found| found.key == HOSTNAME && found.operator == "In");
    named.flat_map(|found| found.values.iter().flatten().cloned()).collect()
}

/// Whether no node of these host names is left. Not knowing is no.
async fn all_gone(client: &Client, hosts: &[String]) -> bool {
    let selector = format!("{HOSTNAME} in ({})", hosts.join(","));
    let nodes = Api::<Node>::all(client.clone());
    nodes
        .list_metadata(&ListParams::default().labels(&selector))
        .await
        .is_ok_and(|found| found.items.is_empty())
}

/// The line without the secrets that a careless program may have written into it; before it is cut, since half
/// a password would not be recognised.
pub fn masked(line: &str, hidden: &[String]) -> String {
    hidden.iter().fold(line.to_owned(), |line, secret| line.replace(secret, "•••"))
}

/// What a program said, in a line that people may read.
pub fn line(said: &str, hidden: &[String]) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    shorten(&masked(said, hidden).chars().map(plain).collect::<String>())
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(LINE_LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_log_line_never_becomes_evidence() {
        let line = "cannot connect to mysql://app:s3cr3t@db:3306/app";
        assert_eq!(masked(line, &["s3cr3t".to_owned()]), "cannot connect to mysql://app:•••@db:3306/app");
    }

    #[test]
    fn what_a_program_said_becomes_one_line_that_is_short_and_has_no_password() {
        let said = format!("near 's3cr3t'\u{1b}[31m\n{}", "x".repeat(999));
        let line = line(&said, &["s3cr3t".to_owned()]);
        assert!(line.starts_with("near '•••' [31m xxx"), "{line}");
        assert_eq!(line.chars().count(), LINE_LENGTH + 1);
    }
}
