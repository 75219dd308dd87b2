//! What only people can make, and no pod of the server starts without: looked for before anything is written.

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;

use super::{Error, Server};
use crate::Cluster;
use crate::operator::NAMESPACE;

/// An object that is not there, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    pub kind: &'static str,
    pub name: String,
    /// What is to be in it and is not.
    pub keys: Vec<&'static str>,
    pub there: bool,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}`", self.kind, self.name)?;
        if !self.keys.is_empty() {
            write!(f, " with {}", self.keys.join(" and "))?;
        }
        f.write_str(if self.there { " (it has others)" } else { " (there is none)" })
    }
}

const SECRET: &str = "Secret";
const MAP: &str = "ConfigMap";

/// Kind, name, and keys that are read; without one it is enough that it is there.
fn named(server: &Server) -> Vec<(&'static str, &String, Vec<&'static str>)> {
    let mut keys = vec!["session-key"];
    keys.extend(server.has_client_secret.then_some("client-secret"));
    let mut all = vec![(SECRET, &server.secret, keys)];
    all.extend(server.issuers.iter().map(|name| (MAP, name, vec!["issuers.yaml"])));
    all.extend(server.authority.iter().map(|name| (MAP, name, vec!["ca.crt"])));
    all.extend(server.env_from.iter().map(|name| (SECRET, name, vec![])));
    all
}

pub(super) async fn look(cluster: &Cluster, server: &Server) -> Result<(), Error> {
    let secrets = Api::<Secret>::namespaced(cluster.client.clone(), NAMESPACE);
    let maps = Api::<ConfigMap>::namespaced(cluster.client.clone(), NAMESPACE);
    let mut lacks = vec![];
    for (kind, name, mut keys) in named(server) {
        let found = match kind {
            SECRET => secrets
                .get_opt(name)
                .await
                .map(|found| found.map(|secret| filled(secret.data, |value| value.0.is_empty()))),
            _ => maps.get_opt(name).await.map(|found| found.map(|map| filled(map.data, String::is_empty))),
        };
        let found = found.map_err(|error| cluster.explain(error))?;
        keys.retain(|key| found.as_ref().is_none_or(|has| !has.contains(*key)));
        if found.is_none() || !keys.is_empty() {
            lacks.push(Lack { kind, name: name.clone(), keys, there: found.is_some() });
        }
    }
    if lacks.is_empty() { Ok(()) } else { Err(Error::Lacks(lacks)) }
}

/// Keys that something is written down for.
fn filled<V>(
    data: Option<std::collections::BTreeMap<String, V>>,
    is_empty: impl Fn(&V) -> bool,
) -> BTreeSet<String> {
    data.into_iter().flatten().filter(|(_, value)| !is_empty(value)).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::install::tests::with_server;

    async fn told(server: &Server, there: &[(&'static str, Value)]) -> Option<String> {
        let there = there.to_vec();
        let cluster = crate::fake::cluster(move |_, path| {
            let found = there.iter().find(|(name, _)| path.ends_with(&format!("/outboard-system/{name}")));
            match found {
                Some((name, data)) => Some((200, json!({"metadata": {"name": name}, "data": data}))),
                None => crate::fake::status(404, "not found", "NotFound"),
            }
        });
        look(&cluster, server).await.err().map(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_the_server_is_told_to_read_has_to_be_there() {
        let plain = with_server().server.unwrap();
        let server = Server {
            issuers: Some("ci".into()),
            authority: Some("ours".into()),
            env_from: vec!["keys".into()],
            ..plain.clone()
        };
        let whole = [
            ("secrets/outboard-server", json!({"session-key": "eA==", "client-secret": "eA=="})),
            ("configmaps/ci", json!({"issuers.yaml": "issuers: []"})),
            ("configmaps/ours", json!({"ca.crt": "x"})),
            ("secrets/keys", json!({})),
        ];
        assert_eq!(told(&server, &whole).await, None);
        assert_eq!(
            told(&server, &[]).await.as_deref(),
            Some(
                "the server needs what is not in namespace outboard-system: the Secret `outboard-server` with session-key and \
                 client-secret (there is none), the ConfigMap `ci` with issuers.yaml (there is none), the ConfigMap `ours` with \
                 ca.crt (there is none), the Secret `keys` (there is none)"
            )
        );
        let part = [("secrets/outboard-server", json!({"client-secret": "eA==", "session-key": ""}))];
        let lacks = told(&plain, &part).await.unwrap();
        assert!(lacks.ends_with("the Secret `outboard-server` with session-key (it has others)"), "{lacks}");
        let public = Server { has_client_secret: false, ..plain };
        let key = [("secrets/outboard-server", json!({"session-key": "eA=="}))];
        assert_eq!(told(&public, &key).await, None);
    }
}
