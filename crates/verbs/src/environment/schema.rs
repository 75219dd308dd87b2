//! Compares the database schemas of two environments: asks each database inside its own pod, with the credentials that
//! the pod has. Nothing secret is in any argument, and nothing is written.

mod tables;

use std::time::Duration;

use api::revision::{EnvironmentRevision, Part};
use api::{Environment, Role};
use kube::ResourceExt;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::io::AsyncReadExt;

pub use self::tables::{Found, Table};
use crate::inside::{Exec, Streams, Trouble, exec};
use crate::{Cluster, Error};

/// A comparison is an aside: it does not keep anybody waiting.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes on their way from a database.
const BUFFER: usize = 64 * 1024;
/// More tables than this make no sense to compare here.
const MOST: u64 = 16 * 1024 * 1024;

/// Every row says what it is about, then of which table. Sizes, counters and times are no schema.
const QUESTIONS: &str = "
SELECT 'table', TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE();
SELECT 'column', TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE();
SELECT 'index', TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE();
SELECT 'key', TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL;
SELECT 'view', TABLE_NAME, SHA2(VIEW_DEFINITION, 256) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE();
";

/// A server that can be asked: its client, and how the variables of its container begin. Its password lies in a file, which
/// follows it when it is changed; in what was rendered long ago, in a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Server {
    client: &'static str,
    variables: &'static str,
}

const SERVERS: [Server; 2] =
    [Server { client: "mariadb", variables: "MARIADB" }, Server { client: "mysql", variables: "MYSQL" }];

impl Server {
    fn ask(self) -> String {
        let Self { client, variables } = self;
        format!(
            "MYSQL_PWD=\"$(cat /run/credentials/password 2>/dev/null || echo \"${variables}_PASSWORD\")\" exec {client} --no-defaults -h 127.0.0.1 -u \"${variables}_USER\" \
             -N -B \"${variables}_DATABASE\" -e \"{QUESTIONS}\""
        )
    }
}

/// The schemas of one service in both environments.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "SchemaComparison")]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    pub service: String,
    pub state: State,
    /// SHA-256 of either schema, as far as it could be read.
    pub left: Option<String>,
    pub right: Option<String>,
    /// Tables that differ.
    pub tables: Vec<Table>,
    /// Why it was not compared.
    pub why: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "SchemaState")]
#[serde(rename_all = "camelCase")]
pub enum State {
    Equal,
    Differ,
    NotCompared,
}

/// One of two environments.
pub struct Side<'a> {
    pub environment: &'a Environment,
    pub revision: &'a EnvironmentRevision,
}

/// Compares every database that both have. What cannot be asked is said, and is no error.
pub async fn compare(cluster: &Cluster, namespace: &str, left: Side<'_>, right: Side<'_>) -> Vec<Schema> {
    let mut schemas = Vec::new();
    let other: Vec<_> = databases(right.revision).collect();
    for (service, server) in databases(left.revision) {
        let Some((_, theirs)) = other.iter().find(|(name, _)| *name == service) else { continue };
        let (a, b) = futures::join!(
            ask(cluster, namespace, left.environment, service, server),
            ask(cluster, namespace, right.environment, service, *theirs)
        );
        schemas.push(judge(service, a, b));
    }
    schemas
}

fn judge(service: &str, left: Result<String, String>, right: Result<String, String>) -> Schema {
    let why = [&left, &right].into_iter().filter_map(|side| side.as_ref().err().cloned()).collect();
    let (a, b) = (left.ok().map(|text| tables::read(&text)), right.ok().map(|text| tables::read(&text)));
    let differing = match (&a, &b) {
        (Some(a), Some(b)) => Some(tables::differences(a, b)),
        _ => None,
    };
    Schema {
        service: service.to_owned(),
        state: match &differing {
            None => State::NotCompared,
            Some(tables) if tables.is_empty() => State::Equal,
            Some(_) => State::Differ,
        },
        left: a.as_ref().map(tables::hash),
        right: b.as_ref().map(tables::hash),
        tables: differing.unwrap_or_default(),
        why,
    }
}

/// Services that can be asked, and as what.
fn databases(revision: &EnvironmentRevision) -> impl Iterator<Item = (&str, Server)> {
    revision.parts_of(Role::Service).filter_map(|part| Some((part.name.as_str(), server(part)?)))
}

