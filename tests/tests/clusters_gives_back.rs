//! A cluster that is destroyed has its own Kubernetes give back load balancers, volumes and environments first; one whose API
//! does not answer is destroyed all the same, and told as that.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::Exit;
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolumeClaim, Pod, Service};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use stories::{Construction, World, contains, kubeconfig_file, light, story, until};

const LATE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed, moto and the provider"]
async fn what_a_cluster_has_outside_is_given_back_before_it_goes() -> Result<()> {
    story(async |world| {
        let site = Construction::begin().await?;
        without_an_api(&site).await?;
        let told = AssertUnwindSafe(Box::pin(tell(world, &site))).catch_unwind().await;
        let back = uncordon(&world.client).await;
        match told {
            Ok(told) => told.and(back),
            Err(panic) => resume_unwind(panic),
        }
    })
    .await
}

/// The sweep by tags is what is left.
async fn without_an_api(site: &Construction) -> Result<()> {
    let nobody = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "users": [{"name": "a", "user": {}}],
    });
    create(site, &nobody.to_string(), "https://127.0.0.1:1", "nobody").await?;
    let output = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    contains(&output.stdout, "load balancers: its API does not answer")?;
    let receipt = output.last()?["result"].clone();
    ensure!(receipt["left"] == 0, "{receipt}");
    let done =
        |phase: &str| phases(&receipt).into_iter().find(|(name, _)| name == phase).map(|(_, done)| done);
    ensure!(done("hostnames") == Some(false) && done("sweep") == Some(true), "{receipt}");
    ensure!(done("terraform") == Some(true) && done("proof") == Some(true), "{receipt}");
    Ok(())
}

fn phases(receipt: &Value) -> Vec<(String, bool)> {
    let all = receipt["phases"].as_array().into_iter().flatten();
    all.filter_map(|step| Some((step["phase"].as_str()?.to_owned(), step["done"].as_bool()?))).collect()
}

async fn create(site: &Construction, kubeconfig: &str, endpoint: &str, secret: &str) -> Result<()> {
    let body = json!({"Name": secret, "SecretString": kubeconfig});
    let kept = site.cloud.secrets_manager("CreateSecret", &body).await?;
    let mut file = site.own();
    file["spec"]["inputs"]["kubeconfig_arn"] = kept["ARN"].clone();
    file["spec"]["inputs"]["endpoint"] = json!(endpoint);
    file["spec"]["giveBack"] = json!(true);
    site.write(&file)?;
    site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    Ok(())
}

async fn tell(world: &World, site: &Construction) -> Result<()> {
    let kubeconfig = std::fs::read_to_string(kubeconfig_file()?)?;
    let read: Value = serde_saphyr::from_str(&kubeconfig)?;
    let endpoint = read["clusters"][0]["cluster"]["server"].as_str().context("a server")?;

    // A kubeconfig that leads elsewhere is another cluster's: nothing there is asked for anything.
    world
        .apply(|spec| {
            *spec = light();
            spec["classes"]["production"]["protected"] = json!(true);
        })
        .await?;
    world.create("qa-45", &[]).await?;
    create(site, &kubeconfig, "https://api.example.org", "elsewhere").await?;
    let output = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    contains(&output.stdout, "its kubeconfig leads to")?;
    ensure!(world.environments().get_opt("qa-45").await?.is_some(), "another cluster's environment went");

    create(site, &kubeconfig, endpoint, "testbed").await?;

    // Besides the environment a load balancer, and a volume that a pod holds.
    let name = format!("{}-beside", world.name);
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}}))?;
    let namespaces = Api::<Namespace>::all(world.client.clone());
    namespaces.create(&PostParams::default(), &namespace).await?;
    let told = AssertUnwindSafe(Box::pin(destroyed(world, site, &name))).catch_unwind().await;
    let _ = namespaces.delete(&name, &Default::default()).await;
    match told {
        Ok(told) => told,
        Err(panic) => resume_unwind(panic),
    }
}

