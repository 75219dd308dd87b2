//! Clusters whose files lie in a folder: how each is, what it costs, and what the last look at its drift on this machine has found.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::clusters::{ClusterFile, LastLook, Phase};
use futures::{StreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{Wanted, cost, source, status, wanted};
use crate::{Error, Result};

/// AWS is asked for no longer than this, of all of them: somebody is waiting.
const PATIENCE: Duration = Duration::from_secs(6);
const AT_ONCE: usize = 4;
/// More files than this are not looked at.
const MOST: usize = 100;
const LARGEST: u64 = 1024 * 1024;

/// One of them. What could not be learned is none, and `troubles` says why.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "ClusterOfFile")]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    pub file: String,
    pub name: Option<String>,
    pub region: Option<String>,
    pub topology: Option<String>,
    /// As the file says.
    pub kubernetes: Option<String>,
    /// `absent`, `locked`, `incomplete`, `applied` or `adopted`.
    pub state: Option<String>,
    /// Who works on it.
    pub locked_by: Option<String>,
    pub applied_at: Option<String>,
    pub endpoint: Option<String>,
    pub resources: Option<usize>,
    /// US dollars a month by list prices, …
    pub monthly: Option<f64>,
    /// … with as many nodes as there may be, …
    pub monthly_at_most: Option<f64>,
    /// … as of this day.
    pub prices_of: Option<String>,
    /// None: nobody has looked on this machine; without a `state`: that is not known.
    pub drift: Option<Drift>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub troubles: Vec<String>,
}

/// What the last look at what was changed behind Terraform's back has found.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "ClusterDrift")]
pub struct Drift {
    pub at: String,
    /// Addresses of what was changed or deleted.
    pub drifted: Vec<String>,
    /// How much the file asks for that nobody has applied.
    pub pending: usize,
}

/// Those of a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folder {
    pub clusters: Vec<Kept>,
    /// So many more lie there, which nobody has looked at.
    pub left_out: usize,
}

