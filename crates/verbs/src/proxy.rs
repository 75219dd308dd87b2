//! The part of Kubernetes' API that the command line needs, for people who reach Kubernetes through the server only. What is not
//! listed here does not exist there; of what is, Kubernetes decides for the person. Secrets are not listed.

mod fields;

use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use serde::Deserialize;
use thiserror::Error;

use crate::acting::is_of_identity;
use crate::{Cluster, Result, operator};

pub use kube::client::Body;

/// What a request means to Kubernetes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    pub verb: &'static str,
    pub group: String,
    pub resource: String,
    pub subresource: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

/// What an object is called.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: Name,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Name {
    name: Option<String>,
    generate_name: Option<String>,
}

#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Barred {
    #[error("this is no address of a resource")]
    Address,
    #[error("what stands behind the `?` could be read in more than one way")]
    Query,
    #[error("`{verb}` of `{resource}` is not done through this server")]
    Resource { verb: &'static str, resource: String },
}

const READ: &[&str] = &["get", "list", "watch"];
const ALL: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];

/// Group, resource (with its subresource), verbs: what the verbs of this crate ask for, and no more.
const LISTED: &[(&str, &str, &[&str])] = &[
    // What people ask outboard for.
    ("outboard.dev", "projects", ALL),
    ("outboard.dev", "environments", ALL),
    ("outboard.dev", "plans", ALL),
    ("outboard.dev", "versionqueries", &["get", "list", "watch", "create", "delete"]),
    ("outboard.dev", "datacopies", ALL),
    ("outboard.dev", "hostnames", ALL),
    // `gc`, and whose a host is.
    ("outboard.dev", "hostclaims", &["get", "list", "delete"]),
    // Revisions: history, diff, what can be gone back to.
    ("apps", "controllerrevisions", READ),
    // `logs`, `exec`, `forward`, `debug`, `env run`.
    ("", "pods", &["get", "list", "watch", "create", "patch", "delete"]),
    ("", "pods/log", &["get"]),
    ("", "pods/exec", &["get", "create"]),
    ("", "pods/attach", &["get", "create"]),
    ("", "pods/portforward", &["get", "create"]),
    ("", "pods/ephemeralcontainers", &["get", "patch", "update"]),
    // What happened, and that a one-off pod ran.
    ("", "events", &["get", "list", "watch", "create", "patch"]),
    ("events.k8s.io", "events", &["get", "list", "watch", "create", "patch"]),
    // The control namespace of a first project; what holds one that goes.
    ("", "namespaces", &["get", "list", "create", "delete"]),
    // Drift is what stands there now.
    ("", "services", READ),
    ("", "configmaps", READ),
    ("", "serviceaccounts", READ),
    ("", "persistentvolumeclaims", READ),
    // What a teardown leaves.
    ("", "persistentvolumes", &["get", "list"]),
    ("apps", "deployments", READ),
    ("apps", "statefulsets", READ),
    ("batch", "jobs", READ),
    ("batch", "cronjobs", READ),
    ("autoscaling", "horizontalpodautoscalers", READ),
    ("policy", "poddisruptionbudgets", READ),
    ("networking.k8s.io", "networkpolicies", READ),
    ("gateway.networking.k8s.io", "httproutes", READ),
    // Whether the operator is there.
    ("coordination.k8s.io", "leases", &["get"]),
    // Who one is, and what one may.
    ("authentication.k8s.io", "selfsubjectreviews", &["create"]),
    ("authorization.k8s.io", "selfsubjectaccessreviews", &["create"]),
];

