//! A `mariadb` service: one server with a volume, a database and a user of its own.
//!
//! The image is driven by our own command, so that Debian-made and Docker Hub images both work.

use api::Role;
use api::project::ServiceSettings;
use api::revision::{Part, SecretPiece};
use serde_json::json;

use super::server;
use super::{Address, Rendered, credentials, reference, text};
use crate::plan::render::{self, Place};

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
pub const VERSION: &str = "10.11";
const STORAGE: &str = "1Gi";
pub const IMAGE: &str = "docker.io/library/mariadb";
/// Seconds a first start may take: it initialises the data directory.
const START_SECONDS: u32 = 180;

/// Initialises the data directory once, sets the user's password at every start, then becomes the server.
/// The statements go through a file, so that the password is in no argument list.
const START: &str = r#"set -eu
data=/var/lib/mysql/data
if [ ! -d "$data/mysql" ]; then
  rm -rf "$data" /var/lib/mysql/new && mkdir -p /var/lib/mysql/new && chown mysql:mysql /var/lib/mysql/new
  mariadb-install-db --user=mysql --datadir=/var/lib/mysql/new --skip-test-db --auth-root-authentication-method=socket >/dev/null
  mv /var/lib/mysql/new "$data"
fi
mkdir -p /run/mysqld && chown mysql:mysql /run/mysqld
umask 077
cat > /run/mysqld/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
ALTER USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
SQL
chown mysql:mysql /run/mysqld/init.sql
exec mariadbd --user=mysql --datadir="$data" --socket=/run/mysqld/mysqld.sock --bind-address=0.0.0.0 --port=3306 \
  --skip-name-resolve --init-file=/run/mysqld/init.sql "$@"
"#;

/// Answers once the server takes the user's password; it stands in the environment, never in an argument.
const READY: &str = r#"MYSQL_PWD="$MARIADB_PASSWORD" mariadb --no-defaults -h 127.0.0.1 -u "$MARIADB_USER" -e 'SELECT 1' "$MARIADB_DATABASE""#;

pub fn render(place: &Place<'_>, name: &str, settings: &ServiceSettings) -> Rendered {
    let version = settings.version.as_deref().unwrap_or(VERSION);
    let image = reference(settings.image.as_deref().unwrap_or(IMAGE), version);
    let storage = settings.storage.as_deref().unwrap_or(STORAGE);
    let ports = [("mysql", PORT)];
    let options: Vec<String> = settings
        .config
        .iter()
        .map(|(key, value)| server::literal(&format!("--{}={value}", key.replace('_', "-"))))
        .collect();
    let mut container = json!({
        "name": name,
        "image": place.pinned(&image),
        "command": ["/bin/sh", "-c", START, "mariadb"],
        "env": [
            server::from_credentials(name, "MARIADB_DATABASE", "name"),
            server::from_credentials(name, "MARIADB_PASSWORD", "password"),
            server::from_credentials(name, "MARIADB_USER", "user"),
        ],
        "ports": server::container_ports(&ports),
        "readinessProbe": server::asks(READY),
        "resources": server::resources(settings.resources.as_ref(), "128Mi"),
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
        "securityContext": {"allowPrivilegeEscalation": false},
    });
    if !options.is_empty() {
        container["args"] = json!(options);
    }
    let objects = vec![
        server::address(place, name, &ports),
        server::stateful_set(place, name, &server::pod(&container, 60), Some(storage)),
    ];
    let part = Part {
        version: Some(version.to_owned()),
        digest: place.digests.get(&image).cloned(),
        start_seconds: Some(START_SECONDS),
        replicas: Some(1),
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
