//! `project versions`: what the registry of a component has, and which environments run it. The operator reads the registry; here
//! nobody has its credentials.

mod kept;

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::names::ClassName;
use api::{Environment, RegistryVersion, Role, VersionQuery, VersionQuerySpec, VersionQueryStatus};
use kube::Api;
use kube::Resource;
use kube::ResourceExt;
use kube::api::ListParams;
use schemars::JsonSchema;
use serde::Serialize;

use super::get;
use crate::environment::class;
use crate::question::{Question, ask};
use crate::suggest::nearest;
use crate::{Cluster, Error, Result, Sink};

pub use kept::Kept;

/// The operator gives up on a registry earlier than this.
const PATIENCE: Duration = Duration::from_secs(45);

/// Which versions are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    pub project: &'a str,
    pub component: &'a str,
    /// Whose credentials count; none: as for a new environment.
    pub class: Option<&'a ClassName>,
    /// The project revision whose repository counts; none: the project as it is now.
    pub revision: Option<&'a str>,
    /// What is in the tag.
    pub matching: &'a str,
    pub limit: u16,
}

/// What a registry has of one component.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "Versions")]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    pub project: String,
    pub component: String,
    /// With whose credentials the registry was asked.
    pub class: String,
    pub repository: String,
    /// The newest first.
    pub versions: Vec<Version>,
    /// How many tags match.
    pub matching: i64,
    /// How many tags were looked at.
    pub tags: i64,
    pub notes: Vec<String>,
}

/// One tag.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    #[serde(flatten)]
    pub version: RegistryVersion,
    /// Environments that run these bytes.
    pub runs_in: Vec<String>,
    /// Environments that run what the tag stood for before it was pushed again.
    pub outdated_in: Vec<String>,
}

/// Asks for the newest versions that match. What the registry does not tell is an error with its verdict.
pub async fn versions(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted<'_>,
    events: Sink<'_>,
) -> Result<Versions> {
    let Wanted { project, component, revision, matching, limit, .. } = *wanted;
    let spec = get(cluster, namespace, project).await?.spec;
    // An older revision may have others.
    if revision.is_none() && !spec.components.contains_key(component) {
        let known = || spec.components.keys().map(String::as_str);
        return Err(Error::NotFound {
            kind: "component",
            name: component.to_owned(),
            place: format!("project `{project}`"),
            nearest: nearest(component, known()),
            known: known().map(str::to_owned).collect(),
        });
    }
    let class = class(project, &spec, wanted.class)?;
    let image = spec.components.get(component).filter(|_| revision.is_none());
    let asked = VersionQuerySpec {
        project: project.to_owned(),
        project_revision: revision.map(str::to_owned),
        component: component.to_owned(),
        class: class.clone(),
        matching: Some(matching.to_owned()).filter(|said| !said.is_empty()),
        limit,
    };
    let key = cluster.kept.key(namespace, image.map(|component| component.image.as_str()), &asked);
    let status = match cluster.kept.find(&key, Instant::now()) {
        Some(known) => known,
        None => {
            let status = question(cluster, namespace, asked, events).await?;
            cluster.kept.put(key, &status, Instant::now());
            status
        }
    };
    if let Some(verdict) = status.verdict {
        return Err(Error::NoVersions { component: component.to_owned(), verdict: Box::new(verdict) });
    }
    let environments = Api::<Environment>::namespaced(cluster.client.clone(), namespace);
    let all = environments.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    let all: Vec<Arc<Environment>> = all.items.into_iter().map(Arc::new).collect();
    let running = running(&all, project, component);
    Ok(Versions {
        project: project.to_owned(),
        component: component.to_owned(),
        class,
        repository: status.repository,
        versions: status.versions.into_iter().map(|version| of(version, &running)).collect(),
        matching: status.matching,
        tags: status.tags,
        notes: status.notes,
    })
}

/// Has the operator look.
async fn question(
    cluster: &Cluster,
    namespace: &str,
    spec: VersionQuerySpec,
    events: Sink<'_>,
) -> Result<VersionQueryStatus> {
    let queries = Api::<VersionQuery>::namespaced(cluster.client.clone(), namespace);
    let what = format!("the versions of {}", spec.component);
    let generate_name = Some(format!("{}-", spec.component));
    let mut object = VersionQuery::new("", spec);
    object.metadata.name = None;
    object.metadata.generate_name = generate_name;
    let question = Question { api: &queries, object: &object, what, timeout: Some(PATIENCE) };
    let asked = ask(cluster, question, |query| query.status, events).await;
    if matches!(asked, Err(Error::Forbidden(_))) && !is_known(cluster).await {
        return Err(older());
    }
    asked.map_err(|error| match error {
        // The project is there, so outboard is.
        Error::NotInstalled { .. } => older(),
        // It gives up on registries earlier.
        Error::Timeout { after, .. } => Error::NoPlan {
            reason: format!(
                "not within {} s; one that is older than this does not know the question",
                after.as_secs()
            ),
        },
        other => other,
    })
}

fn older() -> Error {
    Error::Older { what: "which versions a registry has" }
}

