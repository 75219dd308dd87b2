//! What a cluster that is to be destroyed has outside of itself and gives back: its environments and hosts, and which of those are
//! protected.

use std::fmt::Debug;

use ::clusters::plan::giving_back::Agreed;
use ::clusters::{Work, of_doomed};
use api::{Environment, Hostname};
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, Result};
use crate::Cluster;
use crate::environment::is_protected;
use crate::project::KeptVersions;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outside {
    /// As `NAMESPACE/NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Why nothing is given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<String>,
    #[serde(skip)]
    pub(super) agreed: Agreed,
}

impl Outside {
    pub fn is_nothing(&self) -> bool {
        self.environments.is_empty() && self.hosts.is_empty() && self.passed_over.is_none()
    }

    fn passed_over(why: String) -> Self {
        let agreed = Agreed { passed_over: Some(why.clone()), ..Agreed::default() };
        Self { passed_over: Some(why), agreed, ..Self::default() }
    }
}

/// Changes nothing. Protected environments are refused, unless somebody said that they may go.
pub async fn look(work: &Work, protected: bool) -> Result<Outside> {
    match Box::pin(of_doomed(work)).await? {
        Ok((client, server)) => {
            seen(
                &Cluster {
                    client,
                    server,
                    context_namespace: None,
                    through: false,
                    acting: false,
                    kept: KeptVersions::default(),
                },
                protected,
            )
            .await
        }
        Err(why) => Ok(Outside::passed_over(why)),
    }
}

async fn seen(cluster: &Cluster, protected: bool) -> Result<Outside> {
    let found = async {
        let hosts = listed::<Hostname>(&cluster.client).await?;
        Ok::<_, kube::Error>((hosts, listed::<Environment>(&cluster.client).await?))
    };
    let (hosts, environments) = match found.await {
        Ok(found) => found,
        Err(error) => return Ok(Outside::passed_over(error.to_string())),
    };
    let mut held = Vec::new();
    for environment in environments.iter().filter(|_| !protected) {
        let namespace = environment.namespace().unwrap_or_default();
        let place = format!("{namespace}/{}", environment.name_any());
        match is_protected(cluster, &namespace, environment).await {
            Ok(false) => {}
            Ok(true) => held.push(format!("{place} is of protected class {}", environment.spec.class)),
            // Whoever cannot be looked at may be one.
            Err(error) => held.push(format!("{place} may be protected: {error}")),
        }
    }
    if !held.is_empty() {
        return Err(Error::Held(held));
    }
    let agreed = Agreed { environments: environments.iter().map(name).collect(), passed_over: None };
    let place = |one: &Environment| format!("{}/{}", one.namespace().unwrap_or_default(), one.name_any());
    Ok(Outside {
        environments: environments.iter().map(place).collect(),
        hosts: hosts.iter().map(ResourceExt::name_any).collect(),
        passed_over: None,
        agreed,
    })
}

/// None where its kind is not installed, or not yet.
async fn listed<K>(client: &Client) -> kube::Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    match Api::<K>::all(client.clone()).list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name(environment: &Environment) -> (String, String) {
    (environment.namespace().unwrap_or_default(), environment.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fake::{cluster, status};

    fn environments(class: &str) -> serde_json::Value {
        json!({"apiVersion": "outboard.dev/v1alpha1", "kind": "EnvironmentList", "metadata": {}, "items": [{
            "apiVersion": "outboard.dev/v1alpha1", "kind": "Environment",
            "metadata": {"name": "live", "namespace": "shop"}, "spec": {"project": "shop", "projectRevision": "p-1", "class": class, "versions": {}}}]})
    }

    #[tokio::test]
    async fn environments_are_looked_at_where_there_are_no_hostnames_and_held_where_nobody_knows_of_what_class()
     {
        let here = cluster(|_, uri| match uri {
            uri if uri.contains("/hostnames") => status(404, "404 page not found", "NotFound"),
            uri if uri.contains("/environments") => Some((200, environments("production"))),
            _ => status(500, "its project cannot be read", "InternalError"),
        });
        let held = match seen(&here, false).await {
            Err(Error::Held(held)) => held,
            other => panic!("not held: {other:?}"),
        };
        assert!(held[0].starts_with("shop/live may be protected"), "{held:?}");
        let seen = seen(&here, true).await.unwrap();
        assert_eq!(seen.environments, ["shop/live"]);
        assert!(seen.agreed.unseen(&[("shop".into(), "live".into())]).is_empty());
    }

    #[tokio::test]
    async fn where_environments_cannot_be_looked_at_nothing_is_given_back_whatever_answers_later() {
        let here = cluster(|_, uri| match uri {
            uri if uri.contains("/environments") => status(500, "etcd is away", "InternalError"),
            _ => status(404, "404 page not found", "NotFound"),
        });
        let seen = seen(&here, false).await.unwrap();
        assert!(seen.agreed.passed_over.as_ref().is_some_and(|why| why.contains("etcd is away")));
        assert!(!seen.is_nothing(), "it is told");
    }
}
