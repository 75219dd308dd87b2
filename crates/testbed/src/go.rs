//! Binaries built from the Go module proxy. A binary lies in a folder named by everything it depends on, so it is
//! built once; Go's own caches lie beside, so the next one is built quickly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::cache::Cache;
use crate::command::run;
use crate::step::Did;
use crate::versions::{
    CERT_MANAGER as CERT_MANAGER_VERSION, EXTERNAL_DNS as EXTERNAL_DNS_VERSION, HELM as HELM_VERSION,
    KUBERNETES, KWOK as KWOK_VERSION, RCLONE as RCLONE_VERSION, S5CMD as S5CMD_VERSION,
    STERN as STERN_VERSION,
};

/// The Go modules, beside this crate's source.
const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/go");

#[derive(Clone, Copy, Debug)]
pub struct Tool {
    pub name: &'static str,
    /// Folder of the module under `go/`.
    module: &'static str,
    package: &'static str,
}

const fn tool(name: &'static str, package: &'static str) -> Tool {
    Tool { name, module: "", package }
}

pub const KUBE: Tool = tool("kube", "./cmd/kube");
pub const COREDNS: Tool = tool("coredns", "./cmd/coredns");
pub const PAUSE: Tool = tool("pause", "./cmd/pause");
pub const VOLUMES: Tool = tool("volumes", "./cmd/volumes");
pub const METRICS_SERVER: Tool = tool("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server");
pub const REGISTRY: Tool = tool("registry", "github.com/distribution/distribution/v3/cmd/registry");
pub const ENVOY_GATEWAY: Tool = tool("envoy-gateway", "github.com/envoyproxy/gateway/cmd/envoy-gateway");
pub const VERSITYGW: Tool = tool("versitygw", "github.com/versity/versitygw/cmd/versitygw");
pub const ETCD: Tool = Tool { name: "etcd", module: "etcd", package: "." };

/// In this order: what Kubernetes compiles, the others share.
pub const TOOLS: [Tool; 9] =
    [KUBE, ETCD, REGISTRY, COREDNS, PAUSE, VOLUMES, METRICS_SERVER, ENVOY_GATEWAY, VERSITYGW];

/// What only a bench or a few stories need: built when it is asked for, never by `up`.
pub const HELM: Tool = Tool { name: "helm", module: "helm", package: "helm.sh/helm/v3/cmd/helm" };
pub const KWOK: Tool = tool("kwok", "sigs.k8s.io/kwok/cmd/kwok");
pub const TALK: Tool = tool("talk", "./cmd/talk");
pub const CHATTER: Tool = tool("chatter", "./cmd/chatter");
/// The engine of stories of clusters, where there is no Terraform.
pub const TOFU: Tool =
    Tool { name: "tofu", module: "tofu", package: "github.com/opentofu/opentofu/cmd/tofu" };
pub const STERN: Tool = Tool { name: "stern", module: "stern", package: "github.com/stern/stern" };
pub const RCLONE: Tool = Tool { name: "rclone", module: "rclone", package: "github.com/rclone/rclone" };
pub const S5CMD: Tool = Tool { name: "s5cmd", module: "s5cmd", package: "github.com/peak/s5cmd/v2" };
/// Ours, made of their controllers.
pub const CERT_MANAGER: Tool = Tool { name: "cert-manager", module: "cert-manager", package: "." };
pub const EXTERNAL_DNS: Tool = Tool { name: "external-dns", module: "external-dns", package: "." };

/// A provider where people of stories sign in.
pub const OIDC: Tool = Tool { name: "oidc", module: "oidc", package: "." };

impl Tool {
    pub fn path(&self, cache: &Cache) -> anyhow::Result<PathBuf> {
        Ok(cache.bin().join(self.name).join(self.key()?).join(self.name))
    }

    /// Names the binary by its inputs: the versions, its own source, the flags.
    pub fn key(&self) -> anyhow::Result<String> {
        let module = Path::new(MODULES).join(self.module);
        let mut inputs = vec![("flags".to_owned(), self.flags().into_bytes())];
        for file in ["go.mod", "go.sum"] {
            inputs.push((file.to_owned(), read(&module.join(file))?));
        }
        if let Some(folder) = self.package.strip_prefix('.') {
            let folder = module.join(folder.trim_start_matches('/'));
            inputs.push((self.package.to_owned(), read(&folder.join("main.go"))?));
        }
        Ok(key(&inputs))
    }

