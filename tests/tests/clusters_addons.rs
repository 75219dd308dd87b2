//! Add-ons on a cluster that others made: what they have made is refused, what is missing is brought about, a second time changes
//! nothing, and what somebody changed is found and put back.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use clusters::ClusterFile;
use clusters::plan::addons::{chosen, manifests};
use clusters::plan::names::Identity;
use futures::FutureExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, ValidationDirective,
};
use kube::core::GroupVersionKind;
use serde_json::json;
use stories::{Output, World, arguments, client, contains, images, kubeconfig_file, story, until};

const LATE: Duration = Duration::from_secs(90);

/// What of the testbed's own metrics-server stands where the add-on's would.
const OTHERS: [(&str, &str, &str, &str, bool); 4] = [
    ("apiregistration.k8s.io", "v1", "APIService", "v1beta1.metrics.k8s.io", false),
    ("apps", "v1", "Deployment", "metrics-server", true),
    ("", "v1", "Service", "metrics-server", true),
    ("", "v1", "ServiceAccount", "metrics-server", true),
];

const MADE_OF: [(&str, &str, &str); 7] = [
    ("apiregistration.k8s.io", "v1", "APIService"),
    ("apps", "v1", "Deployment"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn add_ons_are_brought_about_kept_and_never_taken_from_others() -> Result<()> {
    images(&["metrics-server/metrics-server:v0.9.0"]).await?;
    story(async |world| {
        let before = arguments(&world.client).await?;
        let others = saved(&world.client).await?;
        let told = AssertUnwindSafe(Box::pin(tell(world))).catch_unwind().await;
        // However that ended, the testbed is as it was.
        let back = async {
            put_back(&world.client, &others).await?;
            let before: Vec<&str> = before.iter().map(String::as_str).collect();
            world.outboard(&before).await?.ended(Exit::Success)
        };
        let back = back.await;
        match told {
            Ok(told) => told.and(back.map(|_| ())),
            Err(panic) => resume_unwind(panic),
        }
    })
    .await
}

async fn tell(world: &World) -> Result<()> {
    let installed = arguments(&world.client).await?;
    let kubeconfig = kubeconfig_file()?.display().to_string();
    let file = world.directory().join("cluster.yaml");
    let operator: Deployment =
        Api::namespaced(world.client.clone(), "outboard-system").get("outboard-operator").await?;
    let operator = operator.spec.and_then(|spec| spec.template.spec).context("an operator with pods")?;
    let cluster = json!({
        "apiVersion": "outboard.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": "testbed"},
        "spec": {"region": "eu-west-1", "topology": "own", "module": "./nowhere", "addons": {
            "only": ["metrics-server", "outboard"],
            "registry": "registry.testbed:5000",
            "outboard": {"image": operator.containers[0].image},
        }},
    });
    std::fs::write(&file, cluster.to_string())?;
    let addons = async |arguments: &[&str]| -> Result<Output> {
        let all = [&["--kubeconfig", kubeconfig.as_str(), "cluster", "addons"], arguments].concat();
        world.outboard(&all).await
    };

    // Nobody is asked for this.
    let needed = addons(&["images", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(
        needed["images"][0]["image"] == "registry.testbed:5000/metrics-server/metrics-server:v0.9.0",
        "{needed}"
    );

    // The testbed's own metrics-server is others': it stays, and what does not need it is brought about all the same.
    let refused = addons(&["apply"]).await?.ended(Exit::Conflict)?;
    contains(&refused.stderr, "metrics-server is there, and others made it")?;
    contains(&refused.stderr, "without: [metrics-server]")?;
    contains(&refused.stderr, "outboard: ready")?;
    let plan = addons(&["plan"]).await?.ended(Exit::Success)?;
    contains(&plan.stdout, "Deployment kube-system/metrics-server was made by others")?;

    take_away(&world.client).await?;
    let made = addons(&["apply", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"].clone();
    ensure!(made[0]["addon"] == "metrics-server" && made[0]["created"].as_u64() > Some(8), "{made}");
    until("metrics of nodes", LATE, async || {
        let nodes = dynamic(&world.client, ("metrics.k8s.io", "v1beta1", "NodeMetrics"), "nodes", None);
        Ok(nodes.list(&Default::default()).await.ok().filter(|list| !list.items.is_empty()).map(|_| ()))
    })
    .await?;

    // A second time nothing is written.
    let before = written(&world.client).await?;
    let again = addons(&["apply", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"].clone();
    for one in again.as_array().context("a list")? {
        let written = ["created", "changed", "removed"].map(|word| one[word].as_u64());
        ensure!(written == [Some(0); 3], "{one}");
    }
    ensure!(again[0]["unchanged"].as_u64() > Some(8), "{again}");
    // outboard is installed here already: it is waited for, and stays as whoever installed it wanted it.
    ensure!(again[1]["addon"] == "outboard" && again[1]["unchanged"] == 0, "{again}");
    ensure!(arguments(&world.client).await? == installed, "the operator is told something else");
    ensure!(before == written(&world.client).await?, "something was written all the same");
    addons(&["status", "--exit-code"]).await?.ended(Exit::Success)?;

    // Somebody changes a field, adds another, and leaves something that says it is the add-on's.
    let somebody = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    let deployments = Api::<Deployment>::namespaced(world.client.clone(), "kube-system");
    let changed = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "metrics-server", "resources": {"requests": {"cpu": "7m"}}}]}}}});
    deployments.patch("metrics-server", &somebody, &Patch::Strategic(&changed)).await?;
    let services = Api::<Service>::namespaced(world.client.clone(), "kube-system");
    let added = json!({"metadata": {"annotations": {"example.org/mine": "yes"}}});
    services.patch("metrics-server", &somebody, &Patch::Merge(&added)).await?;
    let maps = Api::<ConfigMap>::namespaced(world.client.clone(), "kube-system");
    let left: ConfigMap = serde_json::from_value(json!({"metadata": {
        "name": "metrics-server-old", "labels": {"outboard.dev/addon": "metrics-server"}}}))?;
    maps.create(&PostParams::default(), &left).await?;

    let found = addons(&["status", "--exit-code"]).await?.ended(Exit::Drifted)?.stdout;
    contains(&found, "metrics-server (v0.9.0, by outboard) is not as it should be")?;
    contains(&found, "requests.cpu: 7m → 100m")?;
    contains(&found, "metadata.annotations.example.org/mine: yes → nothing")?;
    contains(&found, "by somebody")?;
    contains(&found, "- ConfigMap kube-system/metrics-server-old")?;
    let put_back = addons(&["apply", "-o", "json"]).await?.ended(Exit::Success)?.last()?["result"][0].clone();
    ensure!(put_back["changed"] == 2 && put_back["removed"] == 1 && put_back["created"] == 0, "{put_back}");
    addons(&["status", "--exit-code"]).await?.ended(Exit::Success)?;
    let service = services.get("metrics-server").await?;
    let annotations = service.metadata.annotations.unwrap_or_default();
    ensure!(!annotations.contains_key("example.org/mine"), "{annotations:?}");
    Ok(())
}

