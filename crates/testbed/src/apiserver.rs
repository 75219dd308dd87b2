//! The API server, on the host bridge only: nothing outside the machine reaches it.

use std::fs;
use std::path::PathBuf;

use crate::cache::Cache;
use crate::etcd;
use crate::kube::component;
use crate::node::{HOST_IP, SERVICES};
use crate::process::Daemon;

/// As whom outboard's server did something: nothing else, and nothing of what is written.
const AUDITED: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: ['system:serviceaccount:outboard-system:outboard-server']}
- {level: None}
";

/// Its record of that, one JSON object a line.
pub fn audit_log(cache: &Cache) -> PathBuf {
    cache.state().join("audit.log")
}

fn audited(cache: &Cache) -> PathBuf {
    cache.config().join("audited.yaml")
}

/// What it reads when it starts.
pub fn configure(cache: &Cache) -> anyhow::Result<()> {
    fs::create_dir_all(cache.config())?;
    Ok(fs::write(audited(cache), AUDITED)?)
}

pub fn daemon(cache: &Cache) -> anyhow::Result<Daemon> {
    let key = |name: &str| cache.pki().join(name).display().to_string();
    Ok(Daemon::new(cache, "apiserver", component(cache, "kube-apiserver")?)
        .arg(format!("--etcd-servers=http://{}", etcd::CLIENTS))
        .arg(format!("--bind-address={HOST_IP}"))
        .arg(format!("--advertise-address={HOST_IP}"))
        .arg("--secure-port=6443")
        .arg(format!("--service-cluster-ip-range={SERVICES}"))
        .args(["--authorization-mode=Node,RBAC", "--allow-privileged=true"])
        .arg(format!("--audit-policy-file={}", audited(cache).display()))
        .arg(format!("--audit-log-path={}", audit_log(cache).display()))
        .args(["--audit-log-maxsize=20", "--audit-log-maxbackup=1"])
        .arg("--kubelet-preferred-address-types=InternalIP")
        .arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local")
        .arg(format!("--client-ca-file={}", key("ca.crt")))
        .arg(format!("--tls-cert-file={}", key("apiserver.crt")))
        .arg(format!("--tls-private-key-file={}", key("apiserver.key")))
        .arg(format!("--kubelet-client-certificate={}", key("apiserver-kubelet-client.crt")))
        .arg(format!("--kubelet-client-key={}", key("apiserver-kubelet-client.key")))
        .arg(format!("--service-account-key-file={}", key("sa.pub")))
        .arg(format!("--service-account-signing-key-file={}", key("sa.key")))
        .arg(format!("--proxy-client-cert-file={}", key("front-proxy-client.crt")))
        .arg(format!("--proxy-client-key-file={}", key("front-proxy-client.key")))
        .arg(format!("--requestheader-client-ca-file={}", key("front-proxy-ca.crt")))
        .arg("--requestheader-allowed-names=front-proxy-client")
        .arg("--requestheader-extra-headers-prefix=X-Remote-Extra-")
        .arg("--requestheader-group-headers=X-Remote-Group")
        .arg("--requestheader-username-headers=X-Remote-User"))
}

pub fn listens() -> bool {
    crate::wait::listens(&format!("{HOST_IP}:6443"))
}
