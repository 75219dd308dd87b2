//! `hostname list`: every host in one line, named ones and those that environments have by their names.

use api::condition::{self, CERTIFICATE_READY, DNS_READY};
use api::hostname::Batch;
use api::{Environment, Hostname, Verdict};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Cluster, Result};

/// One host, in one line.
#[derive(Clone, Debug, JsonSchema, PartialEq, Serialize)]
#[schemars(rename = "Host")]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub host: String,
    /// The control namespace.
    pub namespace: String,
    pub environment: String,
    pub route: String,
    /// None: the wildcard of the cluster's domain answers for it.
    pub weight: Option<u8>,
    /// Whether name servers answer for it; none: nobody keeps its records, or has looked yet.
    pub dns_ready: Option<bool>,
    pub reason: Option<String>,
    pub message: Option<String>,
    /// Whether visitors are shown a certificate that is of it and holds; none: TLS is not spoken, or nobody has looked.
    pub certificate_ready: Option<bool>,
    /// What is said of it: until when it holds, say.
    pub certificate: Option<String>,
    pub health_check: Option<String>,
    pub verdict: Option<Verdict>,
    pub zones: Vec<String>,
    pub records: Vec<String>,
    pub batch: Option<Batch>,
    pub requested_by: Option<String>,
    pub created: Option<String>,
}

/// Every host of the namespace (of all namespaces without one), by environment.
pub async fn list(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<Summary>> {
    let hostnames: Api<Hostname> = of(cluster, namespace);
    let environments: Api<Environment> = of(cluster, namespace);
    let everything = ListParams::default();
    let named = hostnames.list(&everything).await.map_err(|error| cluster.explain(error))?;
    let all = environments.list(&everything).await.map_err(|error| cluster.explain(error))?;
    let mut hosts: Vec<Summary> = named.iter().map(summary).collect();
    hosts.extend(all.iter().flat_map(by_name));
    hosts.sort_by(|one, other| {
        let key = |host: &Summary| {
            (host.namespace.clone(), host.environment.clone(), host.weight.is_none(), host.host.clone())
        };
        key(one).cmp(&key(other))
    });
    Ok(hosts)
}

/// Names of its own that one environment has.
pub async fn named(cluster: &Cluster, environment: &Environment) -> Result<Vec<Summary>> {
    let (namespace, name) = (environment.namespace(), environment.name_any());
    let hostnames: Api<Hostname> = of(cluster, namespace.as_deref());
    let all = hostnames.list(&ListParams::default()).await.map_err(|error| cluster.explain(error))?;
    Ok(all.iter().filter(|hostname| hostname.spec.environment == name).map(summary).collect())
}

fn of<K>(cluster: &Cluster, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    }
}

/// The line of a named host.
pub fn summary(hostname: &Hostname) -> Summary {
    let status = hostname.status.clone().unwrap_or_default();
    let ready = condition::find(&status.conditions, DNS_READY);
    let certificate = condition::find(&status.conditions, CERTIFICATE_READY);
    Summary {
        host: hostname.name_any(),
        namespace: hostname.namespace().unwrap_or_default(),
        environment: hostname.spec.environment.clone(),
        route: hostname.spec.route.clone(),
        weight: Some(hostname.spec.weight),
        dns_ready: ready.map(api::Condition::is_true),
        reason: ready.map(|ready| ready.reason.clone()),
        message: ready.map(|ready| ready.message.clone()),
        certificate_ready: certificate.map(api::Condition::is_true),
        certificate: certificate.map(|certificate| certificate.message.clone()),
        health_check: hostname.spec.health_check.clone(),
        verdict: status.verdict,
        zones: status.zones,
        records: status.records,
        batch: status.batch,
        requested_by: hostname.spec.requested_by.clone(),
        created: hostname.creation_timestamp().map(|time| time.0.to_string()),
    }
}

/// The lines of the hosts that an environment has by its name.
pub fn by_name(environment: &Environment) -> Vec<Summary> {
    let status = environment.status.clone().unwrap_or_default();
    let ready = condition::find(&status.conditions, DNS_READY);
    let certificate = condition::find(&status.conditions, CERTIFICATE_READY);
    let one = |(route, url): (&String, &String)| Summary {
        host: host_of(url).to_owned(),
        namespace: environment.namespace().unwrap_or_default(),
        environment: environment.name_any(),
        route: route.clone(),
        weight: None,
        dns_ready: ready.map(api::Condition::is_true),
        reason: ready.map(|ready| ready.reason.clone()),
        message: ready.map(|ready| ready.message.clone()),
        certificate_ready: certificate.map(api::Condition::is_true),
        certificate: certificate.map(|certificate| certificate.message.clone()),
        health_check: None,
        verdict: None,
        zones: vec![],
        records: vec![],
        batch: None,
        requested_by: None,
        created: environment.creation_timestamp().map(|time| time.0.to_string()),
    };
    status.urls.iter().map(one).collect()
}

/// `https://host:8443/` without what stands around the host.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_as_its_host() {
        assert_eq!(host_of("http://web-qa-shop.localhost:8080"), "web-qa-shop.localhost");
        assert_eq!(host_of("https://web.example.com/x"), "web.example.com");
    }
}