async fn destroyed(world: &World, site: &Construction, name: &str) -> Result<()> {
    let services = Api::<Service>::namespaced(world.client.clone(), name);
    let service =
        json!({"metadata": {"name": "front"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}});
    services.create(&PostParams::default(), &serde_json::from_value(service)?).await?;
    let claims = Api::<PersistentVolumeClaim>::namespaced(world.client.clone(), name);
    let claim = json!({"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}});
    claims.create(&PostParams::default(), &serde_json::from_value(claim)?).await?;
    let pods = Api::<Pod>::namespaced(world.client.clone(), name);
    let pod = json!({"metadata": {"name": "holder"}, "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "holder", "image": "registry.testbed:5000/library/redis:7", "command": ["sleep", "3600"],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    let volume = until("the volume bound and held", LATE, async || {
        let bound = claims.get("data").await?.spec.and_then(|spec| spec.volume_name);
        let running = pods.get("holder").await?.status.and_then(|status| status.phase);
        Ok(bound.filter(|_| running.as_deref() == Some("Running")))
    })
    .await?;

    protected_ones_keep_it(world, site).await?;
    taken_back(world, site, &claims).await?;

    let output = site.cluster(&["destroy", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    let receipt = output.last()?["result"].clone();
    ensure!(receipt["left"] == 0, "{receipt}");
    let expected = ["hostnames", "loadBalancers", "volumes", "sweep", "terraform", "proof"];
    let all: Vec<(String, bool)> = expected.iter().map(|phase| ((*phase).to_owned(), true)).collect();
    ensure!(phases(&receipt) == all, "{receipt}");

    ensure!(services.get_opt("front").await?.is_none(), "the load balancer is there still");
    ensure!(claims.get_opt("data").await?.is_none(), "the claim is there still");
    let volumes = Api::<k8s_openapi::api::core::v1::PersistentVolume>::all(world.client.clone());
    ensure!(volumes.get_opt(&volume).await?.is_none(), "the volume is there still");
    ensure!(world.environments().get_opt("qa-45").await?.is_none(), "the environment is there still");
    Ok(())
}

/// Nothing is deleted before somebody says that protected environments may go.
async fn protected_ones_keep_it(world: &World, site: &Construction) -> Result<()> {
    world.create("live", &["--class", "production"]).await?;
    let held = site.cluster(&["destroy", "--yes"]).await?.ended(Exit::Conflict)?;
    contains(&held.stderr, "/live is of protected class production")?;
    contains(&held.stderr, "--protected")?;
    for name in ["live", "qa-45"] {
        let environment = world.environments().get(name).await?;
        ensure!(environment.metadata.deletion_timestamp.is_none(), "{name} is being destroyed");
    }
    world.outboard(&["env", "destroy", "live", "--yes", "--protected"]).await?.ended(Exit::Success)?;
    Ok(())
}

/// Killed while it has volumes given back, it leaves a lock that is explained and nodes that take no pods. Whoever then makes the
/// cluster anew instead has neither.
async fn taken_back(world: &World, site: &Construction, claims: &Api<PersistentVolumeClaim>) -> Result<()> {
    let hold = Patch::Merge(
        json!({"metadata": {"finalizers": ["stories.example.org/hold", "kubernetes.io/pvc-protection"]}}),
    );
    claims.patch("data", &PatchParams::default(), &hold).await?;
    let mut destroy = site.begin_cluster(&["destroy", "--yes", "-o", "json"])?;
    until("volumes waited for", LATE, async || {
        Ok(site.begun()?.0.contains("waiting for PersistentVolume").then_some(()))
    })
    .await
    .with_context(|| site.last_words())?;
    ensure!(is_closed(&world.client).await?, "nodes take pods still");
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["lock"]["Info"] == "outboard has the cluster give back what it has outside", "{status}");
    destroy.kill()?;
    destroy.wait()?;

    let again = site.cluster(&["create", "--yes", "-o", "json"]).await?.ended(Exit::Success)?;
    contains(&again.stdout, "released the lock of")?;
    contains(&again.stdout, "take pods again")?;
    ensure!(!is_closed(&world.client).await?, "nodes take no pods");
    let status = site.cluster(&["status", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    ensure!(status["lock"].is_null() && status["destruction"].is_null(), "{status}");
    let let_go = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    claims.patch("data", &PatchParams::default(), &let_go).await?;
    Ok(())
}

async fn is_closed(client: &Client) -> Result<bool> {
    let nodes = nodes(client).list(&ListParams::default()).await?.items;
    let closed = |node: &Node| node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
    ensure!(nodes.iter().all(closed) || !nodes.iter().any(closed), "some nodes take pods, and some do not");
    Ok(nodes.iter().any(closed))
}

fn nodes(client: &Client) -> Api<Node> {
    Api::all(client.clone())
}

async fn uncordon(client: &Client) -> Result<()> {
    for node in nodes(client).list(&ListParams::default()).await? {
        let name = node.metadata.name.context("a node has a name")?;
        let patch = Patch::Merge(json!({"spec": {"unschedulable": null}}));
        nodes(client).patch(&name, &PatchParams::default(), &patch).await?;
    }
    Ok(())
}
