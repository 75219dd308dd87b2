//! A `redis` service: one server with a password. With `storage` it keeps what it holds, else nothing.
//!
//! The image is driven by our own command, so that Debian-made and Docker Hub images both work.

use api::Role;
use api::project::ServiceSettings;
use api::revision::{Part, Rotates, SecretPiece};
use serde_json::json;

use super::server::{self, reads_credentials};
use super::{Address, Rendered, credentials, reference, text};
use crate::plan::render::{self, Place};
use crate::plan::standard;

pub const FIELDS: [&str; 4] = ["host", "port", "password", "url"];
/// Directives that outboard sets itself: they decide where the data lies and who gets in.
pub const RESERVED: [&str; 14] = [
    "aclfile",
    "appendonly",
    "bind",
    "daemonize",
    "dir",
    "include",
    "loadmodule",
    "port",
    "protected-mode",
    "requirepass",
    "supervised",
    "tls-port",
    "unixsocket",
    "user",
];

const PORT: u16 = 6379;
pub const VERSION: &str = "7";
pub const IMAGE: &str = "docker.io/library/redis";
/// Seconds a start may take: what it kept is read first.
const START_SECONDS: u32 = 120;
/// The user `redis` of Docker Hub's and of the testbed's image. By number, so that no image has to know it.
const USER: u32 = 999;

/// Writes the settings, a line an argument, then the password, which is in no argument, and becomes the server. While its
/// password is changed there are two, and it takes both from the first moment on.
const START: &str = concat!(
    reads_credentials!(),
    r#"umask 077
printf '%s\n' "$@" > /run/redis/redis.conf
cat >> /run/redis/redis.conf <<CONF
port 6379
bind 0.0.0.0
dir /data
protected-mode no
requirepass $password
CONF
if [ -n "$other" ]; then
  channels='&*'
  case $(redis-server --version) in *"v=6.0."*) channels= ;; esac
  printf 'user default on >%s >%s ~* %s +@all\n' "$password" "$other" "$channels" >> /run/redis/redis.conf
fi
exec redis-server /run/redis/redis.conf
"#
);

/// Answers once the server takes the password; it lies in a file, and is in no argument.
const READY: &str = r#"REDISCLI_AUTH="$(cat /run/credentials/password)" redis-cli -h 127.0.0.1 -p 6379 ping | grep -q '^PONG'"#;

/// `take`: the server takes the passwords that lie in its pod, and no other; who is connected stays so. Then it tries each,
/// and says its version and which state of the credentials lies there. What the server answers is not told: it may
/// repeat a password.
pub const ROTATE: &str = concat!(
    reads_credentials!(),
    r#"if [ "$1" = take ]; then
  words="resetpass >$password"
  [ -z "$other" ] || words="$words >$other"
  said=$(printf 'ACL SETUSER default on %s\n' "$words" | REDISCLI_AUTH="$password" redis-cli -h 127.0.0.1 -p 6379)
  [ "$said" = OK ] || { echo "the server refuses ACL SETUSER" >&2; exit 1; }
fi
for each in "$password" $other; do
  said=$(REDISCLI_AUTH="$each" redis-cli -h 127.0.0.1 -p 6379 ping 2>&1)
  [ "$said" = PONG ] || { echo "the server does not answer, or does not take a password of its own" >&2; exit 1; }
done
version=$(REDISCLI_AUTH="$password" redis-cli -h 127.0.0.1 -p 6379 info server | sed -n 's/^redis_version:\([0-9.]*\).*/\1/p')
echo "version $version"
echo "holds $(cat "$credentials/rotation" 2>/dev/null || true)"
"#
);

pub fn render(place: &Place<'_>, name: &str, settings: &ServiceSettings) -> Rendered {
    let version = settings.version.as_deref().unwrap_or(VERSION);
    let image = reference(settings.image.as_deref().unwrap_or(IMAGE), version);
    let storage = settings.storage.as_deref();
    let ports = [("redis", PORT)];
    let container = json!({
        "name": name,
        "image": place.pinned(&image),
        "command": ["/bin/sh", "-c", START, "redis"],
        "args": lines(settings),
        "env": [server::from_credentials(name, "REDIS_PASSWORD", "password")],
        "ports": server::container_ports(&ports),
        "readinessProbe": server::asks(READY),
        "resources": server::resources(settings.resources.as_ref(), "64Mi"),
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "run", "mountPath": "/run/redis"}, server::credentials_mount()],
        "securityContext": {"allowPrivilegeEscalation": false},
    });
    let mut pod = server::pod(&container, 60);
    pod["securityContext"]["runAsUser"] = json!(USER);
    pod["securityContext"]["runAsGroup"] = json!(USER);
    pod["securityContext"]["fsGroup"] = json!(USER);
    // The password is on no disk.
    let mut volumes = vec![
        json!({"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}),
        server::credentials_volume(name),
    ];
    if storage.is_none() {
        volumes.push(json!({"name": "data", "emptyDir": {}}));
    }
    pod["volumes"] = json!(volumes);
    standard::tighten(place.class.pod_security, &mut pod);
    let objects =
        vec![server::address(place, name, &ports), server::stateful_set(place, name, &pod, storage)];
    let part = Part {
        version: Some(version.to_owned()),
        digest: place.digests.get(&image).cloned(),
        start_seconds: Some(START_SECONDS),
        replicas: Some(1),
        rotates: Some(Rotates::Redis),
        ..render::part(name, Role::Service, objects)
    };
    let values = [("host", name.to_owned()), ("port", PORT.to_string())];
    // The volume does not know the password: a new one would do. The components that hold the old one would not.
    Rendered { part, secrets: vec![credentials(name, &values, false)] }
}

/// Lines of the configuration that hold no secret.
fn lines(settings: &ServiceSettings) -> Vec<String> {
    let ours: &[&str] =
        if settings.storage.is_some() { &["appendonly yes"] } else { &["appendonly no", "save \"\""] };
    let ours = ours.iter().map(|line| (*line).to_owned());
    let theirs = settings.config.iter().map(|(key, value)| server::literal(&format!("{key} {value}")));
    ours.chain(theirs).collect()
}

/// What `${name.field}` stands for.
pub fn field(at: &Address, field: &str) -> Vec<SecretPiece> {
    match field {
        "password" => vec![at.password()],
        "port" => vec![text(&PORT)],
        "url" => vec![text(&"redis://:"), at.password(), text(&format!("@{}:{PORT}/0", at.host))],
        _ => vec![text(&at.host)],
    }
}
