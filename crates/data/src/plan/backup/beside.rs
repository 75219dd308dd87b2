//! The container beside outboard's in a pod of a backup: the image of the server itself, with a script that has its own
//! tools write a dump, or makes a server of its own, for this pod alone, out of one.

use k8s_openapi::api::apps::v1::StatefulSet;
use serde_json::{Value, json};

use super::{EXCHANGE, SCRATCH_PORT, SCRATCH_USER};

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    Dump(Dump),
    /// A MariaDB that a dump is loaded into; `user` is whom views and triggers are of.
    Database {
        user: String,
    },
    /// A Redis that has what an RDB has.
    Keys,
}

/// A database on its server; the password is a key of the pod's Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub database: String,
    pub secret: String,
}

/// The server's own container, as its environment runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    pub image: String,
    pub args: Vec<String>,
    pub resources: Value,
    /// What its registry wants to know.
    pub pull_secrets: Vec<String>,
}

/// As the environment has it; none: there is no such container.
pub fn running(service: &str, set: &StatefulSet) -> Option<Running> {
    let spec = set.spec.as_ref()?.template.spec.as_ref()?;
    let container = spec.containers.iter().find(|container| container.name == service)?;
    Some(Running {
        image: container.image.clone()?,
        args: container.args.clone().unwrap_or_default(),
        resources: json!(container.resources.clone().unwrap_or_default()),
        pull_secrets: spec.image_pull_secrets.iter().flatten().map(|secret| secret.name.clone()).collect(),
    })
}

/// Two starts of one script would mix what they write: the second only says how the first ended.
const ONCE: &str = r#"set -u
cd "$EXCHANGE"
trap 'exit 0' TERM
stay() { sleep 2147483647 & wait; }
tell() { echo "$1" >ended.part && mv ended.part ended; }
if [ -e begun ]; then tell 137; stay; fi
: >begun
"#;

const DUMP: &str = r#"until [ -p dump ]; do sleep 0.2; done
mariadb-dump "$@" >dump 2>words
tell $?
stay
"#;

/// Its password is none: it listens to this pod alone, and is gone with it.
const DATABASE: &str = r#"export TMPDIR=/scratch
fails() { tail -n 3 log >words; tell 1; stay; }
mariadb-install-db --no-defaults --force --datadir=/scratch/data --skip-test-db --auth-root-authentication-method=normal >log 2>&1 || fails
cat >/scratch/init.sql <<SQL
CREATE USER '$SCRATCH_USER'@'127.0.0.1';
CREATE USER '$SCRATCH_USER'@'localhost';
GRANT ALL ON *.* TO '$SCRATCH_USER'@'127.0.0.1';
GRANT ALL ON *.* TO '$SCRATCH_USER'@'localhost';
CREATE USER '$DATABASE_USER'@'%';
GRANT ALL ON *.* TO '$DATABASE_USER'@'%';
SQL
mariadbd --no-defaults "$@" --datadir=/scratch/data --tmpdir=/scratch --socket=/scratch/socket --pid-file=/scratch/pid \
  --bind-address=127.0.0.1 --port="$SCRATCH_PORT" --skip-name-resolve --init-file=/scratch/init.sql --skip-log-bin \
  --innodb-flush-log-at-trx-commit=0 >log 2>&1 &
server=$!
client="mariadb --no-defaults --socket=/scratch/socket --user=$SCRATCH_USER --default-character-set=utf8mb4"
until $client -e 'SELECT 1' >/dev/null 2>&1; do
  kill -0 $server 2>/dev/null || fails
  sleep 0.2
done
until [ -p dump ]; do sleep 0.2; done
$client --max-allowed-packet=1G <dump >/dev/null 2>words
tell $?
wait $server
"#;

const KEYS: &str = r#"until [ -p dump ]; do sleep 0.2; done
cat dump >/scratch/dump.rdb 2>words
tell $?
redis-server --port "$SCRATCH_PORT" --bind 127.0.0.1 --protected-mode no --dir /scratch --dbfilename dump.rdb --appendonly no \
  --save '' --databases 4096 &
wait $!
"#;

/// A sidecar: it is there before outboard's container and ends with it.
pub fn container(tool: &Tool, running: &Running) -> Value {
    let (script, arguments) = match tool {
        Tool::Dump(dump) => (DUMP, options(dump)),
        Tool::Database { .. } => (DATABASE, running.args.clone()),
        Tool::Keys => (KEYS, vec![]),
    };
    let mut variables = vec![
        json!({"name": "EXCHANGE", "value": EXCHANGE}),
        json!({"name": "SCRATCH_PORT", "value": SCRATCH_PORT.to_string()}),
        json!({"name": "SCRATCH_USER", "value": SCRATCH_USER}),
    ];
    let mut resources = running.resources.clone();
    match tool {
        Tool::Dump(dump) => {
            let key = json!({"secretKeyRef": {"name": dump.secret, "key": "source-password"}});
            variables.push(json!({"name": "MYSQL_PWD", "valueFrom": key}));
            resources = json!({"requests": {"cpu": "100m", "memory": "64Mi"}});
        }
        Tool::Database { user } => variables.push(json!({"name": "DATABASE_USER", "value": user})),
        Tool::Keys => {}
    }
    let command = ["/bin/sh".to_owned(), "-c".to_owned(), format!("{ONCE}{script}"), "beside".to_owned()];
    json!({
        "name": "beside",
        "image": running.image,
        "restartPolicy": "Always",
        "command": command,
        "args": arguments,
        "env": variables,
        "volumeMounts": [{"name": "exchange", "mountPath": EXCHANGE}, {"name": "scratch", "mountPath": "/scratch"}],
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    })
}

/// The password is in none of them.
fn options(dump: &Dump) -> Vec<String> {
    let own = [
        "--no-defaults".to_owned(),
        format!("--host={}", dump.host),
        format!("--port={}", dump.port),
        format!("--user={}", dump.user),
    ];
    // As of one moment, with everything that belongs to it, and in a form that every client of every locale reads alike.
    let how = [
        "--single-transaction",
        "--quick",
        "--routines",
        "--triggers",
        "--events",
        "--hex-blob",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
        "--databases",
    ];
    own.into_iter().chain(how.map(str::to_owned)).chain([dump.database.replace("$(", "$$(")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_written_by_the_servers_own_image_with_its_password_in_no_argument() {
        let set: StatefulSet = serde_json::from_value(json!({"spec": {
            "serviceName": "db", "selector": {},
            "template": {"spec": {
                "imagePullSecrets": [{"name": "outboard-registries"}],
                "containers": [{"name": "db", "image": "mariadb:10.11@sha256:1", "args": ["--max-connections=100"], "resources": {"requests": {"memory": "128Mi"}}}],
            }},
        }})).unwrap();
        let running = running("db", &set).unwrap();
        assert_eq!(running.pull_secrets, ["outboard-registries"]);
        let dump = Dump {
            host: "db.shop-qa.svc".into(),
            port: 3306,
            user: "app".into(),
            database: "app".into(),
            secret: "db".into(),
        };
        let mut beside = container(&Tool::Dump(dump), &running);
        beside["command"][2] = json!("the script");
        insta::assert_json_snapshot!(beside);
        let beside = container(&Tool::Database { user: "app".into() }, &running);
        assert_eq!(beside["args"], json!(["--max-connections=100"]));
        assert_eq!(super::running("cache", &set), None);
    }
}
