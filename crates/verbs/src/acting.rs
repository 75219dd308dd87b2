//! Doing something as somebody else, by impersonation, and asking first whether they may look. Whoever does it decides nothing:
//! Kubernetes does, for that person.

use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue, Request};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::client::Body;
use kube::{Api, Client};

use crate::{Cluster, Result};

/// What stands before every name and every group. RBAC cannot say that only such may be impersonated; this is the one place that
/// makes those headers, and it makes no others.
pub const PREFIX: &str = "oidc:";

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");

impl Cluster {
    /// The same cluster as that person sees it. That they are authenticated Kubernetes adds by itself.
    pub fn acting_as(&self, name: &str, groups: &[String]) -> Result<Self, InvalidHeaderValue> {
        let value = |text: &str| HeaderValue::from_bytes(format!("{PREFIX}{text}").as_bytes());
        let mut headers = vec![(USER, value(name)?)];
        for group in groups {
            headers.push((GROUP, value(group)?));
        }
        let own = self.client.clone();
        let service = tower::service_fn(move |mut request: Request<Body>| {
            let others: Vec<HeaderName> =
                request.headers().keys().filter(|name| is_of_identity(name)).cloned().collect();
            for name in others {
                request.headers_mut().remove(name);
            }
            for (name, value) in &headers {
                request.headers_mut().append(name, value.clone());
            }
            let own = own.clone();
            async move { own.send(request).await }
        });
        let client = Client::new(service, self.client.default_namespace());
        Ok(Self {
            client,
            server: self.server.clone(),
            context_namespace: self.context_namespace.clone(),
            through: self.through,
            acting: true,
            kept: self.kept.of(name, groups),
        })
    }

    /// Whether whoever this cluster is seen by may do that; without a namespace, in all of them.
    pub async fn may(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> Result<bool> {
        self.is_allowed(ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        })
        .await
    }

    /// Whether they may read there what containers write.
    pub async fn may_read_logs(&self, namespace: &str) -> Result<bool> {
        self.is_allowed(ResourceAttributes {
            verb: Some("get".to_owned()),
            group: Some(String::new()),
            resource: Some("pods".to_owned()),
            subresource: Some("log".to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ResourceAttributes::default()
        })
        .await
    }

    /// Whether it may act as users or with groups: all of them, or that one.
    pub async fn may_act(&self, resource: &str, name: Option<&str>) -> Result<bool> {
        self.is_allowed(ResourceAttributes {
            verb: Some("impersonate".to_owned()),
            group: Some(String::new()),
            resource: Some(resource.to_owned()),
            name: name.map(str::to_owned),
            ..ResourceAttributes::default()
        })
        .await
    }

    async fn is_allowed(&self, attributes: ResourceAttributes) -> Result<bool> {
        let spec =
            SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let answer = reviews.create(&PostParams::default(), &review).await;
        let answer = answer.map_err(|error| self.explain(error))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

/// Whether a header says who somebody is, to an API server or to a proxy before it.
pub(crate) fn is_of_identity(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "authorization" || name.starts_with("impersonate-") || name.starts_with("x-remote-")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::Response;
    use serde_json::json;

    use super::*;

    type Seen = Arc<Mutex<Vec<(String, String)>>>;

    fn seen() -> (Cluster, Seen) {
        let seen = Seen::default();
        let told = seen.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let headers = request.headers().iter().map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            told.lock().unwrap().extend(
                headers.filter(|(name, _)| name.starts_with("impersonate") || name == "authorization"),
            );
            let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
                "spec": {}, "status": {"allowed": true}});
            async move { Ok::<_, std::io::Error>(Response::new(Body::from(body.to_string().into_bytes()))) }
        });
        let client = Client::new(service, "shop");
        (
            Cluster {
                client,
                server: "https://here:6443".into(),
                context_namespace: None,
                through: false,
                acting: false,
                kept: Default::default(),
            },
            seen,
        )
    }

    #[tokio::test]
    async fn a_person_is_named_with_the_prefix_and_with_each_group() {
        let (cluster, seen) = seen();
        let ann = cluster.acting_as("ann@example.com", &["dev".into(), "qa".into()]).unwrap();
        assert!(ann.may("list", "outboard.dev", "environments", Some("shop")).await.unwrap());
        let said = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [
            said("impersonate-user", "oidc:ann@example.com"),
            said("impersonate-group", "oidc:dev"),
            said("impersonate-group", "oidc:qa"),
        ];
        assert_eq!(*seen.lock().unwrap(), wanted);
    }

    #[tokio::test]
    async fn what_a_request_says_of_itself_is_left_out() {
        let (cluster, seen) = seen();
        let ann = cluster.acting_as("ann", &[]).unwrap();
        let request = Request::get("/version")
            .header("Authorization", "Bearer x")
            .header("Impersonate-User", "system:admin")
            .header("Impersonate-Group", "system:masters")
            .header("Impersonate-Extra-Scopes", "x")
            .header("Impersonate-Uid", "0");
        ann.client.send(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [("impersonate-user".to_owned(), "oidc:ann".to_owned())]);
    }

    #[tokio::test]
    async fn nothing_that_would_be_another_header_is_a_name() {
        let (cluster, _) = seen();
        assert!(cluster.acting_as("ann\r\nImpersonate-Group: system:masters", &[]).is_err());
        assert!(cluster.acting_as("ann", &["a\nb".into()]).is_err());
        assert!(cluster.acting_as("Zoë", &[]).is_ok());
    }
}
