//! The kinds of poison: environments that can never be well, each for a reason of its own.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use api::{Environment, EnvironmentSpec, Project};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::tools::kubectl;

const LIMIT: Duration = Duration::from_secs(60);
/// A finalizer that nobody ever removes, but we.
const STUCK: &str = "bench.outboard.dev/stuck";
const SPACES: &str = "bench.outboard.dev/poison";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// What is stored for it is no revision at all.
    Unreadable,
    /// An object of its revision is none.
    Damaged,
    /// An object of its revision is one that Kubernetes refuses.
    Refused,
    /// Its namespace is somebody else's.
    Taken,
    /// Its project does not exist.
    Orphan,
    /// Its namespace has no room for the object that was deleted in it.
    Full,
    /// An object of it is being deleted and never goes.
    Stuck,
}

/// What came of one.
pub struct Poison {
    pub kind: Kind,
    /// Whether its status says so.
    pub told: bool,
    pub verdict: String,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Unreadable, Self::Damaged, Self::Refused, Self::Taken, Self::Orphan, Self::Full, Self::Stuck];

    pub fn words(self) -> &'static str {
        match self {
            Self::Unreadable => "its record cannot be read",
            Self::Damaged => "its record holds what is no object",
            Self::Refused => "its record holds what Kubernetes refuses",
            Self::Taken => "its namespace is somebody else's",
            Self::Orphan => "its project does not exist",
            Self::Full => "its namespace has no room",
            Self::Stuck => "an object of it never goes",
        }
    }

    fn name(self) -> String {
        format!("poison-{self:?}").to_lowercase()
    }
}

/// Makes one, and waits until the operator has seen what is wrong with it.
pub async fn make(client: &Client, control: &str, kind: Kind) -> anyhow::Result<Poison> {
    let name = kind.name();
    let namespace = format!("{control}-{name}");
    let environments = Api::<Environment>::namespaced(client.clone(), control);
    if kind == Kind::Taken {
        let taken = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {SPACES: ""}}});
        block_in_place(|| kubectl(&["create", "-f", "-"], Some(&taken.to_string())))?;
    }
    let project = Api::<Project>::namespaced(client.clone(), control).get(control).await?;
    let spec = EnvironmentSpec {
        project: if kind == Kind::Orphan { "nobodys".to_owned() } else { control.to_owned() },
        project_revision: project.status.and_then(|status| status.revision).context("no revision")?,
        class: "default".to_owned(),
        ..EnvironmentSpec::default()
    };
    environments.create(&PostParams::default(), &Environment::new(&name, spec)).await?;
    let deployments = Api::<Deployment>::namespaced(client.clone(), &namespace);
    match kind {
        Kind::Taken | Kind::Orphan => {}
        _ => {
            wait(&environments, &name, "ready", |environment| state(environment).0).await?;
            match kind {
                Kind::Unreadable | Kind::Damaged | Kind::Refused => {
                    damage(client, control, &name, |data| spoil(kind, data)).await?;
                }
                Kind::Full => {
                    let full = json!({
                        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full", "namespace": namespace},
                        "spec": {"hard": {"count/deployments.apps": "0"}},
                    });
                    block_in_place(|| kubectl(&["create", "-f", "-"], Some(&full.to_string())))?;
                    deployments.delete("app-1", &DeleteParams::background()).await?;
                }
                _ => {
                    let stuck = json!({"metadata": {"finalizers": [STUCK]}});
                    deployments.patch("app-1", &PatchParams::default(), &Patch::Merge(&stuck)).await?;
                    deployments.delete("app-1", &DeleteParams::background()).await?;
                }
            }
        }
    }
    // A record that cannot be read is made anew: such an environment is well again.
    let heals = matches!(kind, Kind::Unreadable | Kind::Damaged);
    let seen = wait(&environments, &name, kind.words(), |environment| {
        let (ready, told) = state(environment);
        if heals { ready && revision(environment) == Some(2) } else { !ready && told.is_some() }
    })
    .await;
    let environment = environments.get(&name).await?;
    let (ready, told) = state(&environment);
    let verdict = told.unwrap_or_else(|| if ready { "ready".to_owned() } else { "not ready".to_owned() });
    Ok(Poison { kind, told: seen.is_ok(), verdict })
}

/// Whether it is ready, and if not what it says why.
fn state(environment: &Environment) -> (bool, Option<String>) {
    let status = environment.status.clone().unwrap_or_default();
    let ready = api::condition::find(&status.conditions, api::condition::READY);
    let ready = ready.is_some_and(api::Condition::is_true);
    let waits =
        status.parts.iter().find(|part| part.state != api::PartState::Ready && !part.message.is_empty());
    let waits = waits.map(|part| part.message.clone());
    (ready, status.verdict.map(|verdict| verdict.message).or(waits))
}

fn revision(environment: &Environment) -> Option<i64> {
    environment.status.as_ref().and_then(|status| status.revision)
}

async fn wait(
    environments: &Api<Environment>,
    name: &str,
    what: &str,
    is: impl Fn(&Environment) -> bool,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is(&environments.get(name).await?) {
        ensure!(begun.elapsed() < LIMIT, "{name}: {what}: not within {} s", LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Kubernetes keeps the data of a record immutable: so it is deleted and made anew, damaged.
async fn damage(
    client: &Client,
    control: &str,
    name: &str,
    change: impl FnOnce(&mut Value),
) -> anyhow::Result<()> {
    let records = Api::<ControllerRevision>::namespaced(client.clone(), control);
    let mut record = records.get(&format!("{name}-r1")).await?;
    change(&mut record.data.as_mut().context("a record without data")?.0);
    records.delete(&record.name_any(), &DeleteParams::default()).await?;
    record.metadata.resource_version = None;
    record.metadata.uid = None;
    records.create(&PostParams::default(), &record).await?;
    // An edit makes the operator look.
    let edit = json!({"metadata": {"annotations": {SPACES: "1"}}});
    let environments = Api::<Environment>::namespaced(client.clone(), control);
    environments.patch(name, &PatchParams::default(), &Patch::Merge(&edit)).await?;
    Ok(())
}

fn spoil(kind: Kind, data: &mut Value) {
    let object = &mut data["parts"][0]["objects"][0];
    match kind {
        Kind::Damaged => object["metadata"] = json!("?"),
        Kind::Refused => object["spec"]["template"] = json!({}),
        _ => *data = json!({"parts": "?"}),
    }
}

/// Takes the poison out of what an earlier run, or this one, made: so that all of it can be removed.
pub fn sweep(control: &str) -> anyhow::Result<()> {
    let namespace = format!("{control}-{}", Kind::Stuck.name());
    let stuck = ["-n", &namespace, "get", "deployment", "app-1", "--ignore-not-found", "-o", "name"];
    if !kubectl(&stuck, None)?.is_empty() {
        let free = ["-n", &namespace, "patch", "deployment", "app-1", "--type=merge", "-p"];
        kubectl(&[&free[..], &[r#"{"metadata":{"finalizers":null}}"#]].concat(), None)?;
    }
    kubectl(&["delete", "namespace", "-l", SPACES, "--wait"], None).map(drop)
}