/// A slip in a manifest would be found out on AWS only: each object is tried out, and nothing of it is stored.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn every_object_of_every_add_on_is_one_that_kubernetes_takes() -> Result<()> {
    let client = client().await?;
    let identity = Identity::of("qa", "123456789012", "eu-west-1", None);
    let file = json!({
        "apiVersion": "outboard.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": "qa"},
        "spec": {
            "region": "eu-west-1", "topology": "kubeadm", "kubernetes": "1.34.2", "image": "ami-1",
            "kmsKey": "arn:aws:kms:eu-west-1:123456789012:key/1234",
            "network": {"cidr": "10.20.0.0/16", "zones": ["eu-west-1a"]},
            "controlPlane": {"instance": "t3.medium"},
            "workers": {"general": {"instances": ["m6i.large"], "min": 1, "max": 3}},
        },
    });
    let mut eks = file.clone();
    eks["spec"]["topology"] = json!("eks");
    let (mut tried, mut refused) = (0, Vec::new());
    for file in [file, eks] {
        let file: ClusterFile = serde_json::from_value(file)?;
        for one in chosen(&file) {
            for object in manifests::objects(&file, &identity, one).map_err(anyhow::Error::msg)? {
                tried += 1;
                if let Err(error) = try_out(&client, object.clone()).await {
                    refused.push(format!(
                        "{} {} {}: {error}",
                        one.addon.word(),
                        object["kind"],
                        object["metadata"]["name"]
                    ));
                }
            }
        }
    }
    ensure!(refused.is_empty(), "\n{}", refused.join("\n"));
    ensure!(tried > 100, "only {tried} objects were tried");
    Ok(())
}

