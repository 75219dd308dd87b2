//! What is said on Hostnames and Environments: written only where it differs from what stands there.

use api::condition::{self, CERTIFICATE_READY, DNS_READY};
use api::hostname::{Batch, HostnameStatus};
use api::{Condition, ConditionStatus, Environment, Hostname, marks};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::certificates::Sight;
use crate::context::Stop;
use crate::journal::{Entry, State};
use crate::plan::Told;

/// Kubernetes keeps whole seconds; a finer time would differ from what comes back.
fn whole(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}

fn condition(
    r#type: &str,
    (ready, reason, message): (bool, &str, &str),
    generation: i64,
    now: Timestamp,
) -> Condition {
    Condition {
        r#type: r#type.to_owned(),
        status: if ready { ConditionStatus::True } else { ConditionStatus::False },
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: whole(now),
    }
}

/// Both of ours among `conditions`; without TLS there is nothing to say of certificates.
fn set(conditions: &mut Vec<Condition>, told: &Told, certificate: &Sight, generation: i64, now: Timestamp) {
    let dns = (told.ready, told.reason, told.message.as_str());
    condition::set(conditions, condition(DNS_READY, dns, generation, now));
    match certificate {
        Sight::Seen(found) => {
            let shown = (found.ready, found.reason, found.message.as_str());
            condition::set(conditions, condition(CERTIFICATE_READY, shown, generation, now));
        }
        // What was said before may still be so; of a new one nothing good is said.
        Sight::Unknown if condition::find(conditions, CERTIFICATE_READY).is_some() => {}
        Sight::Unknown => {
            let words = (false, "Checking", "it has not been looked at yet");
            condition::set(conditions, condition(CERTIFICATE_READY, words, generation, now));
        }
        Sight::None => conditions.retain(|condition| condition.r#type != CERTIFICATE_READY),
    }
}

/// What a hostname's records are, beside how far they have come.
#[derive(Default)]
pub struct Records<'a> {
    pub zones: Vec<String>,
    pub records: Vec<String>,
    pub batch: Option<&'a Entry>,
    pub certificate: Sight,
}

/// The next status; equal to the one that stands there when nothing changed.
pub fn of_hostname(
    hostname: &Hostname,
    environment: Option<&Environment>,
    told: &Told,
    records: Records<'_>,
    now: Timestamp,
) -> HostnameStatus {
    let current = hostname.status.clone().unwrap_or_default();
    let generation = hostname.metadata.generation.unwrap_or_default();
    let batch = records.batch.and_then(|entry| match &entry.state {
        State::Accepted { change } => Some(Batch {
            id: entry.id.clone(),
            change: change.clone(),
            sent: whole(entry.intended),
            in_sync: entry.in_sync.map(whole),
        }),
        _ => None,
    });
    let mut next = HostnameStatus {
        observed_generation: generation,
        zones: records.zones,
        records: records.records,
        // Another process may have sent the last one.
        batch: batch.or(current.batch),
        conditions: current.conditions,
        verdict: told.verdict.clone(),
        // Of an environment that is gone what was so last.
        protected: environment.map_or(current.protected, |environment| {
            environment.status.as_ref().is_some_and(|status| status.protection.is_some())
        }),
    };
    set(&mut next.conditions, told, &records.certificate, generation, now);
    next
}

pub async fn tell_hostname(client: &Client, hostname: &Hostname, next: &HostnameStatus) -> Result<(), Stop> {
    if hostname.status.as_ref() == Some(next) {
        return Ok(());
    }
    write(client, hostname, &json!(next)).await
}

/// Only this slice's own entries of the conditions; none: nothing is kept for it any more.
pub async fn tell_environment(
    client: &Client,
    environment: &Environment,
    said: Option<(&Told, &Sight)>,
    now: Timestamp,
) -> Result<(), Stop> {
    let mut conditions =
        environment.status.as_ref().map(|status| status.conditions.clone()).unwrap_or_default();
    let before = ours(&conditions);
    match said {
        // Of no generation: records hang on what is claimed, not on settings.
        Some((told, certificate)) => set(&mut conditions, told, certificate, 0, now),
        None => conditions.retain(|condition| !is_ours(condition)),
    }
    let next = ours(&conditions);
    if before == next {
        return Ok(());
    }
    write(client, environment, &json!({"conditions": next})).await
}

pub fn is_ours(condition: &Condition) -> bool {
    [DNS_READY, CERTIFICATE_READY].contains(&condition.r#type.as_str())
}

fn ours(conditions: &[Condition]) -> Vec<Condition> {
    conditions.iter().filter(|condition| is_ours(condition)).cloned().collect()
}

async fn write<K>(client: &Client, object: &K, status: &Value) -> Result<(), Stop>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize,
{
    let api = Api::<K>::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        // A fence against a namesake made meanwhile.
        "metadata": {"name": object.name_any(), "uid": object.uid()},
        "status": status,
    });
    let params = PatchParams::apply(marks::MANAGER_HOSTNAMES).force();
    match api.patch_status(&object.name_any(), &params, &Patch::Apply(&patch)).await {
        Ok(_) => Ok(()),
        // Gone, or another one by now.
        Err(error) if apply::error::is_status(&error, 404) || apply::error::is_status(&error, 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
