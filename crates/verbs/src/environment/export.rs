//! `env export`: the way out. Files that apply on a cluster without outboard, or the Environment for git.

use std::collections::BTreeMap;

use api::{Environment, EnvironmentRevision};
use environments::plan::export as plan;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{history, read};
use crate::install::to_yaml;
use crate::{Cluster, Error, Result};

/// As what an environment leaves.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "ExportForm")]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// One file for `kubectl apply -f`.
    Manifests,
    /// A directory for `kubectl apply -k`.
    Kustomize,
    /// The Environment itself, for a cluster with outboard.
    Environment,
}

#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    pub environment: String,
    #[serde(rename = "as")]
    pub form: Form,
    /// The revision whose objects these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// Whether the values of Secrets are in it.
    pub with_secrets: bool,
    /// Texts by name.
    pub files: BTreeMap<String, String>,
}

/// Reads the stored revision (the present one unless told otherwise) and writes it in another form.
pub async fn export(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    form: Form,
    number: Option<i64>,
    with_secrets: bool,
) -> Result<Exported> {
    let exported =
        |revision, files| Exported { environment: name.to_owned(), form, revision, with_secrets, files };
    if form == Form::Environment {
        let environment = read::get(cluster, namespace, name).await?;
        return Ok(exported(None, [("environment.yaml".to_owned(), for_git(&environment)?)].into()));
    }
    let found = match number {
        Some(number) => history::revision(cluster, namespace, name, number).await?,
        None => history::current(cluster, namespace, &read::get(cluster, namespace, name).await?).await?,
    };
    let secrets = if with_secrets {
        let environment = read::get(cluster, namespace, name).await?;
        let home = environment.status.and_then(|status| status.namespace);
        let home = home.ok_or_else(|| Error::NoRevision { environment: name.to_owned() })?;
        Some(values(cluster, &home, &found.revision).await?)
    } else {
        None
    };
    let title =
        format!("Environment {name} of project {}, revision {}.", found.revision.project, found.number);
    let files = match form {
        Form::Kustomize => kustomization(&title, &found.revision, secrets.as_deref())?,
        _ => [("manifests.yaml".to_owned(), manifests(&title, &found.revision, secrets.as_deref())?)].into(),
    };
    Ok(exported(Some(found.number), files))
}

/// The Secrets as they are, read by whoever asks.
async fn values(cluster: &Cluster, home: &str, revision: &EnvironmentRevision) -> Result<Vec<Value>> {
    let api = Api::<Secret>::namespaced(cluster.client.clone(), home);
    let mut secrets = Vec::new();
    for recipe in &revision.secrets {
        let found = api.get(&recipe.name).await.map_err(|error| cluster.explain(error))?;
        secrets.push(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": recipe.name}, "type": "Opaque", "data": found.data,
        }));
    }
    Ok(secrets)
}

fn manifests(title: &str, revision: &EnvironmentRevision, secrets: Option<&[Value]>) -> Result<String> {
    let (parts, gateways) = plan::parts(revision);
    let mut text =
        format!("# {title}\n# Apply it into an empty namespace: kubectl -n NAMESPACE apply -f FILE\n");
    text.push_str(&secrets_text(revision, secrets)?);
    let objects: Vec<Value> = parts.into_iter().flat_map(|part| part.objects).collect();
    text.push_str("---\n");
    text.push_str(&yaml(&objects)?);
    if !gateways.is_empty() {
        text.push_str("# Routes belong to no gateway yet. Where there is one, patch them:\n");
    }
    for gateway in gateways {
        let patch = json!({"spec": {"parentRefs": gateway.parents}});
        text.push_str(&format!(
            "#   kubectl -n NAMESPACE patch httproute {} --type merge -p '{patch}'\n",
            gateway.route
        ));
    }
    Ok(text)
}

/// As they are, or as comments in which words stand for values.
fn secrets_text(revision: &EnvironmentRevision, secrets: Option<&[Value]>) -> Result<String> {
    let templates = plan::secret_templates(revision);
    match secrets {
        _ if templates.is_empty() => Ok(String::new()),
        Some(secrets) => Ok(format!("# SECRET VALUES: keep this out of git.\n---\n{}", yaml(secrets)?)),
        None => {
            let mut text = String::from(
                "# Values of Secrets are not part of a revision. Put some in the place of <…>, equal words by equal values,\n\
                 # and remove the comment marks; pods wait until these Secrets are there. (--with-secrets reads the present ones.)\n",
            );
            for line in yaml(&templates)?.lines() {
                text.push_str(&format!("# {line}\n"));
            }
            Ok(text)
        }
    }
}