    fn flags(&self) -> String {
        let version = KUBERNETES.trim_start_matches('v');
        let (major, rest) = version.split_once('.').unwrap_or((version, ""));
        let minor = rest.split('.').next().unwrap_or_default();
        let package = "k8s.io/component-base/version";
        match self.name {
            // Without a version the components refuse each other.
            "kube" => format!(
                "-s -w -X {package}.gitVersion={KUBERNETES} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
            ),
            "helm" => format!("-s -w -X helm.sh/helm/v3/internal/version.version={HELM_VERSION}"),
            "stern" => format!(
                "-s -w -X github.com/stern/stern/cmd.version={}",
                STERN_VERSION.trim_start_matches('v')
            ),
            "kwok" => format!("-s -w -X sigs.k8s.io/kwok/pkg/consts.Version={KWOK_VERSION}"),
            "rclone" => format!("-s -w -X github.com/rclone/rclone/fs.Version={RCLONE_VERSION}"),
            "s5cmd" => format!("-s -w -X github.com/peak/s5cmd/v2/version.Version={S5CMD_VERSION}"),
            "cert-manager" => format!(
                "-s -w -X github.com/cert-manager/cert-manager/pkg/util.AppVersion={CERT_MANAGER_VERSION}"
            ),
            "external-dns" => format!(
                "-s -w -X sigs.k8s.io/external-dns/pkg/apis/externaldns.Version={EXTERNAL_DNS_VERSION}"
            ),
            _ => "-s -w".to_owned(),
        }
    }

    pub fn build(&self, cache: &Cache) -> anyhow::Result<Did> {
        let path = self.path(cache)?;
        if path.exists() {
            return Ok(Did::Nothing);
        }
        let folder = path.parent().context("a binary has a folder")?;
        fs::create_dir_all(folder)?;
        let temporary = path.with_extension("new");
        let mut go = command(cache, self.module);
        go.args(["build", "-trimpath", "-ldflags"])
            .arg(self.flags())
            .arg("-o")
            .arg(&temporary)
            .arg(self.package);
        run(&mut go, &cache.root().join("build-logs").join(format!("{}.log", self.name)))?;
        fs::rename(&temporary, &path)?;
        Ok(Did::Work)
    }
}

/// Where a module's files lie in Go's module cache, after the build has fetched it.
pub fn module_folder(cache: &Cache, module: &str) -> anyhow::Result<PathBuf> {
    module_of(cache, "", module)
}

/// The same for a module that one of the tools has.
pub fn module_of(cache: &Cache, tool: &str, module: &str) -> anyhow::Result<PathBuf> {
    let mut go = command(cache, tool);
    let output = crate::command::output(go.args(["list", "-m", "-f", "{{.Dir}}", module]))?;
    Ok(PathBuf::from(output.trim()))
}

fn command(cache: &Cache, module: &str) -> Command {
    let mut go = Command::new("go");
    go.current_dir(Path::new(MODULES).join(module))
        .env("GOCACHE", cache.go().join("build"))
        .env("GOMODCACHE", cache.go().join("mod"))
        .env("GOFLAGS", "-mod=readonly -buildvcs=false")
        // Static binaries run on the machine and in an empty image alike.
        .env("CGO_ENABLED", "0")
        .env_remove("GOWORK");
    go
}

pub fn key(inputs: &[(String, Vec<u8>)]) -> String {
    let mut sha = Sha256::new();
    for (name, bytes) in inputs {
        sha.update(format!("{name} {}\n", bytes.len()));
        sha.update(bytes);
    }
    sha.finalize()[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_changes_with_every_input_and_with_where_one_ends() {
        let inputs = |a: &str, b: &str| vec![("a".to_owned(), a.into()), ("b".to_owned(), b.into())];
        assert_eq!(key(&inputs("1", "2")), key(&inputs("1", "2")));
        assert_ne!(key(&inputs("1", "2")), key(&inputs("1", "3")));
        assert_ne!(key(&inputs("12", "")), key(&inputs("1", "2")));
    }

    #[test]
    fn every_tool_has_a_key_and_kubernetes_its_version() {
        for tool in
            TOOLS.iter().chain(&[HELM, KWOK, STERN, CHATTER, RCLONE, S5CMD, CERT_MANAGER, EXTERNAL_DNS, OIDC])
        {
            assert_eq!(tool.key().unwrap().len(), 12, "{}", tool.name);
        }
        assert!(KUBE.flags().contains("gitMajor=1 ") && KUBE.flags().ends_with("gitMinor=36"));
    }
}
