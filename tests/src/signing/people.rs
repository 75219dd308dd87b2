//! Who comes to a server in these stories, and what a project lets them do: the roles of a shop, and CI as the guide says it.

use serde_json::{Value, json};

use crate::light;

/// For programs: what GitHub says of a workflow on `main`, by the address of the issuer and that of the server.
#[must_use]
pub fn issuers(issuer: &str, server: &str) -> String {
    json!({"issuers": [{
        "issuer": issuer,
        "audiences": [server],
        "prefix": "github:",
        "people": [{
            "when": {"repository": "shop/shop", "ref": "refs/heads/main", "event_name": "push"},
            "name": "${repository}",
            "groups": ["deployers"],
        }],
    }]})
    .to_string()
}

/// A light shop that vera looks at, where developers change things and CI makes environments.
pub fn shop(spec: &mut Value) {
    *spec = light();
    spec["access"] = json!({
        "viewer": {"users": ["oidc:vera@example.com"]},
        "qa": {"groups": ["oidc:github:deployers"]},
        "developer": {"groups": ["oidc:shop-developers"]},
    });
}
