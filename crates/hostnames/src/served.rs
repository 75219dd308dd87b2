//! Hosts that environments have by their names, and what is said of all hosts of an environment at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::{Cause, Environment};
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;

use crate::Failure;
use crate::context::Stop;
use crate::controller::Keeper;
use crate::endings::first;
use crate::plan::{Certificate, Conflict, Name, Told, told, verdict};
use crate::site::Site;
use crate::status;

impl Keeper<'_> {
    /// Every environment with a host that is kept here, and what is said of the first that is not answered, and of the first
    /// certificate that does not hold.
    pub(crate) async fn tell_environments(
        &self,
        named: &[(Arc<Environment>, Told, Option<Certificate>)],
        troubles: &BTreeMap<String, Failure>,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let mut by_environment: BTreeMap<(String, String), (Vec<Told>, Vec<Certificate>)> = BTreeMap::new();
        for (site, told, certificate) in self.wildcards(troubles) {
            for served in &site.plan().served {
                let Some(claim) = self.watches.claims.get(&ObjectRef::new(served.name.as_str())) else {
                    continue;
                };
                let of = (claim.spec.control_namespace.clone(), claim.spec.environment.clone());
                let (all, certificates) = by_environment.entry(of).or_default();
                all.push(match served.conflicts.first() {
                    Some(conflict) => hidden(&served.name, conflict),
                    None => told.clone(),
                });
                certificates.extend(certificate.cloned());
            }
        }
        for (environment, told, certificate) in named {
            let of = (environment.namespace().unwrap_or_default(), environment.name_any());
            let (all, certificates) = by_environment.entry(of).or_default();
            all.push(told.clone());
            certificates.extend(certificate.clone());
        }
        for ((namespace, name), (all, certificates)) in by_environment {
            let Some(environment) = self.watches.environments.get(&ObjectRef::new(&name).within(&namespace))
            else {
                continue;
            };
            if environment.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let Some(told) = first(all.into_iter()) else { continue };
            let certificate = certificates.iter().find(|found| !found.ready).or(certificates.first());
            status::tell_environment(&self.context.client, &environment, &told, certificate, now).await?;
        }
        Ok(())
    }

    /// How far the wildcard of the cluster's domain has come in each zone that holds it, and its certificate.
    fn wildcards(&self, troubles: &BTreeMap<String, Failure>) -> Vec<(&Site, Told, Option<&Certificate>)> {
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

fn hidden(host: &Name, conflict: &Conflict) -> Told {
    let fix = "it goes on by itself once that is so";
    Told::refused(verdict(Cause::RecordTaken, host.as_str(), conflict.to_string(), fix, true))
}
