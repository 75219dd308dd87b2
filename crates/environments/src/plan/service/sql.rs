//! What `mariadb` and `mysql` have in common: one server with a volume, a database and a user of its own.
//!
//! The image is driven by our own command, so that Debian-made and Docker Hub images both work.

use api::Role;
use api::project::ServiceSettings;
use api::revision::{Part, Rotates, SecretPiece};
use serde_json::json;

use super::server;
use super::{Address, Rendered, credentials, reference, text};
use crate::plan::render::{self, Place};

/// In what the servers differ.
pub struct Flavour {
    pub name: &'static str,
    pub image: &'static str,
    pub version: &'static str,
    /// Of its container: where it finds database, password and user.
    pub variables: [&'static str; 3],
    /// Becomes the server; its options are the arguments.
    pub start: &'static str,
    /// Succeeds once the server takes the user's password.
    pub ready: &'static str,
    /// Makes the server take the passwords that lie in its pod.
    pub rotate: &'static str,
    pub rotates: Rotates,
    /// What it requests, unless the project says.
    pub memory: &'static str,
}

pub const FIELDS: [&str; 6] = ["host", "port", "name", "user", "password", "url"];
/// Options that outboard sets itself: they decide where the data lies and who gets in.
pub const RESERVED: [&str; 9] = [
    "bind-address",
    "datadir",
    "init-file",
    "port",
    "skip-grant-tables",
    "skip-name-resolve",
    "skip-networking",
    "socket",
    "user",
];

const PORT: u16 = 3306;
const USER: &str = "app";
const DATABASE: &str = "app";
const STORAGE: &str = "1Gi";
/// Seconds a first start may take: it initialises the data directory.
const START_SECONDS: u32 = 180;

pub fn render(place: &Place<'_>, name: &str, settings: &ServiceSettings, flavour: &Flavour) -> Rendered {
    let version = settings.version.as_deref().unwrap_or(flavour.version);
    let image = reference(settings.image.as_deref().unwrap_or(flavour.image), version);
    let storage = settings.storage.as_deref().unwrap_or(STORAGE);
    let ports = [("mysql", PORT)];
    let options: Vec<String> = settings
        .config
        .iter()
        .map(|(key, value)| server::literal(&format!("--{}={value}", key.replace('_', "-"))))
        .collect();
    let [database, password, user] = flavour.variables;
    let mut container = json!({
        "name": name,
        "image": place.pinned(&image),
        "command": ["/bin/sh", "-c", flavour.start, flavour.name],
        "env": [
            server::from_credentials(name, database, "name"),
            server::from_credentials(name, password, "password"),
            server::from_credentials(name, user, "user"),
        ],
        "ports": server::container_ports(&ports),
        "readinessProbe": server::asks(flavour.ready),
        "resources": server::resources(settings.resources.as_ref(), flavour.memory),
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}, server::credentials_mount()],
        "securityContext": {"allowPrivilegeEscalation": false},
    });
    if !options.is_empty() {
        container["args"] = json!(options);
    }
    let mut pod = server::pod(&container, 60);
    pod["volumes"] = json!([server::credentials_volume(name)]);
    let objects =
        vec![server::address(place, name, &ports), server::stateful_set(place, name, &pod, Some(storage))];
    let part = Part {
        version: Some(version.to_owned()),
        digest: place.digests.get(&image).cloned(),
        start_seconds: Some(START_SECONDS),
        replicas: Some(1),
        rotates: Some(flavour.rotates),
        ..render::part(name, Role::Service, objects)
    };
    let values = [
        ("user", USER.to_owned()),
        ("name", DATABASE.to_owned()),
        ("host", name.to_owned()),
        ("port", PORT.to_string()),
    ];
    Rendered { part, secrets: vec![credentials(name, &values, true)] }
}

/// What `${name.field}` stands for.
pub fn field(at: &Address, field: &str) -> Vec<SecretPiece> {
    match field {
        "password" => vec![at.password()],
        "user" => vec![text(&USER)],
        "name" => vec![text(&DATABASE)],
        "port" => vec![text(&PORT)],
        "url" => vec![
            text(&format!("mysql://{USER}:")),
            at.password(),
            text(&format!("@{}:{PORT}/{DATABASE}", at.host)),
        ],
        _ => vec![text(&at.host)],
    }
}
