//! `hostname claim`: a name of its own for a route, written down, then waited for until name servers answer.

use std::time::Duration;

use ::hostnames::Name;
use api::condition::{self, CERTIFICATE_READY, DNS_READY};
use api::hostname::WHOLE;
use api::{Environment, Hostname, HostnameSpec};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::api;
use crate::admitted::admitted;
use crate::environment;
use crate::suggest::nearest;
use crate::wait::{Look, Wait};
use crate::{Change, Cluster, Error, Event, Result, Sink};

/// What is claimed.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub host: String,
    pub environment: String,
    /// None: the only one that the environment has, or that the host has already.
    pub route: Option<String>,
    pub weight: Option<u8>,
    /// None: as it is. Empty: it has none any more.
    pub health_check: Option<String>,
}

/// Writes the claim down. Of a host that the environment has already, route and weight change.
pub async fn claim(cluster: &Cluster, namespace: &str, wanted: &Wanted) -> Result<(Hostname, Change)> {
    let host = Name::host(&wanted.host).map_err(Error::Hostname)?;
    if host.is_wildcard() {
        return Err(Error::WildcardHostname { host: host.to_string() });
    }
    let environment = environment::get(cluster, namespace, &wanted.environment).await?;
    let api = api(cluster, namespace);
    let found = api.get_opt(host.as_str()).await.map_err(|error| cluster.explain(error))?;
    let route = match (&wanted.route, &found) {
        (None, Some(found)) => found.spec.route.clone(),
        (route, _) => route_of(&environment, route.as_deref())?,
    };
    if let Some(found) = found {
        if found.spec.environment != wanted.environment {
            let environment = found.spec.environment.clone();
            return Err(Error::HostnameElsewhere { host: host.to_string(), environment });
        }
        let weight = wanted.weight.unwrap_or(found.spec.weight);
        let health_check =
            wanted.health_check.clone().or(found.spec.health_check.clone()).filter(|id| !id.is_empty());
        let HostnameSpec { route: before, weight: share, health_check: checked, .. } = &found.spec;
        if (before, *share, checked) == (&route, weight, &health_check) {
            return Ok((found, Change::Unchanged));
        }
        let patch = Patch::Merge(json!({
            "metadata": {"resourceVersion": found.resource_version()},
            "spec": {"route": route, "weight": weight, "healthCheck": health_check},
        }));
        let patched = api.patch(host.as_str(), &PatchParams::default(), &patch).await;
        return Ok((patched.map_err(|error| cluster.explain(error))?, Change::Updated));
    }
    let spec = HostnameSpec {
        environment: wanted.environment.clone(),
        route,
        weight: wanted.weight.unwrap_or(WHOLE),
        health_check: wanted.health_check.clone().filter(|id| !id.is_empty()),
        requested_by: cluster.user().await,
    };
    let wanted = Hostname::new(host.as_str(), spec);
    let params = PostParams::default();
    let created = admitted(cluster, &mut |_| {}, || api.create(&params, &wanted)).await;
    Ok((created.map_err(|error| cluster.explain(error))?, Change::Created))
}

/// The route that is meant: as it was said, or the only one.
fn route_of(environment: &Environment, said: Option<&str>) -> Result<String> {
    let status = environment.status.clone().unwrap_or_default();
    let known: Vec<String> = status.urls.into_keys().collect();
    match (said, &known[..]) {
        // Before its first revision nothing is known: the operator tells.
        (Some(said), []) => Ok(said.to_owned()),
        (Some(said), known) if known.iter().any(|route| route == said) => Ok(said.to_owned()),
        (Some(said), known) => Err(Error::NotFound {
            kind: "route",
            name: said.to_owned(),
            place: format!("environment `{}`", environment.name_any()),
            nearest: nearest(said, known.iter().map(String::as_str)),
            known: known.to_vec(),
        }),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Error::WhichRoute { environment: environment.name_any(), known }),
    }
}

/// Ends once name servers answer and visitors are shown a certificate that holds, or something has to change first.
pub async fn wait(
    cluster: &Cluster,
    namespace: &str,
    host: &str,
    timeout: Option<Duration>,
    events: Sink<'_>,
) -> Result<Hostname> {
    let mut told = None;
    let wait =
        Wait { cluster, api: api(cluster, namespace), name: host, what: format!("host {host}"), timeout };
    wait.until(events, |hostname, events| {
        let hostname =
            hostname.ok_or_else(|| Error::Changed { what: format!("host `{host}` is gone: it") })?;
        let status = hostname.status.clone().unwrap_or_default();
        let ready = condition::find(&status.conditions, DNS_READY).cloned();
        if status.observed_generation < hostname.metadata.generation.unwrap_or_default() {
            return Ok(Look::Lagging);
        }
        if let Some(verdict) = status.verdict.filter(|verdict| verdict.terminal) {
            return Err(Error::HostnameVerdict { host: host.to_owned(), verdict: Box::new(verdict) });
        }
        let Some(ready) = ready else { return Ok(Look::Wait) };
        // Where TLS is not spoken there is none.
        let certificate = condition::find(&status.conditions, CERTIFICATE_READY).cloned();
        let Some(ready) = [Some(ready), certificate].into_iter().flatten().find(|found| !found.is_true())
        else {
            return Ok(Look::Done(hostname));
        };
        if told.as_ref() != Some(&ready.message) {
            told = Some(ready.message.clone());
            events(Event::Hostname { host: host.to_owned(), condition: ready });
        }
        Ok(Look::Wait)
    })
    .await
}

#[cfg(test)]
mod tests {
    use api::{EnvironmentSpec, EnvironmentStatus};

    use super::*;

    fn environment(routes: &[&str]) -> Environment {
        let mut environment = Environment::new("qa", EnvironmentSpec::default());
        let urls = routes.iter().map(|route| ((*route).to_owned(), String::new())).collect();
        environment.status = Some(EnvironmentStatus { urls, ..EnvironmentStatus::default() });
        environment
    }

    #[test]
    fn the_only_route_need_not_be_said_and_one_that_is_not_there_is_told() {
        assert_eq!(route_of(&environment(&["web"]), None).unwrap(), "web");
        let two = environment(&["admin", "web"]);
        assert!(matches!(route_of(&two, None), Err(Error::WhichRoute { known, .. }) if known.len() == 2));
        let missing = route_of(&two, Some("wbe"));
        assert!(matches!(missing, Err(Error::NotFound { nearest: Some(near), .. }) if near == "web"));
        assert_eq!(route_of(&environment(&[]), Some("web")).unwrap(), "web");
    }
}
