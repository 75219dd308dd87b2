//! The route of a named host: the paths of a route that the environment has, under this name.

use serde_json::{Value, json};

/// Made from the HTTPRoute that the environment renders. Called like the host: an environment's own have no dot in their
/// names.
pub fn render(rendered: &Value, host: &str, install: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": host,
            "namespace": rendered["metadata"]["namespace"],
            // No environment's: what it renders is compared with what carries its marks.
            "labels": {
                "app.kubernetes.io/managed-by": "outboard",
                api::marks::INSTALL: install,
                api::marks::SLICE: api::marks::SLICE_HOSTNAMES,
            },
        },
        "spec": {
            "parentRefs": rendered["spec"]["parentRefs"],
            "hostnames": [host],
            "rules": rendered["spec"]["rules"],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_host_has_the_paths_of_the_route_and_no_environments_marks() {
        let rendered = json!({
            "metadata": {"name": "web", "namespace": "shop-production", "labels": {"outboard.dev/environment": "production"}},
            "spec": {
                "parentRefs": [{"name": "outboard", "namespace": "gateways"}],
                "hostnames": ["web-production-shop.apps.example.com"],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
        });
        insta::assert_yaml_snapshot!(render(&rendered, "www.example.com", "outboard"));
    }
}
