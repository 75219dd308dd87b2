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
use crate::plan::{Conflict, Name, Told, told, verdict};
use crate::site::Site;
use crate::status;

impl Keeper<'_> {
    /// Every environment with a host that is kept here, and what is said of the first that is not answered.
    pub(crate) async fn tell_environments(
        &self,
        named: &[(Arc<Environment>, Told)],
        troubles: &BTreeMap<String, Failure>,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let mut by_environment: BTreeMap<(String, String), Vec<Told>> = BTreeMap::new();
        if let Some((site, told)) = self.wildcard(troubles) {
            for served in &site.plan().served {
                let Some(claim) = self.watches.claims.get(&ObjectRef::new(served.name.as_str())) else {
                    continue;
                };
                let of = (claim.spec.control_namespace.clone(), claim.spec.environment.clone());
                by_environment.entry(of).or_default().push(match served.conflicts.first() {
                    Some(conflict) => hidden(&served.name, conflict),
                    None => told.clone(),
                });
            }
        }
        for (environment, told) in named {
            let of = (environment.namespace().unwrap_or_default(), environment.name_any());
            by_environment.entry(of).or_default().push(told.clone());
        }
        for ((namespace, name), all) in by_environment {
            let Some(environment) = self.watches.environments.get(&ObjectRef::new(&name).within(&namespace))
            else {
                continue;
            };
            let first = all.iter().find(|told| !told.ready).or(all.first());
            if let Some(told) = first.filter(|_| environment.metadata.deletion_timestamp.is_none()) {
                status::tell_environment(&self.context.client, &environment, told, now).await?;
            }
        }
        Ok(())
    }

    /// The zone of the cluster's domain, and how far its wildcard has come.
    pub(crate) fn wildcard(&self, troubles: &BTreeMap<String, Failure>) -> Option<(&Site, Told)> {
        let domain = Name::host(&self.context.settings.domain).ok()?;
        let site = self.holding(&domain)?;
        let host = domain.below("*");
        let mut followed = site.followed(&host);
        if let Some(failure) = troubles.get(&site.zone.id) {
            followed.failed.get_or_insert((failure.to_string(), failure.is_busy() || failure.leaves_doubt()));
        }
        Some((site, told(host.as_str(), site.planned(&host), &followed)))
    }
}

fn hidden(host: &Name, conflict: &Conflict) -> Told {
    let fix = "it goes on by itself once that is so";
    Told::refused(verdict(Cause::RecordTaken, host.as_str(), conflict.to_string(), fix, true))
}
