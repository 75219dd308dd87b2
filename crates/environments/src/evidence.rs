//! Fetches what a verdict rests on: the last log lines of a container, the newest readiness event of a pod.
//!
//! Evidence that cannot be had leaves the verdict without it; it never stops a reconcile.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Client;
use kube::api::{Api, ListParams, LogParams};

use crate::plan::diagnose::{LOG_LINES, Need};

/// A line longer than this is cut: evidence is read by people, and status has a size limit.
const LINE_LENGTH: usize = 400;

/// The lines that a need asks for.
pub async fn gather(client: &Client, namespace: &str, need: &Need, hidden: &[String]) -> Vec<String> {
    let lines = match need {
        Need::Logs { pod, container, previous } => logs(client, namespace, pod, container, *previous).await,
        Need::Readiness { pod } => readiness(client, namespace, pod).await,
    };
    lines.iter().map(|line| shorten(&masked(line, hidden))).collect()
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

async fn readiness(client: &Client, namespace: &str, pod: &str) -> Vec<String> {
    let events = Api::<Event>::namespaced(client.clone(), namespace);
    let selector = format!("involvedObject.name={pod},reason=Unhealthy");
    let Ok(found) = events.list(&ListParams::default().fields(&selector)).await else { return Vec::new() };
    let newest = found.into_iter().max_by_key(|event| event.last_timestamp.as_ref().map(|time| time.0));
    newest.and_then(|event| event.message).map(|message| message.trim().to_owned()).into_iter().collect()
}

/// The line without the secrets that a careless program may have written into it; before it is cut, since half
/// a password would not be recognised.
pub fn masked(line: &str, hidden: &[String]) -> String {
    hidden.iter().fold(line.to_owned(), |line, secret| line.replace(secret, "•••"))
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
}
