//! Whether an operator is there: its Lease, and the version of its Deployment.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio::time::Instant;

use crate::{Cluster, Result};

pub const NAMESPACE: &str = "outboard-system";
/// Name of the operator's Lease and of its Deployment's container.
pub const LEASE: &str = "outboard-operator";
pub const DEPLOYMENT: &str = "outboard-operator";
/// Label that says which version is installed.
const VERSION_LABEL: &str = "app.kubernetes.io/version";
/// A leader may be this late before it counts as gone: clocks differ, nodes stutter.
const GRACE_SECONDS: i64 = 5;

/// What the Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    Alive,
    /// Why there is none.
    Silent(String),
    /// We may not look.
    Unknown,
}

/// Watches over the operator's Lease for as long as somebody waits for the operator.
#[derive(Debug, Default)]
pub struct Watchman {
    last_renewal: Option<Timestamp>,
    checked: Option<Instant>,
}

impl Watchman {
    /// Whether it is time to look again.
    pub fn is_due(&self) -> bool {
        self.checked.is_none_or(|at| at.elapsed() >= Duration::from_secs(3))
    }

    /// Looks at the Lease. A late renewal counts only if it stayed the same between two looks: our clock may be wrong.
    pub async fn look(&mut self, cluster: &Cluster) -> Pulse {
        self.checked = Some(Instant::now());
        let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), NAMESPACE);
        let Ok(lease) = leases.get_opt(LEASE).await else { return Pulse::Unknown };
        let renewal = lease.as_ref().and_then(renewed);
        let stood_still = self.last_renewal.is_some() && self.last_renewal == renewal;
        self.last_renewal = renewal;
        match judge(lease.as_ref(), Timestamp::now()) {
            Pulse::Silent(_) if renewal.is_some() && !stood_still => Pulse::Unknown,
            pulse => pulse,
        }
    }
}

fn renewed(lease: &Lease) -> Option<Timestamp> {
    lease.spec.as_ref()?.renew_time.as_ref().map(|time| time.0)
}

/// What a Lease says at a moment.
pub fn judge(lease: Option<&Lease>, now: Timestamp) -> Pulse {
    let Some(lease) = lease else {
        return Pulse::Silent(format!("nobody has taken Lease `{LEASE}` in namespace `{NAMESPACE}`"));
    };
    let held = lease
        .spec
        .as_ref()
        .is_some_and(|spec| spec.holder_identity.as_deref().is_some_and(|h| !h.is_empty()));
    let Some(renewal) = renewed(lease).filter(|_| held) else {
        return Pulse::Silent(format!("nobody holds Lease `{LEASE}` in namespace `{NAMESPACE}`"));
    };
    let duration = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(15);
    let age = now.as_second() - renewal.as_second();
    if age > i64::from(duration) + GRACE_SECONDS {
        Pulse::Silent(format!("it last renewed its Lease {age} s ago"))
    } else {
        Pulse::Alive
    }
}

/// Version of the installed operator; `None` if there is none.
pub async fn version(cluster: &Cluster) -> Result<Option<String>> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let deployment = deployments.get_opt(DEPLOYMENT).await.map_err(|error| cluster.explain(error))?;
    Ok(deployment.and_then(|deployment| {
        let labels = deployment.metadata.labels?;
        labels.get(VERSION_LABEL).cloned()
    }))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    fn lease(renewed_at: i64) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some("pod-1".into()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed_at).unwrap())),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn a_lease_is_alive_until_its_duration_and_a_grace_have_passed() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(judge(Some(&lease(985)), now), Pulse::Alive);
        assert_eq!(judge(Some(&lease(980)), now), Pulse::Alive);
        assert!(matches!(judge(Some(&lease(979)), now), Pulse::Silent(_)));
        assert!(matches!(judge(None, now), Pulse::Silent(_)));
    }

    #[test]
    fn a_lease_given_back_is_held_by_nobody() {
        let mut free = lease(999);
        free.spec.as_mut().unwrap().holder_identity = Some(String::new());
        assert!(matches!(judge(Some(&free), Timestamp::from_second(1_000).unwrap()), Pulse::Silent(_)));
    }
}
