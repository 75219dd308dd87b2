//! What the testbed runs, in which version. The Go versions stand in `go/go.mod`; these must agree with it.

pub const KUBERNETES: &str = "v1.36.3";
pub const ENVOY: &str = "1.40.0";
pub const ENVOY_GATEWAY: &str = "v1.9.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_agree_with_the_go_module() {
        let module = include_str!("../go/go.mod");
        assert!(module.contains(&format!("k8s.io/kubernetes {KUBERNETES}\n")));
        assert!(module.contains(&format!("github.com/envoyproxy/gateway {ENVOY_GATEWAY}")));
    }
}
