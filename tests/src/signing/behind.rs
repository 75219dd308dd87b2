//! `outboard server` as whoever runs a cluster installs it: a pod behind the real Gateway, at a name of the testbed's zone, with
//! a provider and an issuer of CI's tokens that are reached by names of their own.

use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use api::Exit;
use futures::FutureExt;
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams};
use oidc_fake::Fake;
use serde_json::{Value, json};

use super::NAMESPACE;
use super::provider::Provider;
use super::site::Site;
use super::terminal::Terminal;
use super::way::Way;
use crate::dns::{self, Record, named};
use crate::{Output, World, arguments, binary, same, until};

const SOON: Duration = Duration::from_secs(60);
/// What is made by hand, by the names that the guide gives them.
const SECRET: &str = "outboard-server";
const ISSUERS: &str = "outboard-issuers";
const AUTHORITY: &str = "outboard-authority";

/// The server, its provider, and what signs CI's tokens.
pub struct Behind<'a> {
    pub site: Site,
    pub ci: Fake,
    world: &'a World,
    host: String,
    program: PathBuf,
    before: Vec<String>,
    flags: Vec<String>,
}

/// Installs it, tells the story, and takes all of it away again however that ends. `issuers`: those for programs, by the address
/// of the issuer and that of the server.
pub async fn behind_the_gateway(
    world: &World,
    more: &[&str],
    issuers: impl FnOnce(&str, &str) -> String,
    tell: impl AsyncFnOnce(&Behind<'_>) -> Result<()>,
) -> Result<()> {
    let hosts = ["outboard", "id", "ci"].map(|label| named(world, label));
    let records = hosts.clone().map(|host| Record::new(&host, "A", testbed::GATEWAY));
    dns::create(&records).await?;
    let before = arguments(&world.client).await?;
    let told = AssertUnwindSafe(Box::pin(async {
        let behind = Behind::install(world, &hosts, before.clone(), more, issuers).await?;
        tell(&behind).await
    }))
    .catch_unwind()
    .await;
    let gone = async {
        run(world, &before).await?;
        forget(world, "Secret", SECRET).await?;
        forget(world, "ConfigMap", ISSUERS).await?;
        forget(world, "ConfigMap", AUTHORITY).await?;
        dns::delete(&records).await
    };
    let gone = gone.await;
    match told {
        Ok(told) => told.and(gone),
        Err(panic) => resume_unwind(panic),
    }
}

impl<'a> Behind<'a> {
    async fn install(
        world: &'a World,
        [host, id, ci]: &[String; 3],
        before: Vec<String>,
        more: &[&str],
        issuers: impl FnOnce(&str, &str) -> String,
    ) -> Result<Self> {
        let way = Way::Tls(host.clone());
        let port = super::free_port(testbed::HOST)?;
        lead(world, "id", id, port).await?;
        let back = format!("{}/sign-in/back", way.url());
        let listen = format!("{}:{port}", testbed::HOST);
        let provider = Provider::listening(world, &listen, Way::Tls(id.clone()), &back).await?;
        let (ci_port, ci_way) = (super::free_port(testbed::HOST)?, Way::Tls(ci.clone()));
        lead(world, "ci", ci, ci_port).await?;
        let ci = Fake::start_at(&format!("{}:{ci_port}", testbed::HOST), &ci_way.url()).await;

        // As the guide says it.
        let key = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";
        make(
            world,
            "Secret",
            SECRET,
            json!({"stringData": {"client-secret": "secret\n", "session-key": key}}),
        )
        .await?;
        let rules = issuers(&ci.issuer(), &way.url());
        make(world, "ConfigMap", ISSUERS, json!({"data": {"issuers.yaml": rules}})).await?;
        let authority = std::fs::read_to_string(testbed::authority()?)?;
        make(world, "ConfigMap", AUTHORITY, json!({"data": {"ca.crt": authority}})).await?;
        let mut flags: Vec<String> = [
            "--with-server",
            host,
            "--server-issuer",
            &provider.issuer(),
            "--server-client-id",
            "outboard",
            "--server-cli-client-id",
            "outboard-cli",
            "--server-issuers",
            ISSUERS,
            "--server-ca",
            AUTHORITY,
            "--server-flag",
            "--contact=the platform team",
            "--server-flag",
            "--scopes=openid,email,groups",
        ]
        .map(str::to_owned)
        .to_vec();
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        let program = resolving(world, host)?;
        let site = Site { way, provider };
        let behind = Self { site, ci, world, host: host.clone(), program, before, flags };
        behind.install_again(&[]).await?;
        until("its route is served", SOON, async || {
            let asked = behind.site.way.get("/signed-out").await;
            Ok(asked.is_ok_and(|page| page.status == 200).then_some(()))
        })
        .await?;
        Ok(behind)
    }

    /// With further flags; what it said.
    pub async fn install_again(&self, more: &[&str]) -> Result<Output> {
        let more = more.iter().map(|&flag| flag.to_owned()).collect();
        run(self.world, &[self.before.clone(), self.flags.clone(), more].concat()).await
    }

    /// Installed as it was before there was a server.
    pub async fn remove(&self) -> Result<Output> {
        run(self.world, &self.before).await
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where nobody has signed in yet: it resolves the server's name by the zone, and trusts the testbed's authority.
    pub fn terminal(&self, who: &str) -> Result<Terminal<'a>> {
        let authority = testbed::authority()?.display().to_string();
        Ok(Terminal::new(self.world, who)?.by(self.program.clone()).with(&[("SSL_CERT_FILE", &authority)]))
    }

    /// The server's pods that are not on their way out.
    pub async fn pods(&self) -> Result<Vec<Pod>> {
        let pods = Api::<Pod>::namespaced(self.world.client.clone(), NAMESPACE);
        let ours = pods.list(&ListParams::default().labels("app.kubernetes.io/name=outboard-server")).await?;
        Ok(ours.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect())
    }

    /// Takes its pods away at once, without a word to them; ends when others answer.
    pub async fn kill(&self) -> Result<()> {
        let old: Vec<String> = self.pods().await?.iter().map(ResourceExt::name_any).collect();
        let pods = Api::<Pod>::namespaced(self.world.client.clone(), NAMESPACE);
        let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        for pod in &old {
            pods.delete(pod, &at_once).await?;
        }
        until("another pod answers", SOON, async || {
            let new = self.pods().await?;
            let fresh = !new.is_empty() && new.iter().all(|pod| !old.contains(&pod.name_any()));
            let asked = self.site.way.get("/signed-out").await;
            Ok((fresh && asked.is_ok_and(|page| page.status == 200)).then_some(()))
        })
        .await
    }

    /// What is kept of changes, line by line.
    pub async fn records(&self) -> Result<Vec<Value>> {
        super::records(self.world).await
    }
}

/// Leads a name to a port of this machine, by a route of the Gateway.
async fn lead(world: &World, name: &str, host: &str, port: u16) -> Result<()> {
    let ports = json!([{"name": "http", "port": port, "protocol": "TCP"}]);
    let service = json!({"metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80, "targetPort": port}]}});
    let services = Api::<Service>::namespaced(world.client.clone(), &world.name);
    services.create(&PostParams::default(), &serde_json::from_value(service)?).await?;
    let labels =
        json!({"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "stories"});
    let slice = json!({"metadata": {"name": name, "labels": labels}, "addressType": "IPv4", "ports": ports,
        "endpoints": [{"addresses": [testbed::HOST], "conditions": {"ready": true}}]});
    let slices = Api::<EndpointSlice>::namespaced(world.client.clone(), &world.name);
    slices.create(&PostParams::default(), &serde_json::from_value(slice)?).await?;
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "parentRefs": [{"namespace": "envoy-gateway-system", "name": "outboard", "sectionName": "https"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": name, "port": 80}]}],
        },
    });
    let route: DynamicObject = serde_json::from_value(route)?;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"));
    let routes = Api::<DynamicObject>::namespaced_with(world.client.clone(), &world.name, &kind);
    routes.create(&PostParams::default(), &route).await?;
    Ok(())
}

fn of(world: &World, kind: &str) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind));
    Api::namespaced_with(world.client.clone(), NAMESPACE, &kind)
}

async fn make(world: &World, kind: &str, name: &str, mut object: Value) -> Result<()> {
    object["metadata"] = json!({"name": name});
    let api = of(world, kind);
    // Of a story that was ended in the middle.
    let _ = api.delete(name, &DeleteParams::default()).await;
    api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
    Ok(())
}

async fn forget(world: &World, kind: &str, name: &str) -> Result<()> {
    match of(world, kind).delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop).context("something of the story stays"),
    }
}

async fn run(world: &World, arguments: &[String]) -> Result<Output> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = world.outboard(&arguments).await?.ended(Exit::Success)?;
    same("a word on stdout for a person", &output.stdout.contains("outboard is ready"), &true)?;
    Ok(output)
}

/// A program that runs `outboard` where the host is known: no program of this machine asks the zone's name server by itself.
fn resolving(world: &World, host: &str) -> Result<PathBuf> {
    let folder = world.directory();
    let (hosts, program) = (folder.join("hosts"), folder.join("outboard-resolving"));
    let known = std::fs::read_to_string("/etc/hosts").context("failed to read /etc/hosts")?;
    let names = [host.to_owned(), named(world, "id")].join(" ");
    std::fs::write(&hosts, format!("{known}\n{} {names}\n", testbed::GATEWAY))?;
    let text = format!(
        "#!/bin/sh\nexec unshare --mount -- sh -c 'mount --bind \"$0\" /etc/hosts && exec \"$@\"' '{}' '{}' \"$@\"\n",
        hosts.display(),
        binary::path()?.display()
    );
    std::fs::write(&program, text)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    Ok(program)
}