fn kustomization(
    title: &str,
    revision: &EnvironmentRevision,
    secrets: Option<&[Value]>,
) -> Result<BTreeMap<String, String>> {
    let (parts, gateways) = plan::parts(revision);
    let mut files = BTreeMap::new();
    let mut resources = Vec::new();
    let text = secrets_text(revision, secrets)?;
    if !text.is_empty() {
        if secrets.is_some() {
            resources.push("secrets.yaml".to_owned());
        }
        files.insert("secrets.yaml".to_owned(), text);
    }
    for part in parts {
        let mut name = format!("{}.yaml", part.name);
        if files.contains_key(&name) || name == "kustomization.yaml" {
            name = format!("{}-{}.yaml", part.name, format!("{:?}", part.role).to_lowercase());
        }
        files.insert(name.clone(), yaml(&part.objects)?);
        resources.push(name);
    }
    let mut text =
        format!("# {title}\n# Apply it into an empty namespace: kubectl -n NAMESPACE apply -k DIRECTORY\n");
    text.push_str("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n");
    for resource in &resources {
        text.push_str(&format!("  - {resource}\n"));
    }
    if files.contains_key("secrets.yaml") && secrets.is_none() {
        text.push_str("  # - secrets.yaml   # once its values are filled in\n");
    }
    if !gateways.is_empty() {
        text.push_str(
            "# Routes belong to no gateway yet. Where there is one, these put them there:\n# patches:\n",
        );
    }
    for gateway in gateways {
        let patch = json!([{"op": "add", "path": "/spec/parentRefs", "value": gateway.parents}]);
        text.push_str(&format!(
            "#   - target: {{kind: HTTPRoute, name: {}}}\n#     patch: '{patch}'\n",
            gateway.route
        ));
    }
    files.insert("kustomization.yaml".to_owned(), text);
    Ok(files)
}

/// What somebody asked for, without what the cluster and single changes added.
fn for_git(environment: &Environment) -> Result<String> {
    let mut spec = environment.spec.clone();
    // These are about the history of this very object.
    (spec.restores, spec.keeps, spec.freeze, spec.change) = (None, None, None, None);
    spec.restores_volumes = None;
    spec.overlays.clear();
    spec.rotations.clear();
    let object = json!({
        "apiVersion": api::API_VERSION,
        "kind": "Environment",
        "metadata": {"name": environment.name_any(), "namespace": environment.namespace()},
        "spec": spec,
    });
    let revision = &environment.spec.project_revision;
    Ok(format!(
        "# Needs the project revision {revision}, which `outboard project apply` stores from the file it was made from.\n{}",
        yaml(&[object])?
    ))
}

fn yaml(objects: &[Value]) -> Result<String> {
    to_yaml(objects).map_err(|error| Error::Unwritable { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision() -> EnvironmentRevision {
        let revision = json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {}, "renderer": "0",
            "urls": {},
            "secrets": [
                {"name": "db-credentials", "part": "db", "keys": {"password": ["generated"], "user": [{"text": "app"}]}},
                {"name": "web-env-1", "part": "web", "keys": {"URL": [{"text": "mysql://"}, {"fromSecret": {"secret": "db-credentials", "key": "password"}}]}},
            ],
            "parts": [
                {"name": "web", "role": "component", "replicas": 2, "objects": [{
                    "apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": {"name": "web", "namespace": "shop-qa", "labels": {"outboard.dev/part": "web", "app.kubernetes.io/name": "web", "team": "a"}},
                    "spec": {"selector": {"matchLabels": {"outboard.dev/part": "web"}}},
                }]},
                {"name": "web", "role": "route", "objects": [{
                    "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                    "metadata": {"name": "web", "namespace": "shop-qa", "labels": {}},
                    "spec": {"parentRefs": [{"name": "outboard", "namespace": "gateways"}], "hostnames": ["web.example.com"]},
                }]},
            ],
        });
        serde_json::from_value(revision).expect("it is a revision")
    }

    #[test]
    fn manifests_are_plain_and_secrets_are_words_in_comments() {
        insta::assert_snapshot!(manifests("Environment qa.", &revision(), None).unwrap());
    }

    #[test]
    fn a_kustomization_has_a_file_for_each_part() {
        let files = kustomization("Environment qa.", &revision(), None).unwrap();
        let shown: Vec<String> = files.iter().map(|(name, text)| format!("──── {name}\n{text}")).collect();
        insta::assert_snapshot!(shown.join(""));
    }

    #[test]
    fn values_of_secrets_are_there_only_if_somebody_asked_for_them() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db-credentials"}, "data": {"password": "eA=="}});
        let text = manifests("Environment qa.", &revision(), Some(&[secret])).unwrap();
        assert!(text.contains("password: eA==") && !text.contains("<password of db>"), "{text}");
    }

    #[test]
    fn an_environment_for_git_says_nothing_of_its_history() {
        let spec = serde_json::from_value(json!({
            "project": "shop", "projectRevision": "p-0123456789", "class": "qa", "versions": {"web": "2"}, "restores": 3,
            "change": {"action": "rollback"},
        }));
        let mut environment = Environment::new("qa-42", spec.expect("it is a spec"));
        environment.metadata.namespace = Some("shop".into());
        insta::assert_snapshot!(for_git(&environment).unwrap());
    }
}