/// Every Cluster file of a folder, and `cluster.yaml` of the folders in it, by name; no more than a hundred.
pub async fn kept(folder: &Path) -> Result<Folder> {
    let unreadable = |source| Error::FileUnreadable { file: folder.display().to_string(), source };
    let there = folder.to_owned();
    let files = tokio::task::spawn_blocking(move || files(&there)).await;
    let mut files = files.map_err(|error| unreadable(std::io::Error::other(error)))?.map_err(unreadable)?;
    let left_out = files.len().saturating_sub(MOST);
    files.truncate(MOST);
    let until = Instant::now() + PATIENCE;
    let all = stream::iter(files).map(|file| look(file, until));
    Ok(Folder { clusters: all.buffered(AT_ONCE).collect().await, left_out })
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = vec![];
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A ConfigMap that is mounted has each file twice more, behind names that begin so.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        let path = if path.is_dir() { path.join(super::NAME) } else { path };
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if is_yaml && path.is_file() && is_cluster(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Other files may lie beside them. One that cannot be read at all is told, not passed over.
fn is_cluster(path: &Path) -> bool {
    if std::fs::metadata(path).is_ok_and(|there| there.len() > LARGEST) {
        return false;
    }
    let Ok(text) = std::fs::read_to_string(path) else { return true };
    match serde_saphyr::from_str::<Value>(&text) {
        Ok(read) => read["kind"] == "Cluster",
        Err(_) => text.lines().any(|line| line.trim_end() == "kind: Cluster"),
    }
}

async fn look(path: PathBuf, until: Instant) -> Kept {
    let file = path.display().to_string();
    let (mut kept, wanted) = match tokio::task::spawn_blocking(move || read(&path)).await {
        Ok(read) => read,
        Err(error) => {
            let mut kept = unknown(file);
            kept.troubles.push(format!("its file cannot be used: {error}"));
            return kept;
        }
    };
    let Some(wanted) = wanted else { return kept };
    match timeout_at(until, status(&wanted)).await {
        Ok(Ok(status)) => stored(&mut kept, &status),
        Ok(Err(error)) => kept.troubles.push(format!("its state cannot be read: {}", why(&error))),
        Err(_) => kept.troubles.push("its state cannot be read: AWS does not answer".to_owned()),
    }
    kept
}

/// What its file says; files and modules beside it are read.
fn read(path: &Path) -> (Kept, Option<Wanted>) {
    let mut kept = unknown(path.display().to_string());
    match wanted(&source(Some(path))) {
        Err(error) => {
            kept.troubles.push(format!("its file cannot be used: {}", unusable(&error)));
            (kept, None)
        }
        Ok(wanted) => {
            said(&mut kept, &wanted.file);
            price(&mut kept, &wanted);
            (kept, Some(wanted))
        }
    }
}

fn unknown(file: String) -> Kept {
    Kept {
        file,
        name: None,
        region: None,
        topology: None,
        kubernetes: None,
        state: None,
        locked_by: None,
        applied_at: None,
        endpoint: None,
        resources: None,
        monthly: None,
        monthly_at_most: None,
        prices_of: None,
        drift: None,
        troubles: vec![],
    }
}

/// What is wrong with it first.
fn unusable(error: &Error) -> String {
    match error {
        Error::File(broken) => {
            let first = broken.problems.first();
            first.map_or_else(
                || error.to_string(),
                |problem| format!("line {}: {}", problem.line, problem.message),
            )
        }
        error => error.to_string(),
    }
}

/// With what there is to know besides.
fn why(error: &super::Error) -> String {
    let told: Vec<String> = std::iter::once(error.to_string()).chain(error.details()).collect();
    told.join(": ")
}

fn said(kept: &mut Kept, file: &ClusterFile) {
    kept.name = Some(file.metadata.name.clone());
    kept.region = Some(file.spec.region.clone());
    kept.topology = Some(file.spec.topology.word().to_owned());
    kept.kubernetes = file.spec.kubernetes.clone();
}

fn price(kept: &mut Kept, wanted: &Wanted) {
    match cost(wanted) {
        Ok(Some(cost)) => {
            kept.monthly = Some(cost.monthly);
            kept.monthly_at_most = Some(cost.monthly_at_most);
            kept.prices_of = Some(cost.date);
        }
        Ok(None) => {}
        Err(error) => kept.troubles.push(format!("its price is not known: {}", why(&error))),
    }
}

fn stored(kept: &mut Kept, status: &super::Status) {
    let word = match status.phase {
        Phase::Absent => "absent",
        Phase::Locked => "locked",
        Phase::Incomplete => "incomplete",
        Phase::Applied => "applied",
        Phase::Adopted => "adopted",
    };
    kept.state = Some(word.to_owned());
    kept.locked_by = status.lock.as_ref().map(|lock| lock.who.clone());
    kept.applied_at = status.applied.as_ref().map(|applied| applied.at.clone());
    kept.resources = Some(status.resources);
    kept.endpoint = status.contract.as_ref().map(|contract| contract.endpoint.clone());
    let last = ::clusters::last_look(&status.id);
    kept.drift = last.map(|LastLook { at, drifted, pending }| Drift { at, drifted, pending });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_clusters_are_taken_and_a_broken_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("qa.yaml", "kind: Cluster\nmetadata: {name: qa}\n");
        put("broken.yml", "kind: Cluster\nspec: [\n");
        put("outboard.yaml", "kind: Project\n");
        put("notes.txt", "kind: Cluster\n");
        put("live/cluster.yaml", "kind: Cluster\n");
        put("live/other.yaml", "kind: Cluster\n");
        put("..data/cluster.yaml", "kind: Cluster\n");
        put(".qa.yaml", "kind: Cluster\n");
        let found = files(folder.path()).unwrap();
        let names: Vec<_> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["broken.yml", "live/cluster.yaml", "qa.yaml"]);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_told_with_why_and_no_figure() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("qa.yaml"), "kind: Cluster\nmetadata: {name: qa}\n").unwrap();
        let all = kept(folder.path()).await.unwrap().clusters;
        assert_eq!((all.len(), all[0].monthly, all[0].state.clone()), (1, None, None));
        assert!(all[0].troubles[0].starts_with("its file cannot be used: line "), "{:?}", all[0].troubles);
        assert!(kept(&folder.path().join("nowhere")).await.is_err());
    }

    #[tokio::test]
    async fn of_too_many_files_it_is_said_how_many_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MOST + 3 {
            let broken = "kind: Cluster\nspec: [\n";
            std::fs::write(folder.path().join(format!("{number:04}.yaml")), broken).unwrap();
        }
        let all = kept(folder.path()).await.unwrap();
        assert_eq!((all.clusters.len(), all.left_out), (MOST, 3));
    }
}
