//! Copies of data between environments of a world, asked for as objects, and the servers that they are about.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use api::datacopy::{CopyPhase, DataCopy, DataCopySpec, DataCopyStatus};
use aws::{Aws, StorePlace};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::World;
use crate::mariadb::Door;
use crate::patience::until;
use crate::redis_server::RedisDoor;
use crate::shelf::Shelf;

/// A pod may take so long to be there.
const SOON: Duration = Duration::from_secs(60);

impl World {
    pub fn copies(&self) -> Api<DataCopy> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub async fn ask_copy(&self, name: &str, spec: DataCopySpec) -> kube::Result<DataCopy> {
        self.copies().create(&PostParams::default(), &DataCopy::new(name, spec)).await
    }

    /// Changes some of its spec.
    pub async fn steer_copy(&self, name: &str, spec: &Value) -> Result<()> {
        self.copies().patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await?;
        Ok(())
    }

    /// Waits until its status is as wanted, or it has ended otherwise.
    pub async fn copy_until(
        &self,
        name: &str,
        what: &str,
        at_most: Duration,
        wanted: impl Fn(&DataCopyStatus) -> bool,
    ) -> Result<DataCopyStatus> {
        let mut last = DataCopyStatus::default();
        let found = until(&format!("copy {name}: {what}"), at_most, async || {
            last = self.copies().get(name).await?.status.unwrap_or_default();
            if wanted(&last) {
                return Ok(Some(Ok(last.clone())));
            }
            Ok(last.phase.is_final().then_some(Err(())))
        })
        .await;
        match found {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(())) => bail!("copy {name} ended before {what}: {last:#?}"),
            Err(error) => Err(error.context(format!("{last:#?}"))),
        }
    }

    pub async fn copy_done(&self, name: &str, at_most: Duration) -> Result<DataCopyStatus> {
        self.copy_until(name, "done", at_most, |status| status.phase == CopyPhase::Done).await
    }

    /// The database of an environment's service, entered as its components do.
    pub async fn door(&self, environment: &str, service: &str) -> Result<Door> {
        let (host, secret) = self.entrance(environment, service).await?;
        Ok(Door {
            host,
            port: text(&secret, "port")?.parse()?,
            user: text(&secret, "user")?,
            password: text(&secret, "password")?,
            database: text(&secret, "name")?,
        })
    }

    /// The same of a Redis.
    pub async fn redis(&self, environment: &str, service: &str) -> Result<RedisDoor> {
        let (host, secret) = self.entrance(environment, service).await?;
        Ok(RedisDoor { host, port: text(&secret, "port")?.parse()?, password: text(&secret, "password")? })
    }

    /// The same of an S3.
    pub async fn shelf(&self, environment: &str, service: &str) -> Result<Shelf> {
        let (host, secret) = self.entrance(environment, service).await?;
        let place = StorePlace {
            endpoint: Some(format!("http://{host}:{}", text(&secret, "port")?)),
            region: Some(text(&secret, "region")?),
            credentials: Some((text(&secret, "access_key")?, text(&secret, "password")?)),
            ..StorePlace::default()
        };
        let client =
            Aws::default().store(&place).await.map_err(|failure| anyhow!("no client: {failure:?}"))?;
        Ok(Shelf { client, bucket: text(&secret, "bucket")? })
    }

    /// The address of its pod, and what its components know of it.
    async fn entrance(&self, environment: &str, service: &str) -> Result<(String, Secret)> {
        let namespace = self.namespace(environment);
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &namespace);
        let secret = secrets.get(&format!("{service}-credentials")).await?;
        let pods = Api::<Pod>::namespaced(self.client.clone(), &namespace);
        let pod = pods.get(&format!("{service}-0")).await?;
        Ok((pod.status.and_then(|status| status.pod_ip).context("no address")?, secret))
    }

    /// Where the pods of a copy run.
    pub fn copy_namespace_of(&self, copy: &str) -> String {
        let owner = api::marks::CopyOwner {
            install: String::new(),
            control_namespace: self.name.clone(),
            copy: copy.to_owned(),
        };
        owner.namespace()
    }

    /// Namespaces of copies of this world.
    pub async fn copy_namespaces(&self) -> Result<Vec<String>> {
        let ours = ListParams::default().labels(&format!(
            "{}={},{}",
            api::marks::CONTROL_NAMESPACE,
            self.name,
            api::marks::COPY
        ));
        let found = Api::<Namespace>::all(self.client.clone()).list(&ours).await?;
        Ok(found.iter().map(ResourceExt::name_any).collect())
    }

    /// SIGKILL for what runs in a pod whose name begins so: nothing of it can finish anything.
    pub async fn slay(&self, namespace: &str, pod: &str, program: &str) -> Result<()> {
        let pods = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let pid = until(&format!("{program} runs in {pod}"), SOON, async || {
            let all = pods.list(&ListParams::default()).await?;
            let uids = all
                .iter()
                .filter(|found| found.name_any().starts_with(pod))
                .filter_map(kube::ResourceExt::uid);
            Ok(uids.filter_map(|uid| process(&uid, program)).next())
        })
        .await?;
        kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        Ok(())
    }
}

fn text(secret: &Secret, key: &str) -> Result<String> {
    let value = secret.data.as_ref().and_then(|data| data.get(key));
    Ok(String::from_utf8(value.with_context(|| format!("no {key}"))?.0.clone())?)
}

/// A process of a pod on this machine, by its command line.
fn process(uid: &str, program: &str) -> Option<i32> {
    let underscored = uid.replace('-', "_");
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let group = std::fs::read_to_string(entry.path().join("cgroup")).ok()?;
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let ours = group.contains(uid) || group.contains(&underscored);
        (ours && line.contains(program)).then_some(pid)
    })
}
