//! The operator itself: present, absent for a while, or run on this machine so that a story may kill it.

use std::fs::File;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use api::Exit;
use futures::FutureExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::cluster::{self, Uids};
use crate::{World, binary, until};

const NAMESPACE: &str = "outboard-system";
const DEPLOYMENT: &str = "outboard-operator";
const LEASE: &str = "outboard-operator";
const START: Duration = Duration::from_secs(90);

/// As whom the operator acts in the cluster.
pub fn operator_user() -> String {
    format!("system:serviceaccount:{NAMESPACE}:{DEPLOYMENT}")
}

fn deployments(client: &Client) -> Api<Deployment> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// Arguments of `outboard install` that leave the installation as it is.
pub async fn arguments(client: &Client) -> Result<Vec<String>> {
    let deployment = deployments(client).get(DEPLOYMENT).await.context("install first: `make install`")?;
    let pod = deployment.spec.and_then(|spec| spec.template.spec).context("a Deployment without pods")?;
    let operator = pod.containers.into_iter().next().context("an operator without container")?;
    let image = operator.image.context("an operator without image")?;
    let settings = operator.args.into_iter().flatten();
    let settings = settings.filter(|flag| {
        flag.starts_with("--") && !flag.starts_with("--listen") && !flag.starts_with("--image=")
    });
    let env = operator.env.into_iter().flatten();
    let env = env.filter_map(|variable| Some(format!("--env={}={}", variable.name, variable.value?)));
    let secrets = operator.env_from.into_iter().flatten().filter_map(|from| from.secret_ref);
    let secrets = secrets.map(|secret| format!("--env-from={}", secret.name));
    let first = ["install".to_owned(), format!("--image={image}")];
    Ok(first.into_iter().chain(settings).chain(env).chain(secrets).collect())
}

/// Pods of the operator that run.
pub async fn operator_pods(client: &Client) -> Result<Uids> {
    Ok(cluster::uids(&cluster::pods(client, NAMESPACE).await?))
}

/// Replaces the operator's pod; ends when the new one leads.
pub async fn restart_operator(client: &Client) -> Result<()> {
    let operators = Api::<Pod>::namespaced(client.clone(), NAMESPACE);
    let old = operator_pods(client).await?;
    for name in old.keys() {
        operators.delete(name, &DeleteParams::default()).await?;
    }
    until("the operator's old pod gone", START, async || {
        let all = operators.list(&ListParams::default()).await?;
        let gone = all.iter().all(|pod| !old.contains_key(&pod.name_any()));
        let led_by_new = holder(client).await?.is_some_and(|holder| !old.contains_key(&holder));
        Ok((gone && led_by_new).then_some(()))
    })
    .await?;
    leading(client).await
}

/// Makes sure that the operator leads, should an earlier story have been ended while it was away.
pub(crate) async fn present(client: &Client) -> Result<()> {
    let deployment = deployments(client).get_opt(DEPLOYMENT).await?;
    let deployment = deployment.context("outboard is not installed: run `make install`")?;
    if deployment.spec.and_then(|spec| spec.replicas) == Some(0) {
        scale(client, 1).await?;
    }
    leading(client).await
}

async fn leading(client: &Client) -> Result<()> {
    until("the operator leading", START, async || {
        let ready =
            deployments(client).get(DEPLOYMENT).await?.status.and_then(|status| status.ready_replicas);
        let held = holder(client).await?.is_some_and(|holder| holder.starts_with(DEPLOYMENT));
        Ok((ready == Some(1) && held).then_some(()))
    })
    .await
}

async fn holder(client: &Client) -> Result<Option<String>> {
    let lease = Api::<Lease>::namespaced(client.clone(), NAMESPACE).get_opt(LEASE).await?;
    Ok(lease.and_then(|lease| lease.spec?.holder_identity).filter(|holder| !holder.is_empty()))
}

