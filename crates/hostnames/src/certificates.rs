//! Certificates of the hosts that are kept here: asked of cert-manager where the installation names an issuer, and looked at as
//! visitors see them, whoever issued them.

use std::collections::{BTreeMap, BTreeSet};

use api::marks;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::Settings;
use crate::context::{Context, Stop};
use crate::gateway;
use crate::plan::certificates::{self as plan, Listeners};
use crate::plan::{Certificate, Issued, Name, Shown, certificate};

/// A good one is looked at again after this long, what is on its way soon, what somebody has to mend in between.
const GOOD: SignedDuration = SignedDuration::from_mins(10);
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(3);
const BAD: SignedDuration = SignedDuration::from_secs(30);
/// A name below a wildcard, to be shown its certificate.
const BELOW: &str = "outboard-tls-check";

/// What is known of every host's certificate.
#[derive(Default)]
pub struct Certificates {
    known: BTreeMap<Name, Known>,
}

struct Known {
    told: Certificate,
    issued: Issued,
    again: Timestamp,
}

impl Certificates {
    /// One turn for these hosts; others are forgotten. Of hosts that only `stay`, nothing is asked that is not there already.
    pub async fn turn(
        &mut self,
        context: &Context,
        gateway: Option<&Value>,
        hosts: &[Name],
        stay: &[Name],
        now: Timestamp,
    ) -> Result<(), Stop> {
        let Some(gateway) = gateway.filter(|_| context.settings.https) else {
            self.known.clear();
            return Ok(());
        };
        let mut issued = BTreeMap::new();
        if let Some(issuer) = &context.settings.issuer {
            let stay = stay.iter().filter(|host| plan::has(gateway, host));
            let all: Vec<Name> = hosts.iter().chain(stay).cloned().collect();
            issued = ask(context, gateway, &all, issuer).await?;
        }
        let Some(door) = gateway::door(gateway) else {
            // A load balancer before it speaks TLS, or nobody does.
            self.known.clear();
            return Ok(());
        };
        self.known.retain(|host, _| hosts.contains(host));
        let due = hosts.iter().filter(|host| {
            let known = self.known.get(*host);
            known.is_none_or(|known| {
                known.again <= now || issued.get(*host).is_some_and(|now| *now != known.issued)
            })
        });
        let looks = due.map(async |host| (host.clone(), look(&door, host).await));
        for (host, shown) in join_all(looks).await {
            let issued = issued.get(&host).cloned().unwrap_or_default();
            let told = certificate(&host, &shown, &issued, now);
            let wait = match (told.ready, &issued) {
                (true, _) => GOOD,
                // cert-manager is done, so the Gateway is about to show it.
                (false, Issued::Waits(_) | Issued::Done) => ON_ITS_WAY,
                (false, _) => BAD,
            };
            let again = now.checked_add(wait).unwrap_or(Timestamp::MAX);
            self.known.insert(host, Known { told, issued, again });
        }
        Ok(())
    }

    pub fn of(&self, host: &Name) -> Option<&Certificate> {
        self.known.get(host).map(|known| &known.told)
    }

    /// Whether something is on its way that no event reports.
    pub fn is_busy(&self) -> bool {
        let on_its_way = |known: &Known| matches!(known.issued, Issued::Waits(_) | Issued::Done);
        self.known.values().any(|known| !known.told.ready && on_its_way(known))
    }

    /// Until when each holds.
    pub fn expiries(&self) -> BTreeMap<String, Timestamp> {
        let of = |(host, known): (&Name, &Known)| Some((host.to_string(), known.told.not_after?));
        self.known.iter().filter_map(of).collect()
    }
}

async fn look(door: &str, host: &Name) -> Result<Shown, String> {
    let asked = if host.is_wildcard() { host.with_first(BELOW) } else { host.clone() };
    let shown = tls::shown(door, asked.as_str()).await?;
    Ok(Shown {
        fits: shown.is_for(asked.as_str()),
        not_before: shown.not_before,
        not_after: shown.not_after,
        hosts: shown.hosts,
    })
}

