//! Named hosts at this moment: where each stands, and what has to be there before it has records.

use std::sync::Arc;

use api::{Cause, Environment, Hostname, marks};
use kube::ResourceExt;
use kube::api::Api;
use kube::runtime::reflector::ObjectRef;
use tracing::warn;

use crate::admit;
use crate::context::Stop;
use crate::controller::{Keeper, Opened};
use crate::plan::{Claimed, Name, Stands, Told, verdict};
use crate::prepared::Prepared;

/// One named host at this moment.
pub(crate) struct Case {
    pub(crate) hostname: Arc<Hostname>,
    pub(crate) environment: Option<Arc<Environment>>,
    pub(crate) host: Option<Name>,
    /// The ids of the zones that it lies in.
    pub(crate) zones: Vec<String>,
    pub(crate) stands: Stands,
    /// Why it waits.
    pub(crate) waits: Option<Told>,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        self.hostname.name_any()
    }
}

impl Keeper<'_> {
    /// Every named host: where it stands, and all that has to be there before it has records.
    pub(crate) async fn cases(&self, no_target: Option<&String>) -> Vec<Case> {
        let mut cases = vec![];
        let mut hostnames = self.watches.hostnames.state();
        // Else the same wishes would look like others.
        hostnames.sort_by_key(|hostname| (hostname.name_any(), hostname.namespace()));
        for hostname in hostnames {
            let namespace = hostname.namespace().unwrap_or_default();
            let reference = ObjectRef::new(&hostname.spec.environment).within(&namespace);
            let environment = self.watches.environments.get(&reference);
            let host = Name::host(&hostname.name_any());
            let mut holding = host.as_ref().map(|host| self.holding(host)).unwrap_or_default();
            let is_going = hostname.metadata.deletion_timestamp.is_some()
                || environment.as_ref().is_some_and(|found| found.metadata.deletion_timestamp.is_some());
            if is_going && self.is_elsewhere(&hostname) {
                // Whose it is keeps its records: this one never had any.
                holding.clear();
            }
            let mut case = Case {
                host: host.as_ref().ok().cloned(),
                zones: holding.iter().map(|site| site.zone.id.clone()).collect(),
                stands: if is_going { Stands::Going } else { Stands::Waits },
                waits: None,
                hostname,
                environment,
            };
            if !is_going {
                case.waits = match &host {
                    Err(bad) => {
                        let fix = "release it and claim one that DNS can hold";
                        let name = case.name();
                        Some(Told::refused(verdict(
                            Cause::HostnameInvalid,
                            &name,
                            bad.to_string(),
                            fix,
                            true,
                        )))
                    }
                    Ok(host) => match self.prepare(&case, host, no_target).await {
                        Ok(waits) => waits,
                        Err(stop) => {
                            warn!(host = %host, "cannot prepare host {host}, trying again: {stop}");
                            Some(waiting(stop.to_string()))
                        }
                    },
                };
                if case.waits.is_none() {
                    case.stands = Stands::Wanted;
                }
            }
            cases.push(case);
        }
        cases
    }

    /// Whether another environment has the host.
    fn is_elsewhere(&self, hostname: &Hostname) -> bool {
        let claim = self.watches.claims.get(&ObjectRef::new(&hostname.name_any()));
        claim.is_some_and(|claim| {
            let holder = (&claim.spec.control_namespace, &claim.spec.environment);
            holder != (&hostname.namespace().unwrap_or_default(), &hostname.spec.environment)
        })
    }

    /// Why a host has to wait, if it has to.
    pub(crate) async fn prepare(
        &self,
        case: &Case,
        host: &Name,
        no_target: Option<&String>,
    ) -> Result<Option<Told>, Stop> {
        let no = |cause, message: String, fix: &str, terminal| {
            Ok(Some(Told::refused(verdict(cause, host.as_str(), message, fix, terminal))))
        };
        let settings = &self.context.settings;
        if case.zones.is_empty() {
            if let Some(failure) = self.sites.values().find_map(|opened| match opened {
                Opened::Failed(failure, _) => Some(failure),
                Opened::Site(_) => None,
            }) {
                let fix =
                    "correct the hosted zones of `outboard install`, or the rights of outboard's identity";
                return no(Cause::DnsUnavailable, failure.to_string(), fix, false);
            }
            if settings.zones.is_empty() {
                let message = "outboard keeps no hosted zone in this cluster".to_owned();
                return no(
                    Cause::DnsUnavailable,
                    message,
                    "install it with --hosted-zone and --cluster",
                    true,
                );
            }
            let zones: Vec<String> = self.open_sites().map(|site| site.zone.name.to_string()).collect();
            let message = format!("it lies in none of the zones that outboard keeps: {}", zones.join(", "));
            let fix =
                "choose a hostname in one of them, or add its zone with `outboard install --hosted-zone`";
            return no(Cause::HostnameInvalid, message, fix, true);
        }
        if Name::host(&settings.domain).is_ok_and(|domain| host.is_within(&domain)) {
            let message =
                format!("it lies below {}, where environments have hosts by their names", settings.domain);
            return no(Cause::HostnameInvalid, message, "choose a hostname outside of it", true);
        }
        let Some(environment) = &case.environment else {
            let message = format!("there is no environment {}", case.hostname.spec.environment);
            return no(Cause::EnvironmentNotFound, message, "create it, or release the hostname", true);
        };
        if let Some(why) = no_target {
            return no(
                Cause::DnsUnavailable,
                why.clone(),
                "wait until the gateway is reached from outside",
                false,
            );
        }
        let namespace = case.hostname.namespace().unwrap_or_default();
        let client = &self.context.client;
        let held = admit::hold(&Api::namespaced(client.clone(), &namespace), case.hostname.as_ref()).await?
            && admit::hold(&Api::namespaced(client.clone(), &namespace), environment.as_ref()).await?;
        if !held {
            return Ok(Some(waiting("it was changed in this moment".to_owned())));
        }
        let claimed = self.watches.claims.get(&ObjectRef::new(host.as_str()));
        let seen = Prepared {
            hostname: (case.hostname.uid(), case.hostname.metadata.generation),
            environment: (environment.uid(), environment.status.as_ref().and_then(|status| status.revision)),
            claim: claimed.as_ref().and_then(|claim| claim.uid()),
        };
        if self.prepared.holds(host, &seen) {
            return Ok(None);
        }
        let waits =
            admit::prepare(&case.hostname, host, environment, claimed.as_deref(), self.context).await?;
        self.prepared.remember(host, seen, waits.is_none());
        Ok(waits.map(Told::refused))
    }
}

pub(crate) fn is_held(object: &impl ResourceExt) -> bool {
    object.finalizers().iter().any(|name| name == marks::FINALIZER_HOSTNAMES)
}

fn waiting(message: String) -> Told {
    Told { ready: false, reason: "Waiting", message, verdict: None }
}

/// Claims of hosts that lie in a zone.
pub(crate) fn claimed(cases: &[Case], zone: &str) -> Vec<Claimed> {
    let one = |case: &Case| {
        Some(Claimed {
            host: case.host.clone()?,
            namespace: case.hostname.namespace().unwrap_or_default(),
            environment: case.hostname.spec.environment.clone(),
            weight: case.hostname.spec.weight,
            health_check: case.hostname.spec.health_check.clone(),
            stands: case.stands,
        })
    };
    cases.iter().filter(|case| case.zones.iter().any(|id| id == zone)).filter_map(one).collect()
}
