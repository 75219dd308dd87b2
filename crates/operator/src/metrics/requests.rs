//! Counts what the operator asks of the API server, by verb and resource: a pass with nothing to do should ask nothing.
//! A watch is counted once, when it begins.

use std::sync::Arc;

use http::{Method, Request, header};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

type Question = [(&'static str, Arc<str>); 2];

/// Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    total: Family<Question, Counter>,
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "kubernetes_requests",
            "Requests to the API server; a watch counts when it begins",
            self.total.clone(),
        );
    }

    pub(crate) fn count<B>(&self, request: &Request<B>) {
        let content = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let uri = request.uri();
        let resource = Resource::of(uri.path());
        let verb = verb(request.method(), uri.query().unwrap_or_default(), content, resource.named);
        let labels = [("verb", Arc::from(verb)), ("resource", Arc::from(resource.name))];
        self.total.get_or_create(&labels).inc();
    }
}

/// What a path is about: `deployments`, `deployments/scale`, or for other paths their first word.
#[derive(Debug, PartialEq, Eq)]
struct Resource {
    name: String,
    /// One object, not all of them.
    named: bool,
}

impl Resource {
    fn of(path: &str) -> Self {
        let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
        let rest = match words.as_slice() {
            ["api", _version, rest @ ..] | ["apis", _, _version, rest @ ..] => rest,
            other => {
                return Self { name: other.first().copied().unwrap_or_default().to_owned(), named: false };
            }
        };
        // `namespaces/x` and `namespaces/x/status` are the namespace's own.
        let rest = match rest {
            ["namespaces", _, "status" | "finalize"] | ["namespaces"] | ["namespaces", _] => rest,
            ["namespaces", _, rest @ ..] => rest,
            rest => rest,
        };
        match rest {
            [] => Self { name: "discovery".to_owned(), named: false },
            [name] => Self { name: (*name).to_owned(), named: false },
            [name, _] => Self { name: (*name).to_owned(), named: true },
            [name, _, sub, ..] => Self { name: format!("{name}/{sub}"), named: true },
        }
    }
}

fn verb(method: &Method, query: &str, content: Option<&str>, named: bool) -> &'static str {
    let watches = query.split('&').any(|part| matches!(part, "watch=true" | "watch=1" | "watch"));
    match (method.as_str(), named) {
        ("GET", _) if watches => "watch",
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) if content.is_some_and(|content| content.starts_with("application/apply-patch")) => {
            "apply"
        }
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> (String, bool) {
        let resource = Resource::of(path);
        (resource.name, resource.named)
    }

    #[test]
    fn a_path_names_its_resource_wherever_it_lies() {
        assert_eq!(resource("/api/v1/pods"), ("pods".into(), false));
        assert_eq!(resource("/api/v1/namespaces/a/pods/b/log"), ("pods/log".into(), true));
        assert_eq!(resource("/api/v1/namespaces/a"), ("namespaces".into(), true));
        assert_eq!(resource("/api/v1/namespaces/a/status"), ("namespaces/status".into(), true));
        assert_eq!(resource("/apis/apps/v1/namespaces/a/deployments"), ("deployments".into(), false));
        assert_eq!(
            resource("/apis/apps/v1/namespaces/a/deployments/web/scale"),
            ("deployments/scale".into(), true)
        );
        assert_eq!(resource("/apis/apps/v1"), ("discovery".into(), false));
        assert_eq!(resource("/version"), ("version".into(), false));
    }

    #[test]
    fn a_verb_tells_watching_from_listing_and_applying_from_patching() {
        let get = Method::GET;
        assert_eq!(verb(&get, "labelSelector=a&watch=true", None, false), "watch");
        assert_eq!(verb(&get, "labelSelector=watch", None, false), "list");
        assert_eq!(verb(&get, "", None, true), "get");
        assert_eq!(verb(&Method::PATCH, "", Some("application/apply-patch+yaml"), true), "apply");
        assert_eq!(verb(&Method::PATCH, "", Some("application/merge-patch+json"), true), "patch");
        assert_eq!(verb(&Method::DELETE, "", None, false), "deletecollection");
    }

    #[test]
    fn requests_are_added_up() {
        let requests = Requests::default();
        let request = Request::get("https://k/api/v1/namespaces/a/secrets/b").body(()).unwrap();
        requests.count(&request);
        requests.clone().count(&request);
        let labels = [("verb", Arc::from("get")), ("resource", Arc::from("secrets"))];
        assert_eq!(requests.total.get_or_create(&labels).get(), 2);
    }
}
