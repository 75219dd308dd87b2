//! Clients of a service that connect anew all the time, each with what its pod was started with, for as long as that pod lives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use api::{Exit, marks};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use redis::IntoConnectionInfo;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::World;
use crate::mariadb::Door;

/// Between two looks at which pods there are, and between two connections of one client.
const LOOK: Duration = Duration::from_millis(400);
const PACE: Duration = Duration::from_millis(25);
const PATIENCE: Duration = Duration::from_secs(5);
/// A pod that is just starting, or on its way out, cannot be entered once or twice.
const LOOKS: usize = 3;

/// Whose pods connect, and to what.
#[derive(Clone, Copy, Debug)]
pub struct Newcomers<'a> {
    pub environment: &'a str,
    pub component: &'a str,
    /// The variable that has the URL.
    pub variable: &'a str,
    /// Where the service runs, and its name there.
    pub server: (&'a str, &'a str),
}

/// What they met.
#[derive(Clone, Debug, Default)]
pub struct Came {
    pub connections: usize,
    /// Connections that the server did not let in.
    pub refused: Vec<String>,
    /// Connections that nobody answered, and when that was clear.
    pub unanswered: Vec<(Instant, String)>,
    /// Pods that could not be entered at any of some looks: whether they are refused nobody knows.
    pub shut: Vec<String>,
    pub pods: usize,
    pub passwords: usize,
}

impl Newcomers<'_> {
    /// Goes on until `stop` says so.
    pub async fn come(self, world: &World, stop: watch::Receiver<bool>) -> Result<Came> {
        let pods = Api::<Pod>::namespaced(world.client.clone(), &world.namespace(self.environment));
        let servers = Api::<Pod>::namespaced(world.client.clone(), &world.namespace(self.server.0));
        let server = servers.get(&format!("{}-0", self.server.1)).await?;
        let address = server.status.and_then(|status| status.pod_ip).context("the server has no address")?;
        let of_component = ListParams::default().labels(&format!("{}={}", marks::PART, self.component));
        let mut clients: BTreeMap<String, ()> = BTreeMap::new();
        let mut passwords = BTreeSet::new();
        let mut shut: BTreeMap<String, (String, usize)> = BTreeMap::new();
        let mut running: JoinSet<Came> = JoinSet::new();
        while !*stop.borrow() {
            for pod in pods.list(&of_component).await? {
                let (name, uid) = (pod.name_any(), pod.uid().unwrap_or_default());
                let runs =
                    pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
                if !runs || pod.metadata.deletion_timestamp.is_some() || clients.contains_key(&uid) {
                    continue;
                }
                let script = format!("echo \"${}\"", self.variable);
                let command =
                    ["exec", self.environment, self.component, "--pod", &name, "--", "sh", "-c", &script];
                let Ok(said) = world.outboard(&command).await?.ended(Exit::Success) else {
                    shut.entry(uid).or_insert((name, 0)).1 += 1;
                    continue;
                };
                shut.remove(&uid);
                let url = said.stdout.trim().to_owned();
                clients.insert(uid.clone(), ());
                passwords.insert(url.clone());
                let (stop, pods, address) = (stop.clone(), pods.clone(), address.clone());
                running.spawn(async move { connect(&url, &address, (pods, name, uid), stop).await });
            }
            tokio::time::sleep(LOOK).await;
        }
        let mut all = Came { pods: clients.len(), passwords: passwords.len(), ..Came::default() };
        all.shut = shut.into_values().filter(|(_, looks)| *looks >= LOOKS).map(|(name, _)| name).collect();
        while let Some(one) = running.join_next().await {
            let one = one?;
            all.connections += one.connections;
            all.refused.extend(one.refused);
            all.unanswered.extend(one.unanswered);
        }
        println!(
            "{} of {}: {} new connections of {} pods with {} passwords; {} refused, {} not answered",
            self.component,
            self.environment,
            all.connections,
            all.pods,
            all.passwords,
            all.refused.len(),
            all.unanswered.len()
        );
        Ok(all)
    }
}

/// One client, until its pod is gone.
async fn connect(
    url: &str,
    address: &str,
    (pods, name, uid): (Api<Pod>, String, String),
    stop: watch::Receiver<bool>,
) -> Came {
    let mut came = Came::default();
    while !*stop.borrow() {
        let tried = timeout(PATIENCE, once(url, address)).await;
        let failed = match tried {
            Ok(Ok(())) => {
                came.connections += 1;
                None
            }
            Ok(Err(error)) => Some(error),
            Err(_) => Some(anyhow::anyhow!("no answer")),
        };
        if let Some(error) = failed {
            // Whoever is gone needs nothing; whoever is on the way out does.
            let there = pods.get_opt(&name).await.ok().flatten();
            if there.is_none_or(|there| there.uid().as_ref() != Some(&uid)) {
                return came;
            }
            let error = format!("pod {name}: {error:#}");
            let refused = [
                "1045",
                "Access denied",
                "WRONGPASS",
                "NOAUTH",
                "AuthenticationFailed",
                "authentication failed",
            ];
            if refused.iter().any(|word| error.contains(word)) {
                came.refused.push(error);
            } else {
                came.unanswered.push((Instant::now(), error));
            }
        }
        tokio::time::sleep(PACE).await;
    }
    came
}

/// A connection of its own, and a question.
pub async fn once(url: &str, address: &str) -> Result<()> {
    let (scheme, rest) = url.split_once("://").context("no URL")?;
    let (credentials, _) = rest.split_once('@').context("no credentials")?;
    let (user, password) = credentials.split_once(':').context("no password")?;
    if scheme == "redis" {
        let info = format!("redis://:{password}@{address}:6379").into_connection_info()?;
        let mut connection = redis::Client::open(info)?.get_multiplexed_async_connection().await?;
        let _: String = redis::cmd("PING").query_async(&mut connection).await?;
        return Ok(());
    }
    let door = Door {
        host: address.to_owned(),
        port: 3306,
        user: user.to_owned(),
        password: password.to_owned(),
        database: "app".to_owned(),
    };
    let _: u8 = door.one("SELECT 1").await?;
    Ok(())
}