async fn scale(client: &Client, replicas: u32) -> Result<()> {
    let patch = json!({"spec": {"replicas": replicas}});
    let params = PatchParams { field_manager: Some("stories".to_owned()), ..PatchParams::default() };
    deployments(client).patch_scale(DEPLOYMENT, &params, &Patch::Merge(&patch)).await?;
    Ok(())
}

/// Does something while there is no operator in the cluster, and brings it back however that ends.
pub async fn without_operator<T>(client: &Client, act: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    scale(client, 0).await?;
    let done = AssertUnwindSafe(Box::pin(async {
        until("the operator gone", START, async || {
            let pods = Api::<Pod>::namespaced(client.clone(), NAMESPACE).list(&ListParams::default()).await?;
            Ok((pods.items.is_empty() && holder(client).await?.is_none()).then_some(()))
        })
        .await?;
        act().await
    }))
    .catch_unwind()
    .await;
    let back = async {
        scale(client, 1).await?;
        leading(client).await
    };
    let back = back.await;
    match done {
        Ok(done) => done.and_then(|done| back.map(|()| done)),
        Err(panic) => resume_unwind(panic),
    }
}

/// Does something while the operator is installed with further flags and with a Secret of its own, and installs it as
/// it was however that ends.
pub async fn installed_with<T>(
    world: &World,
    flags: &[String],
    (name, values): (&str, Value),
    act: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    let before = arguments(&world.client).await?;
    let kept: Vec<String> = before.iter().filter(|flag| !replaced(flag, flags)).cloned().collect();
    let secrets = Api::<Secret>::namespaced(world.client.clone(), NAMESPACE);
    let secret = json!({"metadata": {"name": name}, "stringData": values});
    // Of a story that was ended in the middle.
    let _ = secrets.delete(name, &DeleteParams::default()).await;
    secrets.create(&PostParams::default(), &serde_json::from_value(secret)?).await?;
    let install = async |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        world.outboard(&arguments).await?.ended(Exit::Success)
    };
    let done = AssertUnwindSafe(Box::pin(async {
        install(&[&kept[..], flags].concat()).await?;
        leading(&world.client).await?;
        act().await
    }))
    .catch_unwind()
    .await;
    let back = async {
        install(&before).await?;
        secrets.delete(name, &DeleteParams::default()).await?;
        leading(&world.client).await
    };
    let back = back.await;
    match done {
        Ok(done) => done.and_then(|done| back.map(|()| done)),
        Err(panic) => resume_unwind(panic),
    }
}

/// Whether a flag is said again: the same, or another value of one that can be said once. The demo, too, installs with a zone.
fn replaced(flag: &str, flags: &[String]) -> bool {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let once = ["--domain", "--url-scheme", "--cluster"].contains(&name(flag).as_str());
    flags.iter().any(|other| flag == other || once && name(other) == name(flag))
}

/// An operator that runs on this machine, as a process of the story.
pub struct HostOperator {
    child: Child,
}

impl HostOperator {
    /// Its log is added to `operator.log` in the world's directory.
    pub fn begin(world: &World) -> Result<Self> {
        Self::begin_with(world, &[])
    }

    /// The same with further flags.
    pub fn begin_with(world: &World, flags: &[&str]) -> Result<Self> {
        let log = File::options().create(true).append(true).open(world.directory().join("operator.log"))?;
        let child = Command::new(binary::path()?)
            .args(["operator", "--url-port", "8080", "--listen", "127.0.0.1:0"])
            .args(["--registry", "registry.testbed:5000=http://registry.testbed:5000"])
            .args(["--registry", "docker.io=http://registry.testbed:5000"])
            .args(flags)
            .env("KUBECONFIG", cluster::kubeconfig_file()?)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start the operator")?;
        Ok(Self { child })
    }

    /// SIGKILL: it can't finish anything.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, so that it gives its Lease back.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status()?;
        until("the operator stopped", Duration::from_secs(20), async || Ok(self.child.try_wait()?)).await?;
        Ok(())
    }
}

impl Drop for HostOperator {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