/// What is inside, by what its container is told.
fn server(part: &Part) -> Option<Server> {
    let containers =
        part.objects.iter().filter_map(|object| object.pointer("/spec/template/spec/containers"));
    let containers = containers.filter_map(serde_json::Value::as_array).flatten();
    let told: Vec<&str> = containers
        .filter_map(|container| container["env"].as_array())
        .flatten()
        .filter_map(|variable| variable["name"].as_str())
        .collect();
    let is_told = |server: &Server| told.iter().any(|name| *name == format!("{}_DATABASE", server.variables));
    SERVERS.into_iter().find(is_told)
}

/// What a database says about itself, or why it does not.
async fn ask(
    cluster: &Cluster,
    namespace: &str,
    environment: &Environment,
    service: &str,
    server: Server,
) -> Result<String, String> {
    let name = environment.name_any();
    let wanted = Exec {
        environment: name.clone(),
        part: service.to_owned(),
        pod: None,
        command: vec!["/bin/sh".to_owned(), "-c".to_owned(), server.ask()],
    };
    let ((stdout, out), (stderr, err)) = (tokio::io::duplex(BUFFER), tokio::io::duplex(BUFFER));
    let streams = Streams {
        stdin: None,
        stdout: Box::new(stdout),
        stderr: Box::new(stderr),
        sizes: None,
        opened: None,
    };
    let (mut said, mut complained) = (String::new(), String::new());
    let (mut out, mut err) = (out.take(MOST), err.take(MOST));
    let asking = async {
        futures::join!(
            Box::pin(exec(cluster, namespace, &wanted, streams)),
            out.read_to_string(&mut said),
            err.read_to_string(&mut complained)
        )
    };
    let asked = tokio::time::timeout(PATIENCE, asking).await;
    match asked {
        Err(_) => Err(format!("{service} of {name} did not answer within {} s", PATIENCE.as_secs())),
        Ok((Err(error), ..)) => Err(words(&error, service, &name)),
        Ok((Ok(0), Ok(_), _)) => Ok(said),
        Ok(_) => {
            let complaint = complained.lines().next().unwrap_or("it ended without a word").to_owned();
            Err(format!("{service} of {name}: {complaint}"))
        }
    }
}

fn words(error: &Error, service: &str, environment: &str) -> String {
    match error {
        Error::Forbidden(_) => format!("you may not run a command in {service} of {environment}"),
        Error::Inside(Trouble::NotRunning { .. }) => format!("{service} of {environment} does not run"),
        other => format!("{service} of {environment}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_be_asked_leaves_the_other_ones_hash_and_says_why() {
        let found = judge("db", Ok("table\ta\tBASE TABLE\n".into()), Err("you may not".into()));
        assert_eq!(
            (found.state, found.right, found.why),
            (State::NotCompared, None, vec!["you may not".into()])
        );
        assert!(found.left.is_some());
    }

    #[test]
    fn what_holds_a_database_is_found_by_what_its_container_is_told() {
        let set = |name: &str, variable: &str| {
            serde_json::json!({"name": name, "role": "service", "objects": [{"kind": "Service"}, {"kind": "StatefulSet",
                "spec": {"template": {"spec": {"containers": [{"name": name, "env": [{"name": variable}]}]}}}}]})
        };
        let revision: EnvironmentRevision = serde_json::from_value(serde_json::json!({
            "project": "shop", "projectRevision": "p-1", "class": "qa", "requested": {}, "versions": {},
            "renderer": "0", "urls": {}, "secrets": [],
            "parts": [
                set("db", "MARIADB_DATABASE"),
                set("old", "MYSQL_DATABASE"),
                {"name": "cache", "role": "service", "objects": [{"kind": "Service"}]},
            ],
        }))
        .unwrap();
        let found: Vec<_> = databases(&revision).map(|(name, server)| (name, server.client)).collect();
        assert_eq!(found, [("db", "mariadb"), ("old", "mysql")]);
        assert!(SERVERS[1].ask().starts_with(
            "MYSQL_PWD=\"$(cat /run/credentials/password 2>/dev/null || echo \"$MYSQL_PASSWORD\")\" exec mysql "
        ));
    }
}
