//! An `s3` service: one bucket on a server of its own, so that no key reaches another environment's.
//!
//! The server is versitygw, which keeps objects as files; it is driven by our own command.

use api::Role;
use api::project::ServiceSettings;
use api::revision::{Part, SecretPiece};
use serde_json::json;

use super::server;
use super::{Address, Rendered, credentials, reference, text};
use crate::plan::render::{self, Place};
use crate::plan::standard;

pub const FIELDS: [&str; 7] = ["host", "port", "endpoint", "bucket", "region", "access_key", "secret_key"];

const PORT: u16 = 7070;
const BUCKET: &str = "app";
const REGION: &str = "us-east-1";
const USER: &str = "app";
pub const VERSION: &str = "v1.8.0";
pub const IMAGE: &str = "docker.io/versity/versitygw";
const STORAGE: &str = "1Gi";
const START_SECONDS: u32 = 60;
/// Who owns the files. By number, so that no image has to know it.
const OWNER: u32 = 999;

/// A bucket is a folder. What is known about objects lies beside, since not every disk takes extended attributes.
const START: &str = r#"set -eu
mkdir -p /data/objects/app /data/about
exec versitygw --port :7070 --health /healthz --quiet posix --sidecar /data/about /data/objects
"#;

pub fn render(place: &Place<'_>, name: &str, settings: &ServiceSettings) -> Rendered {
    let version = settings.version.as_deref().unwrap_or(VERSION);
    let image = reference(settings.image.as_deref().unwrap_or(IMAGE), version);
    let storage = settings.storage.as_deref().unwrap_or(STORAGE);
    let ports = [("s3", PORT)];
    let container = json!({
        "name": name,
        "image": place.pinned(&image),
        "command": ["/bin/sh", "-c", START],
        "env": [
            server::from_credentials(name, "ROOT_ACCESS_KEY", "access_key"),
            server::from_credentials(name, "ROOT_SECRET_KEY", "password"),
        ],
        "ports": server::container_ports(&ports),
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": "s3"},
            "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 3,
        },
        "resources": server::resources(settings.resources.as_ref(), "64Mi"),
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "securityContext": {"allowPrivilegeEscalation": false},
    });
    let mut pod = server::pod(&container, 60);
    for key in ["runAsUser", "runAsGroup", "fsGroup"] {
        pod["securityContext"][key] = json!(OWNER);
    }
    standard::tighten(place.class.pod_security, &mut pod);
    let objects =
        vec![server::address(place, name, &ports), server::stateful_set(place, name, &pod, Some(storage))];
    let part = Part {
        version: Some(version.to_owned()),
        digest: place.digests.get(&image).cloned(),
        start_seconds: Some(START_SECONDS),
        replicas: Some(1),
        ..render::part(name, Role::Service, objects)
    };
    let values = [
        ("host", name.to_owned()),
        ("port", PORT.to_string()),
        ("bucket", BUCKET.to_owned()),
        ("region", REGION.to_owned()),
        ("access_key", USER.to_owned()),
    ];
    // The files do not know the key.
    Rendered { part, secrets: vec![credentials(name, &values, false)] }
}

/// What `${name.field}` stands for.
pub fn field(at: &Address, field: &str) -> Vec<SecretPiece> {
    vec![match field {
        "secret_key" => at.password(),
        "access_key" => text(&USER),
        "bucket" => text(&BUCKET),
        "region" => text(&REGION),
        "port" => text(&PORT),
        "endpoint" => text(&format!("http://{}:{PORT}", at.host)),
        _ => text(&at.host),
    }]
}
