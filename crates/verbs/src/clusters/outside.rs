//! What a cluster that is to be destroyed has outside of itself and gives back: its environments and hosts, and which of those are
//! protected.

use ::clusters::{Work, of_doomed};
use api::{Environment, Hostname};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde::Serialize;

use super::{Error, Result};
use crate::Cluster;
use crate::environment::is_protected;

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
}

impl Outside {
    pub fn is_nothing(&self) -> bool {
        self.environments.is_empty() && self.hosts.is_empty()
    }
}

/// Changes nothing. Protected environments are refused, unless somebody said that they may go.
pub async fn look(work: &Work, protected: bool) -> Result<Outside> {
    let (client, server) = match Box::pin(of_doomed(work)).await? {
        Ok(reached) => reached,
        Err(why) => return Ok(Outside { passed_over: Some(why), ..Outside::default() }),
    };
    let cluster = Cluster { client, server, context_namespace: None };
    let hosts = Api::<Hostname>::all(cluster.client.clone()).list(&ListParams::default()).await;
    let environments = Api::<Environment>::all(cluster.client.clone()).list(&ListParams::default()).await;
    let (hosts, environments) = match (hosts, environments) {
        (Ok(hosts), Ok(environments)) => (hosts.items, environments.items),
        // outboard is not installed there: there are none.
        (Err(kube::Error::Api(status)), _) | (_, Err(kube::Error::Api(status))) if status.code == 404 => {
            return Ok(Outside::default());
        }
        (Err(error), _) | (_, Err(error)) => {
            return Ok(Outside { passed_over: Some(error.to_string()), ..Outside::default() });
        }
    };
    let mut held = Vec::new();
    for environment in environments.iter().filter(|_| !protected) {
        let namespace = environment.namespace().unwrap_or_default();
        let place = format!("{namespace}/{}", environment.name_any());
        match is_protected(&cluster, &namespace, environment).await {
            Ok(false) => {}
            Ok(true) => held.push(format!("{place} is of protected class {}", environment.spec.class)),
            // Whoever cannot be looked at may be one.
            Err(error) => held.push(format!("{place} may be protected: {error}")),
        }
    }
    if !held.is_empty() {
        return Err(Error::Held(held));
    }
    let place = |one: &Environment| format!("{}/{}", one.namespace().unwrap_or_default(), one.name_any());
    Ok(Outside {
        environments: environments.iter().map(place).collect(),
        hosts: hosts.iter().map(ResourceExt::name_any).collect(),
        passed_over: None,
    })
}