async fn try_out(client: &Client, mut object: serde_json::Value) -> Result<()> {
    // Its own namespace is not there, and its name may be somebody's here.
    if object["metadata"]["namespace"].is_string() {
        object["metadata"]["namespace"] = json!("kube-system");
    }
    let name = object["metadata"]["name"].as_str().context("a name")?;
    if object["kind"] != "APIService" {
        object["metadata"]["name"] = json!(format!("tried-{name}"));
    }
    let object: DynamicObject = serde_json::from_value(object)?;
    let api = apply::cluster_kinds::api_of(client, &object).context("a kind that is applied")?;
    let params = PatchParams {
        dry_run: true,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("stories").force()
    };
    let name = object.metadata.name.clone().unwrap_or_default();
    api.patch(&name, &params, &Patch::Apply(&object)).await?;
    Ok(())
}

fn dynamic(
    client: &Client,
    (group, version, kind): (&str, &str, &str),
    plural: &str,
    namespace: Option<&str>,
) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

fn reached(client: &Client, other: (&str, &str, &str, &str, bool)) -> Api<DynamicObject> {
    let (group, version, kind, _, namespaced) = other;
    let plural = format!("{}s", kind.to_lowercase());
    dynamic(client, (group, version, kind), &plural, namespaced.then_some("kube-system"))
}

/// The testbed's own, as they could be made again.
async fn saved(client: &Client) -> Result<Vec<DynamicObject>> {
    let mut all = Vec::new();
    for other in OTHERS {
        let mut object = reached(client, other).get(other.3).await?;
        let metadata = &mut object.metadata;
        (metadata.uid, metadata.resource_version, metadata.managed_fields) = (None, None, None);
        (metadata.creation_timestamp, metadata.generation) = (None, None);
        if let Some(fields) = object.data.as_object_mut() {
            fields.remove("status");
        }
        all.push(object);
    }
    Ok(all)
}

async fn take_away(client: &Client) -> Result<()> {
    for other in OTHERS {
        let api = reached(client, other);
        let _ = api.delete(other.3, &DeleteParams::background()).await;
        until("what was there gone", LATE, async || Ok(api.get_opt(other.3).await?.is_none().then_some(())))
            .await?;
    }
    Ok(())
}

async fn put_back(client: &Client, others: &[DynamicObject]) -> Result<()> {
    take_away(client).await?;
    let roles = [("ClusterRole", "clusterroles"), ("ClusterRoleBinding", "clusterrolebindings")];
    let ours = kube::api::ListParams::default().labels("outboard.dev/addon=metrics-server");
    for (kind, plural) in roles {
        let api = dynamic(client, ("rbac.authorization.k8s.io", "v1", kind), plural, None);
        api.delete_collection(&DeleteParams::default(), &ours).await?;
    }
    let bindings = dynamic(
        client,
        ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
        "rolebindings",
        Some("kube-system"),
    );
    bindings.delete_collection(&DeleteParams::default(), &ours).await?;
    for (other, object) in OTHERS.into_iter().zip(others).rev() {
        reached(client, other).create(&PostParams::default(), object).await?;
    }
    Ok(())
}

/// Of everything that the add-on is made of: versions where no controller writes to it, else how often it was changed.
async fn written(client: &Client) -> Result<Vec<String>> {
    let ours = kube::api::ListParams::default().labels("outboard.dev/addon=metrics-server");
    let mut all = Vec::new();
    for (group, version, kind) in MADE_OF {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        for object in Api::<DynamicObject>::all_with(client.clone(), &resource).list(&ours).await? {
            let name = object.metadata.name.unwrap_or_default();
            let mark = match kind {
                "Deployment" => format!("generation {:?}", object.metadata.generation),
                // The controller writes to its status again and again.
                "APIService" => object.data["spec"].to_string(),
                _ => format!("version {:?}", object.metadata.resource_version),
            };
            all.push(format!("{kind} {name} {mark}"));
        }
    }
    ensure!(all.len() > 8, "what is it made of? {all:?}");
    Ok(all)
}
