//! Gateway API by Envoy Gateway: its CRDs from its own module, its keys from its own `certgen`, one Gateway for all.

use std::process::Command;

use crate::ca;
use crate::cache::Cache;
use crate::command::run;
use crate::go;
use crate::images::Images;
use crate::kube::Kubectl;
use crate::node::GATEWAY_IP;
use crate::template::fill;
use crate::versions::ENVOY_GATEWAY;

const CONTROLLER: &str = include_str!("../manifests/envoy-gateway.yaml");
const GATEWAY: &str = include_str!("../manifests/gateway.yaml");

pub const NAMESPACE: &str = "envoy-gateway-system";
const CRDS: &str = "charts/gateway-helm/charts/crds/crds";

pub fn install_definitions(cache: &Cache, kubectl: &Kubectl) -> anyhow::Result<()> {
    let module = cache.go().join(format!("mod/github.com/envoyproxy/gateway@{ENVOY_GATEWAY}"));
    let module =
        if module.is_dir() { module } else { go::module_folder(cache, "github.com/envoyproxy/gateway")? };
    let folder = module.join(CRDS);
    let generated = folder.join("generated");
    std::thread::scope(|scope| {
        let own = scope.spawn(|| kubectl.apply_file(cache, "envoy-crds", &generated));
        kubectl.apply_file(cache, "gateway-crds", &folder)?;
        own.join().unwrap_or_else(|_| anyhow::bail!("the thread that applied the definitions panicked"))
    })
}

pub fn install_controller(cache: &Cache, kubectl: &Kubectl, images: &Images) -> anyhow::Result<()> {
    let text = fill(CONTROLLER, &[("ENVOY_GATEWAY", &images.envoy_gateway)])?;
    kubectl.apply(cache, "envoy-gateway", &text)?;
    let mut certgen = Command::new(go::ENVOY_GATEWAY.path(cache)?);
    certgen.args(["certgen", "--disable-topology-injector"]);
    certgen.env("KUBECONFIG", cache.admin()).env("ENVOY_GATEWAY_NAMESPACE", NAMESPACE);
    run(&mut certgen, &cache.log("certgen"))
}

pub fn install_gateway(cache: &Cache, kubectl: &Kubectl, images: &Images) -> anyhow::Result<()> {
    let (certificate, key) = ca::certificate(cache)?;
    // A block of YAML is told by how far it stands in.
    let block = |text: &str| text.trim_end().replace('\n', "\n    ");
    let text = fill(
        GATEWAY,
        &[
            ("CERTIFICATE", &block(&certificate)),
            ("ENVOY", &images.envoy),
            ("GATEWAY_IP", GATEWAY_IP),
            ("KEY", &block(&key)),
        ],
    )?;
    kubectl.apply(cache, "gateway", &text)
}

/// Stands for the manifests: other ones have to be applied.
pub fn mark() -> String {
    crate::template::mark(&[CONTROLLER, GATEWAY])
}

pub fn wait(kubectl: &Kubectl) -> anyhow::Result<()> {
    kubectl.wait(NAMESPACE, "condition=Available", &["deployment/envoy-gateway"])?;
    kubectl.wait(NAMESPACE, "condition=Programmed", &["gateway/outboard"])
}
