//! `env explain`: why an environment is not ready, and why it was not before; of one that was destroyed, as long as its
//! revisions are kept.

use api::{Environment, Given, Verdict, marks};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::ResourceExt;
use schemars::JsonSchema;
use serde::Serialize;

use super::list::State;
use super::outlook::pending;
use super::{history, list, read};
use crate::{Cluster, Result};

/// Why an environment is as it is.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub environment: String,
    /// None: it was destroyed.
    pub state: Option<State>,
    /// Why it is not ready now, …
    pub verdict: Option<Verdict>,
    /// … and with which code a command that waits for it ends.
    pub exit: Option<u8>,
    /// What is not ready yet, where that is no verdict.
    pub pending: Vec<String>,
    /// Verdicts that were given before, the newest first.
    pub earlier: Vec<Earlier>,
    /// It was destroyed; until when this is kept.
    pub kept_until: Option<String>,
}

/// A verdict that was given before.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    pub revision: i64,
    #[serde(flatten)]
    pub given: Given,
}

/// Reads why an environment is not ready.
pub async fn explain(cluster: &Cluster, namespace: &str, name: &str) -> Result<Explained> {
    let environment = read::find(cluster, namespace, name).await?;
    let revisions = history::stored(cluster, namespace, name).await;
    let Some(environment) = environment else {
        let revisions = revisions?;
        if revisions.is_empty() {
            return Err(read::unknown(cluster, namespace, name).await);
        }
        return Ok(destroyed(name, &revisions));
    };
    // What is so now is worth telling without the right to read what was.
    Ok(living(&environment, &revisions.unwrap_or_default()))
}

fn living(environment: &Environment, revisions: &[ControllerRevision]) -> Explained {
    let status = environment.status.clone().unwrap_or_default();
    let project = &environment.spec.project;
    let of_project = |found: &&ControllerRevision| found.labels().get(marks::PROJECT) == Some(project);
    let summary = list::summary(environment);
    let ready = summary.state == State::Ready;
    let mut earlier = given(revisions.iter().filter(of_project));
    if let Some(now) = &status.verdict {
        // What holds still is told as that, with the newest words.
        earlier.retain(|earlier| {
            let given = &earlier.given;
            given.until.is_some() || given.verdict.cause != now.cause || given.verdict.about != now.about
        });
    }
    Explained {
        environment: environment.name_any(),
        state: Some(summary.state),
        exit: status.verdict.as_ref().map(|verdict| verdict.cause.exit().code()),
        pending: if ready || status.verdict.is_some() { vec![] } else { pending(environment) },
        verdict: status.verdict,
        earlier,
        kept_until: None,
    }
}

fn destroyed(name: &str, revisions: &[ControllerRevision]) -> Explained {
    Explained {
        environment: name.to_owned(),
        state: None,
        verdict: None,
        exit: None,
        pending: vec![],
        earlier: given(revisions.iter()),
        kept_until: revisions.iter().filter_map(history::kept_until).max(),
    }
}

fn given<'a>(revisions: impl Iterator<Item = &'a ControllerRevision>) -> Vec<Earlier> {
    let of_each = |object: &'a ControllerRevision| {
        let revision = object.revision;
        Given::noted(object.annotations()).into_iter().map(move |given| Earlier { revision, given })
    };
    let mut all: Vec<Earlier> = revisions.flat_map(of_each).collect();
    all.sort_by_key(|earlier| (std::cmp::Reverse(earlier.given.at.0), std::cmp::Reverse(earlier.revision)));
    all
}

#[cfg(test)]
mod tests {
    use api::{Cause, EnvironmentSpec, EnvironmentStatus};
    use serde_json::json;

    use super::*;

    fn verdict(cause: Cause) -> serde_json::Value {
        json!({"cause": cause, "about": "component web", "message": "web keeps crashing", "fix": "mend it", "terminal": true})
    }

    fn revision(number: i64, noted: &serde_json::Value) -> ControllerRevision {
        serde_json::from_value(json!({
            "metadata": {
                "name": format!("qa-r{number}"),
                "labels": {marks::PROJECT: "shop"},
                "annotations": {marks::VERDICTS: noted.to_string(), marks::KEPT_UNTIL: "2026-12-02T12:00:00Z"},
            },
            "revision": number,
        }))
        .unwrap()
    }

    #[test]
    fn what_holds_still_is_told_once_and_what_was_before_the_newest_first() {
        let old = json!([{"verdict": verdict(Cause::OutOfMemory), "at": "2026-11-01T10:00:00Z", "until": "2026-11-01T11:00:00Z"}]);
        let new = json!([
            {"verdict": verdict(Cause::CrashLoop), "at": "2026-11-02T10:00:00Z", "until": "2026-11-02T11:00:00Z"},
            {"verdict": verdict(Cause::CrashLoop), "at": "2026-11-03T10:00:00Z"},
        ]);
        let revisions = [revision(1, &old), revision(2, &new)];
        let spec = EnvironmentSpec { project: "shop".into(), ..EnvironmentSpec::default() };
        let mut environment = Environment::new("qa", spec);
        let now = serde_json::from_value(verdict(Cause::CrashLoop)).unwrap();
        environment.status = Some(EnvironmentStatus { verdict: Some(now), ..EnvironmentStatus::default() });
        let explained = living(&environment, &revisions);
        assert_eq!(explained.exit, Some(21));
        let told: Vec<(i64, Cause)> =
            explained.earlier.iter().map(|earlier| (earlier.revision, earlier.given.verdict.cause)).collect();
        assert_eq!(told, [(2, Cause::CrashLoop), (1, Cause::OutOfMemory)]);
        let gone = destroyed("qa", &revisions);
        assert_eq!((gone.earlier.len(), gone.state), (3, None));
        assert_eq!(gone.kept_until.as_deref(), Some("2026-12-02T12:00:00Z"));
    }
}
