//! Enforces NetworkPolicies on the node: no network plugin that does runs here.
//!
//! ```text
//! policies, pods, namespaces (watched) ─▶ rules (values in, a script out) ─▶ nft, one transaction
//! ```

mod peers;
mod rules;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config};
use tokio::time::timeout;

use crate::cache::Cache;
use crate::itself;
use crate::process::Daemon;

pub use rules::TABLE;

/// Pods come and go in flocks: so long nothing has to happen for a script to be written.
const CALM: Duration = Duration::from_millis(20);
/// Though they never stop coming.
const LONGEST: Duration = Duration::from_millis(500);
/// How long nft's refusal is left alone when nothing changes.
const AGAIN: Duration = Duration::from_secs(5);

pub fn daemon(cache: &Cache) -> anyhow::Result<Daemon> {
    Ok(Daemon::new(cache, "policies", itself::copy(cache, "policies")?)
        .arg("policies")
        .arg(cache.admin().to_string_lossy()))
}

/// Its table is there from its first script on.
pub fn ready() -> bool {
    let listed = Command::new("nft").args(["list", "chains", "inet"]).stderr(Stdio::null()).output();
    listed.is_ok_and(|listed| String::from_utf8_lossy(&listed.stdout).contains(TABLE))
}

/// Enforces until it fails.
pub fn run(kubeconfig: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let file = Kubeconfig::read_from(kubeconfig).context("failed to read the kubeconfig")?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        enforce(Client::try_from(config)?).await
    })
}

async fn enforce(client: Client) -> anyhow::Result<()> {
    let (policies, first) = watched::<NetworkPolicy>(&client);
    let (pods, second) = watched::<Pod>(&client);
    let (namespaces, third) = watched::<Namespace>(&client);
    let mut changes = stream::select_all([first.boxed(), second.boxed(), third.boxed()]);
    let mut held = String::new();
    let mut wait = None;
    loop {
        let changed = match wait {
            Some(limit) => timeout(limit, changes.next()).await.unwrap_or(Some(())),
            None => changes.next().await,
        };
        ensure!(changed.is_some(), "the watches have ended");
        let begun = Instant::now();
        while begun.elapsed() < LONGEST && matches!(timeout(CALM, changes.next()).await, Ok(Some(()))) {}
        // With half of them known, what may come in would be shut out.
        if ![policies.is_ready(), pods.is_ready(), namespaces.is_ready()].iter().all(|ready| *ready) {
            continue;
        }
        let script = rules::script(&policies.state(), &pods.state(), &namespaces.state());
        wait = None;
        if script == held {
            continue;
        }
        match carry_out(&script) {
            Ok(()) => held = script,
            Err(error) => {
                eprintln!("the policies before hold on: {error:#}");
                wait = Some(AGAIN);
            }
        }
    }
}

/// All objects of a kind, and word of each change.
fn watched<K>(client: &Client) -> (Known<K>, impl Stream<Item = ()> + Send + use<K>)
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    K: Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let api = Api::<K>::all(client.clone());
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let changes = reflector::reflector(writer, events).map(|event| {
        if let Err(error) = event {
            eprintln!("failed to watch {}: {error}", K::kind(&()));
        }
    });
    (Known(store), changes)
}

struct Known<K: kube::Resource<DynamicType = ()> + Clone + 'static>(Store<K>);

impl<K: kube::Resource<DynamicType = ()> + Clone> Known<K> {
    fn is_ready(&self) -> bool {
        use futures::FutureExt;
        self.0.wait_until_ready().now_or_never().is_some_and(|ready| ready.is_ok())
    }

    fn state(&self) -> Vec<Arc<K>> {
        self.0.state()
    }
}

fn carry_out(script: &str) -> anyhow::Result<()> {
    let mut nft = Command::new("nft");
    let mut nft = nft.args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    nft.stdin.take().context("nft takes no script")?.write_all(script.as_bytes())?;
    let done = nft.wait_with_output()?;
    ensure!(done.status.success(), "nft says: {}", String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}
