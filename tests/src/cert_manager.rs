//! cert-manager beside the testbed's cluster for the time of a story: its own controllers, and an authority of the story's own.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{World, kubeconfig_file, until};

/// Where the Gateway is, whose certificates are asked for; ClusterIssuers have their keys there, too.
const NAMESPACE: &str = "envoy-gateway-system";
/// The ClusterIssuer, and the Secret of its authority.
pub const ISSUER: &str = "stories";
const READY: Duration = Duration::from_secs(60);
/// It ends by itself, should nobody end it.
const LONGEST: &str = "1200";

pub struct CertManager {
    child: Child,
}

impl CertManager {
    pub async fn begin(world: &World) -> Result<Self> {
        let kubectl = testbed::Kubectl::existing(&testbed::Cache::open()?, &kubeconfig_file()?)?;
        let mut applied = kubectl.command();
        applied.args(["apply", "--server-side", "--force-conflicts", "-f"]);
        let applied = applied.arg(testbed::cert_manager_definitions()?).output()?;
        ensure!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        let log = fs::File::create(world.directory().join("cert-manager.log"))?;
        let child = Command::new("timeout")
            .arg(LONGEST)
            .arg(testbed::tool("cert-manager")?)
            .env("KUBECONFIG", kubeconfig_file()?)
            .env("POD_NAMESPACE", NAMESPACE)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start cert-manager")?;
        let this = Self { child };
        this.authority_of(world).await?;
        Ok(this)
    }

    /// A root that signs itself, and an issuer that signs with it.
    async fn authority_of(&self, world: &World) -> Result<()> {
        let own = "stories-self-signed";
        apply(world, "ClusterIssuer", own, json!({"selfSigned": {}})).await?;
        let root = json!({
            "isCA": true,
            "commonName": "authority of the stories",
            "secretName": ISSUER,
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": {"kind": "ClusterIssuer", "name": own},
        });
        apply(world, "Certificate", ISSUER, root).await?;
        apply(world, "ClusterIssuer", ISSUER, json!({"ca": {"secretName": ISSUER}})).await?;
        let issuers = api(world, "ClusterIssuer");
        until("the issuer ready", READY, async || {
            let issuer = issuers.get(ISSUER).await?;
            let conditions = issuer.data.pointer("/status/conditions").and_then(Value::as_array).cloned();
            let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
            Ok(conditions.unwrap_or_default().iter().any(is_ready).then_some(()))
        })
        .await
    }

    /// What a visitor trusts, as PEM.
    pub async fn authority(&self, world: &World) -> Result<Vec<u8>> {
        let secrets = Api::<Secret>::namespaced(world.client.clone(), NAMESPACE);
        let data = secrets.get(ISSUER).await?.data.context("an authority has a certificate")?;
        Ok(data.get("ca.crt").context("an authority has a certificate")?.0.clone())
    }

    /// Certificates in the Gateway's namespace, by their names.
    pub async fn certificates(&self, world: &World) -> Result<Vec<String>> {
        let found = api(world, "Certificate").list(&Default::default()).await?;
        let names = found.items.into_iter().filter_map(|found| found.metadata.name);
        Ok(names.filter(|name| name != ISSUER).collect())
    }

    /// What the Gateway listens to, by name.
    pub async fn listeners(&self, world: &World) -> Result<Vec<String>> {
        let gateway = gateways(world).get("outboard").await?;
        let listeners = gateway.data.pointer("/spec/listeners").and_then(Value::as_array).cloned();
        let listeners = listeners.context("a Gateway has listeners")?;
        Ok(listeners.iter().filter_map(|listener| Some(listener["name"].as_str()?.to_owned())).collect())
    }

    /// Takes away what the story has made, but for the definitions: those are the next one's, too.
    pub async fn end(self, world: &World) -> Result<()> {
        let secrets = Api::<Secret>::namespaced(world.client.clone(), NAMESPACE);
        let certificates = api(world, "Certificate");
        for certificate in certificates.list(&Default::default()).await?.items {
            let name = certificate.metadata.name.unwrap_or_default();
            certificates.delete(&name, &Default::default()).await?;
            let _ = secrets.delete(&name, &Default::default()).await;
        }
        api(world, "ClusterIssuer").delete_collection(&Default::default(), &Default::default()).await?;
        // The listeners that an operator with an issuer has given the Gateway: it is installed without one again.
        let none = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "outboard"},
        });
        let as_operator = PatchParams::apply(api::marks::MANAGER_HOSTNAMES).force();
        gateways(world).patch("outboard", &as_operator, &Patch::Apply(&none)).await?;
        Ok(())
    }
}

fn gateways(world: &World) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
    let resource = ApiResource::from_gvk_with_plural(&kind, "gateways");
    Api::namespaced_with(world.client.clone(), NAMESPACE, &resource)
}

fn api(world: &World, kind: &str) -> Api<DynamicObject> {
    let plural = format!("{}s", kind.to_lowercase());
    let resource =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("cert-manager.io", "v1", kind), &plural);
    if kind.starts_with("Cluster") {
        return Api::all_with(world.client.clone(), &resource);
    }
    Api::namespaced_with(world.client.clone(), NAMESPACE, &resource)
}

async fn apply(world: &World, kind: &str, name: &str, spec: Value) -> Result<()> {
    let object =
        json!({"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let params = PatchParams::apply("stories").force();
    let patched = async || Ok(api(world, kind).patch(name, &params, &Patch::Apply(&object)).await.ok());
    // The definitions were applied a moment ago.
    until("its kind being served", READY, patched).await?;
    Ok(())
}

impl Drop for CertManager {
    fn drop(&mut self) {
        // `timeout` hands it on; killed, it would leave the process behind.
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}