fn api(client: &Client, settings: &Settings) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("cert-manager.io", "v1", "Certificate");
    let resource = ApiResource::from_gvk_with_plural(&kind, "certificates");
    Api::namespaced_with(client.clone(), &settings.gateway_namespace, &resource)
}

/// Sees to it that cert-manager is asked and the Gateway listens; how far each is.
async fn ask(
    context: &Context,
    gateway: &Value,
    hosts: &[Name],
    issuer: &str,
) -> Result<BTreeMap<Name, Issued>, Stop> {
    let settings = &context.settings;
    let Listeners { ours, left_out } = plan::listeners(gateway, hosts);
    let mut issued: BTreeMap<Name, Issued> =
        left_out.into_iter().map(|host| (host, Issued::LeftOut)).collect();
    let api = api(&context.client, settings);
    let labels =
        format!("{}={},{}={}", marks::INSTALL, settings.install, marks::SLICE, marks::SLICE_HOSTNAMES);
    let found = match api.list(&ListParams::default().labels(&labels)).await {
        Ok(found) => found.items,
        Err(error) if apply::error::is_status(&error, 404) => {
            let words =
                "cert-manager is not installed in this cluster: there is no kind Certificate".to_owned();
            issued.extend(ours.into_iter().map(|listener| (listener.host, Issued::Waits(words.clone()))));
            return Ok(issued);
        }
        Err(error) => return Err(error.into()),
    };
    let mut wanted = BTreeSet::new();
    for listener in &ours {
        wanted.insert(listener.name.as_str());
        let spec = plan::render_certificate(listener, issuer);
        let there = found.iter().find(|certificate| certificate.name_any() == listener.name);
        if !there.is_some_and(|there| plan::is_as_rendered(&there.data["spec"], &spec)) {
            let object = json!({
                "apiVersion": "cert-manager.io/v1",
                "kind": "Certificate",
                "metadata": {"name": listener.name, "labels": {
                    "app.kubernetes.io/managed-by": "outboard",
                    marks::INSTALL: settings.install,
                    marks::SLICE: marks::SLICE_HOSTNAMES,
                }},
                "spec": spec,
            });
            let params = PatchParams::apply(marks::MANAGER_HOSTNAMES).force();
            api.patch(&listener.name, &params, &Patch::Apply(&object)).await?;
        }
        issued.insert(listener.host.clone(), there.map_or_else(asked, |there| told(&there.data)));
    }
    // The listeners first: one without a certificate is broken, a certificate without one is only useless.
    let rendered = plan::render(gateway, &Listeners { ours: ours.clone(), left_out: vec![] });
    if !plan::stands(gateway, &rendered) {
        gateway::listen(&context.client, settings, &rendered).await?;
    }
    for certificate in found.iter().filter(|certificate| !wanted.contains(certificate.name_any().as_str())) {
        match api.delete(&certificate.name_any(), &DeleteParams::default()).await {
            Err(error) if !apply::error::is_status(&error, 404) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(issued)
}

fn asked() -> Issued {
    Issued::Waits("cert-manager was asked for it".to_owned())
}

/// What cert-manager says of a certificate.
fn told(certificate: &Value) -> Issued {
    let conditions = certificate.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    match ready {
        Some(ready) if ready["status"] == "True" => Issued::Done,
        Some(ready) => {
            let message = ready["message"].as_str().unwrap_or_default();
            Issued::Waits(format!("cert-manager: {message}"))
        }
        None => asked(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cert_manager_says_is_told_in_its_words() {
        let of = |status: &str, message: &str| {
            told(&json!({"status": {"conditions": [
                {"type": "Issuing", "status": "True"},
                {"type": "Ready", "status": status, "message": message},
            ]}}))
        };
        assert_eq!(of("True", "up to date"), Issued::Done);
        let words = "The certificate request has failed: rate limited";
        assert_eq!(of("False", words), Issued::Waits(format!("cert-manager: {words}")));
        assert!(matches!(told(&json!({})), Issued::Waits(_)));
    }
}
