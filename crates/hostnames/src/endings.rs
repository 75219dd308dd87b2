//! What is said of named hosts, and how one ends that was given back: its records first, then its route and its claim.

use std::collections::BTreeMap;

use api::{Environment, Hostname, crds};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Preconditions};
use tracing::info;

use crate::Failure;
use crate::admit;
use crate::cases::{Case, is_held};
use crate::context::Stop;
use crate::controller::{Keeper, Opened};
use crate::plan::{Stands, Told, told};
use crate::site::Site;
use crate::status::{self, Records};

impl Keeper<'_> {
    /// Says how far a host has come, and ends one that was given back and is gone.
    pub(crate) async fn finish(
        &self,
        case: &Case,
        troubles: &BTreeMap<String, Failure>,
        now: Timestamp,
    ) -> Result<Told, Stop> {
        let sites: Vec<&Site> = case.zones.iter().filter_map(|zone| self.site(zone)).collect();
        let told = match (&case.waits, &case.host) {
            (Some(waits), _) => waits.clone(),
            (None, Some(host)) => first(sites.iter().map(|site| {
                let mut followed = site.followed(host);
                if let Some(failure) = troubles.get(&site.zone.id) {
                    let passes = failure.is_busy() || failure.leaves_doubt();
                    followed.failed.get_or_insert((failure.to_string(), passes));
                }
                told(host.as_str(), site.planned(host), &followed)
            }))
            .unwrap_or_else(releasing),
            (None, None) => releasing(),
        };
        if case.stands == Stands::Going {
            return self.end(case, &sites, told, now).await;
        }
        let records = match &case.host {
            Some(host) => Records {
                zones: case.zones.clone(),
                records: sites.iter().flat_map(|site| site.records(host)).collect(),
                batch: sites.iter().filter_map(|site| site.batch(host)).max_by_key(|entry| entry.intended),
                certificate: self.certificates.of(host),
            },
            None => Records::default(),
        };
        let next = status::of_hostname(&case.hostname, case.environment.as_deref(), &told, records, now);
        status::tell_hostname(&self.context.client, &case.hostname, &next).await?;
        Ok(told)
    }

    /// One that was given back: its records first, then its route and its claim.
    pub(crate) async fn end(
        &self,
        case: &Case,
        sites: &[&Site],
        told: Told,
        now: Timestamp,
    ) -> Result<Told, Stop> {
        let namespace = case.hostname.namespace().unwrap_or_default();
        let api = Api::<Hostname>::namespaced(self.context.client.clone(), &namespace);
        let ours = is_held(case.hostname.as_ref());
        let detaches = self.detaches(&namespace).await?;
        let gone = match &case.host {
            Some(host) if !sites.is_empty() => sites.iter().all(|site| site.is_let_go(host)),
            // It never had anything in a zone that is known; one that can't be read may still hold it.
            _ => self.sites.values().all(|opened| matches!(opened, Opened::Site(_))),
        };
        if detaches || gone || !ours {
            if let (Some(host), false) = (&case.host, detaches) {
                admit::clear(host, case.environment.as_deref(), self.context).await?;
                info!(host = %case.name(), "released {host}");
            }
            if case.hostname.metadata.deletion_timestamp.is_none() {
                let only = Preconditions { uid: case.hostname.uid(), resource_version: None };
                let params = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
                match api.delete(&case.name(), &params).await {
                    Err(error)
                        if !apply::error::is_status(&error, 404) && !apply::error::is_status(&error, 409) =>
                    {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
            admit::let_go(&api, case.hostname.as_ref()).await?;
            return Ok(told);
        }
        let next =
            status::of_hostname(&case.hostname, case.environment.as_deref(), &told, Records::default(), now);
        status::tell_hostname(&self.context.client, &case.hostname, &next).await?;
        Ok(told)
    }

    /// Whether to leave all records: a definition or the control namespace itself is going.
    pub(crate) async fn detaches(&self, namespace: &str) -> Result<bool, Stop> {
        let definitions = Api::<CustomResourceDefinition>::all(self.context.client.clone());
        for name in [crds::ENVIRONMENTS, crds::HOSTNAMES] {
            let found = definitions.get_metadata_opt(name).await?;
            if found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()) {
                return Ok(true);
            }
        }
        let found = Api::<Namespace>::all(self.context.client.clone()).get_metadata_opt(namespace).await?;
        Ok(found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()))
    }

    /// Environments that no named host keeps any more.
    pub(crate) async fn let_go(&self, cases: &[Case]) -> Result<(), Stop> {
        for environment in self.watches.environments.state() {
            let named = cases
                .iter()
                .any(|case| case.environment.as_ref().is_some_and(|of| of.uid() == environment.uid()));
            if is_held(environment.as_ref()) && !named {
                let namespace = environment.namespace().unwrap_or_default();
                let api = Api::<Environment>::namespaced(self.context.client.clone(), &namespace);
                admit::let_go(&api, environment.as_ref()).await?;
            }
        }
        Ok(())
    }
}

/// Of what is said of a host in each of its zones, what keeps it from being ready.
pub(crate) fn first(all: impl Iterator<Item = Told>) -> Option<Told> {
    let all: Vec<Told> = all.collect();
    all.iter().find(|told| !told.ready).or(all.first()).cloned()
}

fn releasing() -> Told {
    Told { ready: false, reason: "Releasing", message: String::new(), verdict: None }
}
