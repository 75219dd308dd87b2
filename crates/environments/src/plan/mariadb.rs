//! A `mariadb` service: one server with a volume, a database and a user of its own.
//!
//! The image is driven by our own command, so that Debian-made and Docker Hub images both work.

use api::Role;
use api::project::Service;
use api::revision::{Part, SecretPiece, SecretRecipe};
use serde_json::{Value, json};

use super::pod;
use super::render::{self, Place};

const PORT: u16 = 3306;
const USER: &str = "app";
const DATABASE: &str = "app";
const VERSION: &str = "10.11";
const STORAGE: &str = "1Gi";
const IMAGE: &str = "docker.io/library/mariadb";
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
  --skip-name-resolve --init-file=/run/mysqld/init.sql
"#;

/// Answers once the server takes the user's password; it stands in the environment, never in an argument.
const READY: &str = r#"MYSQL_PWD="$MARIADB_PASSWORD" mariadb --no-defaults -h 127.0.0.1 -u "$MARIADB_USER" -e 'SELECT 1' "$MARIADB_DATABASE""#;

pub fn part(place: &Place<'_>, name: &str, service: &Service) -> Part {
    let version = version(service);
    let image = image(service);
    let chosen = place.class.services.get(name).and_then(|class| class.storage.as_deref());
    let storage = chosen.or(service.storage.as_deref()).unwrap_or(STORAGE);
    let objects =
        vec![service_object(place, name), stateful_set(place, name, &place.pinned(&image), storage)];
    Part {
        version: Some(version.to_owned()),
        digest: place.digests.get(&image).cloned(),
        start_seconds: Some(START_SECONDS),
        replicas: Some(1),
        ..render::part(name, Role::Service, objects)
    }
}

fn version(service: &Service) -> &str {
    service.version.as_deref().unwrap_or(VERSION)
}

/// The image that such a service runs.
pub fn image(service: &Service) -> String {
    format!("{IMAGE}:{}", version(service))
}

/// The generated credentials, created once.
pub fn secret(name: &str) -> SecretRecipe {
    let text = |value: &str| vec![SecretPiece::Text(value.to_owned())];
    SecretRecipe {
        name: secret_name(name),
        part: name.to_owned(),
        keys: [
            ("user", text(USER)),
            ("name", text(DATABASE)),
            ("host", text(name)),
            ("port", text(&PORT.to_string())),
            ("password", vec![SecretPiece::Generated]),
        ]
        .into_iter()
        .map(|(key, pieces)| (key.to_owned(), pieces))
        .collect(),
        guards_claim: Some(format!("data-{name}-0")),
    }
}

/// What `${name.field}` stands for.
pub fn field(name: &str, field: &str) -> SecretPiece {
    match field {
        "password" => SecretPiece::FromSecret { secret: secret_name(name), key: field.to_owned() },
        "user" => SecretPiece::Text(USER.to_owned()),
        "name" => SecretPiece::Text(DATABASE.to_owned()),
        "port" => SecretPiece::Text(PORT.to_string()),
        _ => SecretPiece::Text(name.to_owned()),
    }
}

fn secret_name(name: &str) -> String {
    format!("{name}-credentials")
}

fn service_object(place: &Place<'_>, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            "type": "ClusterIP",
            "selector": {api::marks::PART: name},
            "ports": [{"name": "mysql", "port": PORT, "targetPort": "mysql", "protocol": "TCP"}],
        },
    })
}

fn stateful_set(place: &Place<'_>, name: &str, image: &str, storage: &str) -> Value {
    let from_secret = |variable: &str, key: &str| json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret_name(name), "key": key}}});
    let container = json!({
        "name": name,
        "image": image,
        "command": ["/bin/sh", "-c", START],
        "env": [
            from_secret("MARIADB_DATABASE", "name"),
            from_secret("MARIADB_PASSWORD", "password"),
            from_secret("MARIADB_USER", "user"),
        ],
        "ports": [{"name": "mysql", "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {
            "exec": {"command": ["/bin/sh", "-c", READY]},
            "periodSeconds": 2, "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 3,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/mysql"}],
        "securityContext": {"allowPrivilegeEscalation": false},
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": place.namespace, "labels": place.labels(name)},
        "spec": {
            "serviceName": name,
            // Else a pod that can't start is waited for, and a corrected template never reaches it.
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {api::marks::PART: name}},
            "revisionHistoryLimit": 2,
            "template": pod::marked(json!({
                "metadata": {"labels": place.labels(name)},
                "spec": {
                    "containers": [container],
                    "terminationGracePeriodSeconds": 60,
                    "automountServiceAccountToken": false,
                    "enableServiceLinks": false,
                    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                },
            })),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data", "labels": place.marks(name)},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
            }],
        },
    })
}