impl Asked {
    /// Reads a method and an address as Kubernetes does. None: its version, which everybody may know.
    pub fn read(method: &Method, path: &str, query: &str) -> Result<Option<Self>, Barred> {
        if path == "/version" {
            return if *method == Method::GET { Ok(None) } else { Err(Barred::Address) };
        }
        let parts: Vec<&str> = path.strip_prefix('/').ok_or(Barred::Address)?.split('/').collect();
        if !parts.iter().all(|part| is_plain(part)) {
            return Err(Barred::Address);
        }
        let (group, rest) = match parts.as_slice() {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, _version, rest @ ..] => (*group, rest),
            _ => return Err(Barred::Address),
        };
        // A namespace is a resource, too, and one's own place.
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(*namespace), rest),
            rest => (None, rest),
        };
        let (resource, name, subresource) = match rest {
            [resource] => (*resource, None, None),
            [resource, name] => (*resource, Some(*name), None),
            [resource, name, subresource] => (*resource, Some(*name), Some(*subresource)),
            _ => return Err(Barred::Address),
        };
        let watches = watches(query)?;
        let verb = match (method, name) {
            (&Method::GET, Some(_)) => "get",
            (&Method::GET, None) if watches => "watch",
            (&Method::GET, None) => "list",
            (&Method::POST, _) => "create",
            (&Method::PUT, _) => "update",
            (&Method::PATCH, _) => "patch",
            (&Method::DELETE, Some(_)) => "delete",
            (&Method::DELETE, None) => "deletecollection",
            _ => return Err(Barred::Address),
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let asked = Self {
            verb,
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: owned(subresource),
            namespace: owned(namespace),
            name: owned(name),
        };
        if asked.is_listed() {
            Ok(Some(asked))
        } else {
            Err(Barred::Resource { verb, resource: asked.full() })
        }
    }

    /// With its subresource and group.
    pub fn full(&self) -> String {
        let below = self.subresource.as_ref().map(|below| format!("/{below}")).unwrap_or_default();
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        format!("{}{below}{group}", self.resource)
    }

    /// Whether it is of no namespace, whoever asks.
    pub fn is_of_the_cluster(&self) -> bool {
        matches!(self.resource.as_str(), "hostclaims" | "persistentvolumes")
    }

    /// Whether it only looks whether the operator is there, and which one.
    pub fn looks_for_the_operator(&self) -> bool {
        let whole = (self.group.as_str(), self.resource.as_str(), self.name.as_deref());
        let there = self.namespace.as_deref() == Some(operator::NAMESPACE) && self.subresource.is_none();
        let known = [
            ("coordination.k8s.io", "leases", Some(operator::LEASE)),
            ("apps", "deployments", Some(operator::DEPLOYMENT)),
        ];
        self.verb == "get" && there && known.contains(&whole)
    }

    /// Whether an object of its own is made, which is called as its body says or as Kubernetes draws it.
    pub fn makes(&self) -> bool {
        self.verb == "create" && self.subresource.is_none()
    }

    /// Learns the name of what is made from an object: the one that is sent, or the one that Kubernetes answers. Whether it is
    /// known then to the letter. What is known is not forgotten for an object that says nothing.
    pub fn name_in(&mut self, object: &[u8]) -> bool {
        if !self.makes() {
            return true;
        }
        let said = serde_json::from_slice::<Named>(object).unwrap_or_default().metadata;
        let plain = |name: &String| is_plain(name);
        match (said.name.filter(plain), said.generate_name.filter(plain)) {
            (Some(name), _) => self.name = Some(name),
            (None, begins) => {
                self.name = begins.map(|begins| format!("{begins}*")).or(self.name.take());
                return false;
            }
        }
        true
    }

    /// Whether its connection becomes one of another protocol: on the way into a container.
    pub fn may_upgrade(&self, to: &str) -> bool {
        to.eq_ignore_ascii_case("websocket")
            && matches!(self.subresource.as_deref(), Some("exec" | "attach" | "portforward"))
    }

    fn is_listed(&self) -> bool {
        let below = self.subresource.as_ref().map(|below| format!("/{below}")).unwrap_or_default();
        let resource = format!("{}{below}", self.resource);
        LISTED.iter().any(|(group, listed, verbs)| {
            *group == self.group && *listed == resource && verbs.contains(&self.verb)
        })
    }

    /// Whether something may be different afterwards. To be inside a container is to be able to change it.
    pub fn changes(&self) -> bool {
        let enters = matches!(self.subresource.as_deref(), Some("exec" | "attach" | "portforward"));
        let asks = self.resource.starts_with("selfsubject");
        enters || !(READ.contains(&self.verb) || asks)
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.verb, self.full())?;
        let place = [self.namespace.as_deref(), self.name.as_deref()];
        let place: Vec<&str> = place.into_iter().flatten().collect();
        // Whether it is only tried out is not said: where that stands differs by verb and body, and it is the asker's word.
        if place.is_empty() { Ok(()) } else { write!(out, " {}", place.join("/")) }
    }
}

