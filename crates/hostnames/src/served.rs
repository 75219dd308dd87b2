//! Hosts that environments have by their names, and what is said of all hosts of an environment at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Cause, Environment, HostClaim};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use tracing::warn;

use crate::Failure;
use crate::certificates::Sight;
use crate::controller::{Keeper, Opened};
use crate::endings::first;
use crate::plan::{Conflict, Name, Told, told, verdict};
use crate::site::Site;
use crate::status;

impl Keeper<'_> {
    /// Every environment with a host that is kept here, and what is said of the first that is not answered, and of the first
    /// certificate that does not hold. Whether all could be told.
    pub(crate) async fn tell_environments(
        &self,
        named: &[(Arc<Environment>, Told, Sight)],
        troubles: &BTreeMap<String, Failure>,
        no_target: Option<&String>,
        now: Timestamp,
    ) -> bool {
        let mut by_environment: BTreeMap<(String, String), (Vec<Told>, Vec<Sight>)> = BTreeMap::new();
        let wildcards: Vec<_> = self
            .wildcards(troubles)
            .into_iter()
            .map(|(site, told, certificate)| {
                let served = site.plan().served.iter().map(|served| (&served.name, served));
                (served.collect::<BTreeMap<_, _>>(), told, certificate)
            })
            .collect();
        for (host, claim) in self.by_their_names() {
            let mut all: Vec<(Told, Sight)> = vec![];
            for (served, told, certificate) in &wildcards {
                match served.get(&host).map(|served| served.conflicts.first()) {
                    Some(Some(conflict)) => all.push((hidden(&host, conflict), certificate.clone())),
                    Some(None) => all.push((told.clone(), certificate.clone())),
                    None => all.push((unplanned(&host, no_target), certificate.clone())),
                }
            }
            if let Some(failure) = self.unopened().filter(|_| all.is_empty()) {
                let fix =
                    "correct the hosted zones of `outboard install`, or the rights of outboard's identity";
                let words = failure.to_string();
                let told = Told::refused(verdict(Cause::DnsUnavailable, host.as_str(), words, fix, false));
                all.push((told, self.certificates.of(&host)));
            }
            let of = (claim.spec.control_namespace.clone(), claim.spec.environment.clone());
            let (said, certificates) = by_environment.entry(of).or_default();
            for (told, certificate) in all {
                said.push(told);
                certificates.push(certificate);
            }
        }
        for (environment, told, certificate) in named {
            let of = (environment.namespace().unwrap_or_default(), environment.name_any());
            let (all, certificates) = by_environment.entry(of).or_default();
            all.push(told.clone());
            certificates.push(certificate.clone());
        }
        let mut all_told = true;
        for environment in self.watches.environments.state() {
            if environment.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let of = (environment.namespace().unwrap_or_default(), environment.name_any());
            let said = by_environment
                .remove(&of)
                .and_then(|(all, certificates)| Some((first(all.into_iter())?, Sight::worst(certificates))));
            if said.is_none() && !is_told(&environment) {
                continue;
            }
            let said = said.as_ref().map(|(told, certificate)| (told, certificate));
            let told = status::tell_environment(&self.context.client, &environment, said, now).await;
            if let Err(stop) = told {
                // One that can't be told keeps no other from it.
                warn!(environment = %of.1, "cannot tell environment {} of its hosts, trying again: {stop}", of.1);
                all_told = false;
            }
        }
        all_told
    }

    /// Hosts that environments have by their names, below the domain that is kept here.
    fn by_their_names(&self) -> Vec<(Name, Arc<HostClaim>)> {
        if self.context.settings.zones.is_empty() {
            return vec![];
        }
        let Ok(domain) = Name::host(&self.context.settings.domain) else { return vec![] };
        // While a zone can't be opened, it may be the one.
        if self.holding(&domain).is_empty() && self.unopened().is_none() {
            return vec![];
        }
        let of = |host: Name| {
            let claim = self.watches.claims.get(&ObjectRef::new(host.as_str()))?;
            host.is_within(&domain).then_some((host, claim))
        };
        self.served().into_iter().filter_map(of).collect()
    }

    fn unopened(&self) -> Option<&Failure> {
        self.sites.values().find_map(|opened| match opened {
            Opened::Failed(failure, _) => Some(failure),
            Opened::Site(_) => None,
        })
    }

    /// How far the wildcard of the cluster's domain has come in each zone that holds it, and its certificate.
    fn wildcards(&self, troubles: &BTreeMap<String, Failure>) -> Vec<(&Site, Told, Sight)> {
        let Ok(domain) = Name::host(&self.context.settings.domain) else { return vec![] };
        let host = domain.below("*");
        let of = |site| {
            let mut followed = Site::followed(site, &host);
            if let Some(failure) = troubles.get(&site.zone.id) {
                followed
                    .failed
                    .get_or_insert((failure.to_string(), failure.is_busy() || failure.leaves_doubt()));
            }
            (site, told(host.as_str(), site.planned(&host), &followed), self.certificates.of(&host))
        };
        self.holding(&domain).into_iter().map(of).collect()
    }
}

/// Whether its status has words of ours.
pub(crate) fn is_told(environment: &Environment) -> bool {
    let conditions = environment.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default();
    conditions.iter().any(status::is_ours)
}

/// One that no plan has yet.
fn unplanned(host: &Name, no_target: Option<&String>) -> Told {
    match no_target {
        Some(why) => {
            let fix = "wait until the gateway is reached from outside";
            Told::refused(verdict(Cause::DnsUnavailable, host.as_str(), why.clone(), fix, false))
        }
        None => Told {
            ready: false,
            reason: "Planning",
            message: "its zone has not been read yet".to_owned(),
            verdict: None,
        },
    }
}

fn hidden(host: &Name, conflict: &Conflict) -> Told {
    let fix = "it goes on by itself once that is so";
    Told::refused(verdict(Cause::RecordTaken, host.as_str(), conflict.to_string(), fix, true))
}
