//! Conditions: what an environment's slices say about it, one entry a type.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The request was understood and can be carried out.
pub const ACCEPTED: &str = "Accepted";
/// Every backing service is ready.
pub const SERVICES_READY: &str = "ServicesReady";
/// Every `job: before` of this revision has completed.
pub const JOBS_COMPLETE: &str = "JobsComplete";
/// Every component runs this revision with all its replicas ready.
pub const COMPONENTS_READY: &str = "ComponentsReady";
/// Every route answers through the gateway.
pub const ROUTES_READY: &str = "RoutesReady";
/// Every hostname of it is answered by the zone's name servers. Says nothing about what answers there.
pub const DNS_READY: &str = "DNSReady";
/// Every hostname of it shows visitors a certificate that is of that host and holds. There only where TLS is spoken.
pub const CERTIFICATE_READY: &str = "CertificateReady";
/// What overlays hold runs nothing any more. There only on an environment that was held; says nothing about readiness.
pub const HELD: &str = "Held";
/// Somebody changed what outboard made, and it stands so. Says nothing about readiness.
pub const DRIFTED: &str = "Drifted";
/// The project has a newer revision: `env update` brings it here. Says nothing about readiness.
pub const PROJECT_OUTDATED: &str = "ProjectOutdated";
/// A webhook has taken what stands here as message, and not that it has passed. There only on an environment that was announced;
/// says nothing about readiness.
pub const ANNOUNCED: &str = "Announced";
/// The last backup that the class's schedule made is whole, and none lacks. There only where a schedule makes backups, or made some;
/// says nothing about readiness.
pub const BACKED_UP: &str = "BackedUp";
/// What stands in its message before the newest whole backup, behind what is wrong: another one there is no other trouble.
pub const NEWEST_WHOLE: &str = "; newest whole one: ";
/// A webhook has taken that backups fail or lack, and not that it has passed. There only on an environment of which that was announced;
/// says nothing about readiness.
pub const BACKUP_ANNOUNCED: &str = "BackupAnnounced";
/// Nothing writes to a copy's target but the copy.
pub const QUIESCED: &str = "Quiesced";
/// A copy has ended as it was to.
pub const COMPLETE: &str = "Complete";
/// All of the others are true for the newest revision.
pub const READY: &str = "Ready";

/// Why an environment is not ready all of whose parts are: its class awaits its hosts.
pub const AWAITS_HOSTS: &str = "AwaitsHosts";

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ConditionStatus {
    True,
    False,
    #[default]
    Unknown,
}

/// One statement about an object, in the shape of Kubernetes' own conditions.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    pub r#type: String,
    pub status: ConditionStatus,
    /// A CamelCase word for programs.
    pub reason: String,
    /// A sentence for people.
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub observed_generation: i64,
    /// When `status` last changed.
    pub last_transition_time: Time,
}

impl Condition {
    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }
}

/// The entry of one type.
pub fn find<'a>(conditions: &'a [Condition], r#type: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.r#type == r#type)
}

/// Replaces the entry of `next`'s type, keeping its transition time while the status stays.
pub fn set(conditions: &mut Vec<Condition>, mut next: Condition) {
    match conditions.iter_mut().find(|c| c.r#type == next.r#type) {
        Some(current) => {
            if current.status == next.status {
                next.last_transition_time = current.last_transition_time.clone();
            }
            *current = next;
        }
        None => conditions.push(next),
    }
}
