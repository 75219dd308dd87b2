//! Installing: again and again without a change, as text without a cluster, and with no more rights than listed.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use serde_json::Value;
use stories::{arguments, contains, operator_pods, operator_user, same, story};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn installing_again_changes_nothing_and_restarts_nothing() -> Result<()> {
    story(async |world| {
        let operator = Api::<Deployment>::namespaced(world.client.clone(), "outboard-system");
        let arguments = arguments(&world.client).await?;
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // The first may upgrade what another version installed.
        world.outboard(&arguments).await?.ended(Exit::Success)?;
        let before = operator.get("outboard-operator").await?;
        let pods = operator_pods(&world.client).await?;
        let again = world.outboard(&arguments).await?.ended(Exit::Success)?;
        contains(&again.stdout, "outboard is ready")?;
        contains(&again.stdout, "0 created, 0 changed")?;
        let after = operator.get("outboard-operator").await?;
        same("the Deployment's generation", &after.metadata.generation, &before.metadata.generation)?;
        same("the Deployment's uid", &after.uid(), &before.uid())?;
        same("the operator's pods", &operator_pods(&world.client).await?, &pods)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_dry_run_prints_everything_as_yaml_and_asks_no_cluster() -> Result<()> {
    story(async |world| {
        let nowhere = Path::new("/nonexistent/kubeconfig");
        let printed = world.outboard_as(nowhere, &["install", "--dry-run"]).await?.ended(Exit::Success)?;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&printed.stdout)?;
        let kinds: Vec<&str> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
        for kind in ["CustomResourceDefinition", "Namespace", "ServiceAccount", "ClusterRole", "Deployment"] {
            ensure!(kinds.contains(&kind), "no {kind} among {kinds:?}");
        }
        same("the first", &kinds.first().copied(), &Some("CustomResourceDefinition"))?;
        let data = world.outboard_as(nowhere, &["install", "--dry-run", "-o", "json"]).await?;
        let data = data.ended(Exit::Success)?.last()?;
        same("objects as JSON", &data.as_array().map(Vec::len), &Some(objects.len()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn the_operator_may_do_what_it_needs_and_nothing_else() -> Result<()> {
    story(async |world| {
        let needed = [
            ("create", "", "namespaces", None),
            ("delete", "", "namespaces", None),
            ("patch", "apps", "deployments", None),
            ("patch", "apps", "deployments", Some("scale")),
            ("create", "", "secrets", None),
            ("patch", "outboard.dev", "environments", Some("status")),
            ("get", "", "pods", Some("log")),
            ("list", "", "persistentvolumes", None),
            ("list", "", "resourcequotas", None),
            // Servers are told of another password in their pods: decision 113.
            ("create", "", "pods", Some("exec")),
        ];
        for (verb, group, resource, subresource) in needed {
            let allowed = may(&world.client, verb, group, resource, subresource).await?;
            ensure!(allowed, "the operator may not {verb} {resource} {subresource:?}");
        }
        let foreign = [
            ("list", "", "secrets", None),
            ("delete", "", "secrets", None),
            ("create", "", "pods", None),
            ("create", "", "pods", Some("attach")),
            ("create", "", "pods", Some("portforward")),
            ("delete", "", "pods", None),
            ("create", "", "serviceaccounts", Some("token")),
            ("impersonate", "", "users", None),
            ("escalate", "rbac.authorization.k8s.io", "clusterroles", None),
            ("bind", "rbac.authorization.k8s.io", "clusterroles", None),
            ("create", "rbac.authorization.k8s.io", "clusterrolebindings", None),
            ("delete", "apiextensions.k8s.io", "customresourcedefinitions", None),
            ("create", "outboard.dev", "environments", None),
            ("delete", "outboard.dev", "environments", None),
            ("delete", "outboard.dev", "projects", None),
            ("delete", "", "nodes", None),
            ("patch", "", "nodes", None),
            ("delete", "", "persistentvolumes", None),
            ("patch", "gateway.networking.k8s.io", "gateways", None),
        ];
        for (verb, group, resource, subresource) in foreign {
            let allowed = may(&world.client, verb, group, resource, subresource).await?;
            ensure!(!allowed, "the operator may {verb} {resource} {subresource:?}");
        }
        Ok(())
    })
    .await
}

/// Whether the operator's account may, in any namespace.
async fn may(
    client: &Client,
    verb: &str,
    group: &str,
    resource: &str,
    subresource: Option<&str>,
) -> Result<bool> {
    let attributes = ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: subresource.map(str::to_owned),
        namespace: Some("somewhere".to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(operator_user()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let answer =
        Api::<SubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.context("no answer")?.allowed)
}
