//! What the testbed runs, in which version. The Go versions stand in `go/go.mod`; these must agree with it.

pub const KUBERNETES: &str = "v1.36.3";
pub const ENVOY: &str = "1.40.0";
pub const ENVOY_GATEWAY: &str = "v1.9.1";
pub const METRICS_SERVER: &str = "v0.9.0";
/// Only benches use these.
pub const HELM: &str = "v3.22.0";
pub const KWOK: &str = "v0.8.0";
pub const STERN: &str = "v1.34.0";
pub const RCLONE: &str = "v1.75.0";
pub const S5CMD: &str = "v2.3.0";
/// Only stories of hostnames use these.
pub const CERT_MANAGER: &str = "v1.21.2";
pub const EXTERNAL_DNS: &str = "v0.22.0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_agree_with_the_go_module() {
        let module = include_str!("../go/go.mod");
        assert!(module.contains(&format!("k8s.io/kubernetes {KUBERNETES}\n")));
        assert!(module.contains(&format!("github.com/envoyproxy/gateway {ENVOY_GATEWAY}")));
        assert!(module.contains(&format!("sigs.k8s.io/metrics-server {METRICS_SERVER}")));
        assert!(module.contains(&format!("sigs.k8s.io/kwok {KWOK}")));
        assert!(include_str!("../go/helm/go.mod").contains(&format!("helm.sh/helm/v3 {HELM}")));
        assert!(include_str!("../go/stern/go.mod").contains(&format!("github.com/stern/stern {STERN}")));
        assert!(include_str!("../go/rclone/go.mod").contains(&format!("github.com/rclone/rclone {RCLONE}")));
        let cert_manager = format!("github.com/cert-manager/cert-manager {CERT_MANAGER}");
        assert!(include_str!("../go/cert-manager/go.mod").contains(&cert_manager));
        let external_dns = format!("sigs.k8s.io/external-dns {EXTERNAL_DNS}");
        assert!(include_str!("../go/external-dns/go.mod").contains(&external_dns));
        assert!(include_str!("../go/s5cmd/go.mod").contains(&format!("github.com/peak/s5cmd/v2 {S5CMD}")));
    }
}