/// Whether the installation knows the question. Roles of an older one forbid what it does not know, and Kubernetes looks at those
/// first. What cannot be found out changes nothing about the refusal.
async fn is_known(cluster: &Cluster) -> bool {
    let group = VersionQuery::api_version(&());
    let kinds = cluster.client.list_api_group_resources(&group).await;
    let plural = VersionQuery::plural(&());
    kinds.map_or(true, |kinds| kinds.resources.iter().any(|kind| kind.name == plural))
}

/// What one environment runs of a component.
struct Runs<'a> {
    environment: String,
    tag: &'a str,
    digest: Option<&'a str>,
}

fn running<'a>(all: &'a [Arc<Environment>], project: &str, component: &str) -> Vec<Runs<'a>> {
    let mut running: Vec<Runs<'a>> = all
        .iter()
        .filter(|environment| environment.spec.project == project)
        .filter_map(|environment| {
            let parts = &environment.status.as_ref()?.parts;
            let part = parts.iter().find(|part| {
                part.name == component && !matches!(part.role, Role::Service | Role::Route | Role::Manifest)
            })?;
            let (tag, digest) = (part.version.as_deref()?, part.digest.as_deref());
            Some(Runs { environment: environment.name_any(), tag, digest })
        })
        .collect();
    running.sort_by(|one, other| one.environment.cmp(&other.environment));
    running
}

fn of(version: RegistryVersion, running: &[Runs<'_>]) -> Version {
    let (mut runs_in, mut outdated_in) = (vec![], vec![]);
    for runs in running {
        let same = match (runs.digest, version.digest.as_deref()) {
            (Some(runs), Some(has)) => Some(runs == has),
            _ => None,
        };
        match (runs.tag == version.tag, same) {
            (_, Some(true)) | (true, None) => runs_in.push(runs.environment.clone()),
            (true, Some(false)) => outdated_in.push(runs.environment.clone()),
            (false, _) => {}
        }
    }
    Version { version, runs_in, outdated_in }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fake;

    fn environment(name: &str, tag: &str, digest: Option<&str>) -> Arc<Environment> {
        let mut part = json!({"name": "web", "role": "component", "state": "ready", "version": tag});
        if let Some(digest) = digest {
            part["digest"] = json!(digest);
        }
        let object = json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "Environment",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"project": "shop", "projectRevision": "p-1", "class": "qa"}, "status": {"parts": [part]}});
        Arc::new(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn an_environment_runs_a_version_if_it_runs_its_bytes() {
        let all = [
            environment("same", "1", Some("sha256:a")),
            environment("moved", "1", Some("sha256:b")),
            environment("elsewhere", "stable", Some("sha256:a")),
            environment("young", "1", None),
            environment("other", "2", Some("sha256:c")),
        ];
        let running = running(&all, "shop", "web");
        let version = |digest: Option<&str>| RegistryVersion {
            tag: "1".into(),
            digest: digest.map(str::to_owned),
            ..RegistryVersion::default()
        };
        let found = of(version(Some("sha256:a")), &running);
        assert_eq!(found.runs_in, ["elsewhere", "same", "young"]);
        assert_eq!(found.outdated_in, ["moved"]);
        assert_eq!(of(version(None), &running).runs_in, ["moved", "same", "young"]);
        assert!(
            self::running(&all, "other", "web").is_empty() && self::running(&all, "shop", "db").is_empty()
        );
    }

    fn project() -> serde_json::Value {
        json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "Project", "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {"components": {"web": {"image": "r.example/shop/web"}}}})
    }

    #[tokio::test]
    async fn an_installation_that_does_not_know_the_question_is_told_as_older() {
        let cluster = fake::cluster(|_, address| match address.contains("versionqueries") {
            true => fake::status(404, "the server could not find the requested resource", "NotFound"),
            false => Some((200, project())),
        });
        let wanted = Wanted { project: "shop", component: "web", limit: 1, ..Wanted::default() };
        let told = versions(&cluster, "shop", &wanted, &mut |_| {}).await;
        assert!(matches!(told, Err(Error::Older { .. })), "{told:?}");
        let unknown = Wanted { component: "wbe", ..wanted };
        let told = versions(&cluster, "shop", &unknown, &mut |_| {}).await;
        assert!(
            matches!(&told, Err(Error::NotFound { nearest: Some(near), .. }) if near == "web"),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn an_older_installation_is_told_as_that_even_where_its_roles_forbid_the_question() {
        for knows in [false, true] {
            let cluster = fake::cluster(move |_, address| {
                if address.contains("versionqueries") {
                    return fake::status(403, "versionqueries.outboard.dev is forbidden", "Forbidden");
                }
                if address.contains("/namespaces/") {
                    return Some((200, project()));
                }
                let name = if knows { "versionqueries" } else { "plans" };
                let kind =
                    json!({"name": name, "singularName": "", "namespaced": true, "kind": "X", "verbs": []});
                Some((
                    200,
                    json!({"kind": "APIResourceList", "groupVersion": "outboard.dev/v1alpha1",
                    "resources": [kind]}),
                ))
            });
            let wanted = Wanted { project: "shop", component: "web", limit: 1, ..Wanted::default() };
            let told = versions(&cluster, "shop", &wanted, &mut |_| {}).await;
            assert_eq!(matches!(told, Err(Error::Older { .. })), !knows, "{told:?}");
            assert_eq!(matches!(told, Err(Error::Forbidden(_))), knows, "{told:?}");
        }
    }
}