/// Whether a query asks to watch. One that Kubernetes would decode, or drop a part of, is refused: what is on record and what
/// is done are then the same.
fn watches(query: &str) -> Result<bool, Barred> {
    let mut said = vec![];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !key.chars().all(|c| c.is_ascii_alphanumeric()) || !is_decodable(value) {
            return Err(Barred::Query);
        }
        said.extend((key == "watch").then_some(value));
    }
    match said.as_slice() {
        [] | ["false" | "0"] => Ok(false),
        ["" | "true" | "1"] => Ok(true),
        _ => Err(Barred::Query),
    }
}

/// Go drops a pair with a `;`, and one with a `%` that no two digits follow.
fn is_decodable(value: &str) -> bool {
    let digits = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    !value.contains(';') && value.split('%').skip(1).all(digits)
}

/// What names of Kubernetes are made of. Nothing of it has to be decoded, so it means the same to whoever reads it next.
fn is_plain(part: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !part.is_empty() && part != "." && part != ".." && part.len() <= 253 && part.chars().all(known)
}

/// What a request says to Kubernetes, and what an answer says to whoever asked: nothing else goes on.
const HEADERS: &[&str] = &["accept", "content-type", "date", "retry-after", "warning"];

/// Of a connection that changes its protocol.
const UPGRADE: &[&str] = &[
    "upgrade",
    "sec-websocket-accept",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
];

/// By this name browsers hand a token over as a protocol; it says who somebody is, too.
const BEARER: &str = "base64url.bearer.";

/// The headers that go on; `upgrades`: whether the protocol may be changed.
pub fn going_on(headers: &HeaderMap, upgrades: bool) -> HeaderMap {
    let listed = |name: &str| HEADERS.contains(&name) || (upgrades && UPGRADE.contains(&name));
    let mut going = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| listed(name.as_str()) && !is_of_identity(name)) {
        if name == header::SEC_WEBSOCKET_PROTOCOL {
            let protocols = value.to_str().unwrap_or_default().split(',').map(str::trim);
            let kept: Vec<&str> = protocols.filter(|protocol| !protocol.starts_with(BEARER)).collect();
            let kept = HeaderValue::from_str(&kept.join(", ")).ok().filter(|kept| !kept.is_empty());
            going.extend(kept.map(|kept| (name.clone(), kept)));
        } else {
            going.append(name, value.clone());
        }
    }
    if upgrades {
        going.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    going
}

/// Of what makes an object nothing but JSON goes on, and JSON comes back: in another shape its name could not be read. Whether
/// it is said to be that.
pub fn speak_json(headers: &mut HeaderMap) -> bool {
    let json = HeaderValue::from_static("application/json");
    let mut said = headers.get_all(header::CONTENT_TYPE).iter().filter_map(|said| said.to_str().ok());
    let kind = said.next().and_then(|said| said.split(';').next()).unwrap_or_default();
    if headers.get_all(header::CONTENT_TYPE).iter().count() != 1
        || !kind.trim().eq_ignore_ascii_case("application/json")
    {
        return false;
    }
    headers.insert(header::CONTENT_TYPE, json.clone());
    headers.insert(header::ACCEPT, json);
    true
}

/// Sends a request on as whoever the cluster is seen by. `to`: path and query at the API server.
pub async fn send(
    cluster: &Cluster,
    method: Method,
    to: &str,
    headers: &HeaderMap,
    upgrades: bool,
    body: Vec<u8>,
) -> Result<Response<Body>> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = method;
    let nowhere = |error: http::uri::InvalidUri| kube::Error::HttpError(error.into());
    *request.uri_mut() = to.parse().map_err(nowhere).map_err(|error| cluster.explain(error))?;
    *request.headers_mut() = going_on(headers, upgrades);
    cluster.client.send(request).await.map_err(|error| cluster.explain(error))
}

#[cfg(test)]
mod tests;
