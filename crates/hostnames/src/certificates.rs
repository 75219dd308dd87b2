//! Certificates of the hosts that are kept here: asked of cert-manager where the installation names an issuer, and looked at as
//! visitors see them, whoever issued them.

use std::collections::{BTreeMap, BTreeSet};

use api::marks;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tracing::warn;

use crate::Settings;
use crate::context::Context;
use crate::gateway;
use crate::plan::certificates::{self as plan, Listener, Listeners};
use crate::plan::{Certificate, Issued, Name, Shown, certificate};

/// A good one is looked at again after this long; a bad one soon, and then later and later.
const GOOD: SignedDuration = SignedDuration::from_mins(10);
const SOON: SignedDuration = SignedDuration::from_secs(3);
const BAD: SignedDuration = SignedDuration::from_mins(1);
/// Hosts that are looked at at the same time.
const AT_ONCE: usize = 32;
/// A name below a wildcard, to be shown its certificate.
const BELOW: &str = "outboard-tls-check";

/// What is known of a host's certificate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Sight {
    /// TLS is not spoken for it here: there is nothing to say.
    #[default]
    None,
    /// It has not been looked at.
    Unknown,
    Seen(Certificate),
}

impl Sight {
    /// What keeps visitors away, of several.
    pub fn worst(all: Vec<Self>) -> Self {
        let rank = |sight: &Self| match sight {
            Self::Seen(found) if !found.ready => 0,
            Self::Unknown => 1,
            Self::Seen(_) => 2,
            Self::None => 3,
        };
        all.into_iter().min_by_key(rank).unwrap_or_default()
    }
}

/// What is known of every host's certificate.
#[derive(Default)]
pub struct Certificates {
    known: BTreeMap<Name, Known>,
    /// Nobody could look: what is not known may still be there.
    blind: bool,
}

struct Known {
    told: Certificate,
    issued: Issued,
    again: Timestamp,
    /// How often in a row it was bad for the same reason.
    times: u32,
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
    ) {
        self.blind = context.settings.https && gateway.is_none();
        let Some(gateway) = gateway.filter(|_| context.settings.https) else {
            self.known.retain(|_, _| self.blind);
            return;
        };
        let issued = match &context.settings.issuer {
            Some(issuer) => ask(context, gateway, hosts, stay, issuer).await,
            None => BTreeMap::new(),
        };
        self.known.retain(|host, _| hosts.contains(host));
        let mut due = vec![];
        for host in hosts {
            let issued = issued.get(host).cloned().unwrap_or_default();
            match gateway::door(gateway, host) {
                Some(door) => due.push((host.clone(), door, issued)),
                // A load balancer ends TLS before it.
                None if issued == Issued::NotAsked => drop(self.known.remove(host)),
                None => {
                    let words = "the Gateway does not listen for it yet".to_owned();
                    self.remember(host.clone(), &Err(words), issued, now);
                }
            }
        }
        due.retain(|(host, _, issued)| {
            let known = self.known.get(host);
            known.is_none_or(|known| known.again <= now || known.issued != *issued)
        });
        let looks = stream::iter(due).map(async |(host, door, issued)| {
            let shown = look(&door, &host).await;
            (host, shown, issued)
        });
        let looks: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
        for (host, shown, issued) in looks {
            self.remember(host, &shown, issued, now);
        }
    }

    fn remember(&mut self, host: Name, shown: &Result<Shown, String>, issued: Issued, now: Timestamp) {
        let told = certificate(&host, shown, &issued, now);
        let before = self.known.get(&host).filter(|known| !told.ready && known.told.reason == told.reason);
        let times = before.filter(|known| known.issued == issued).map_or(0, |known| known.times + 1);
        let wait = match told.ready {
            true => GOOD,
            false => SOON.checked_mul(1 << times.min(8)).unwrap_or(BAD).min(BAD),
        };
        let again = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        self.known.insert(host, Known { told, issued, again, times });
    }

    /// Nobody can look at this moment.
    pub fn blind(&mut self, https: bool) {
        self.blind = https;
    }

    pub fn of(&self, host: &Name) -> Sight {
        match self.known.get(host) {
            Some(known) => Sight::Seen(known.told.clone()),
            None if self.blind => Sight::Unknown,
            None => Sight::None,
        }
    }

    /// When one is to be looked at again.
    pub fn due(&self) -> Option<Timestamp> {
        self.known.values().map(|known| known.again).min()
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

/// Sees to it that cert-manager is asked and the Gateway listens; how far each is. One that is refused keeps no other from it.
async fn ask(
    context: &Context,
    gateway: &Value,
    hosts: &[Name],
    stay: &[Name],
    issuer: &str,
) -> BTreeMap<Name, Issued> {
    let settings = &context.settings;
    let api = api(&context.client, settings);
    let labels =
        format!("{}={},{}={}", marks::INSTALL, settings.install, marks::SLICE, marks::SLICE_HOSTNAMES);
    let found = match api.list(&ListParams::default().labels(&labels)).await {
        Ok(found) => found.items,
        Err(error) => {
            let words = match apply::error::is_status(&error, 404) {
                true => {
                    "cert-manager is not installed in this cluster: there is no kind Certificate".to_owned()
                }
                false => format!("Certificates cannot be listed: {error}"),
            };
            return hosts.iter().map(|host| (host.clone(), Issued::Waits(words.clone()))).collect();
        }
    };
    let is_there = |name: &str| found.iter().any(|certificate| certificate.name_any() == name);
    let wildcards = plan::wildcards(gateway);
    let kept = stay
        .iter()
        .filter(|host| plan::has(gateway, host) || is_there(&plan::name_of(host)))
        .chain(&wildcards);
    let mut all: Vec<Name> = hosts.to_vec();
    for host in kept {
        // Two may want the same one.
        if !all.contains(host) {
            all.push(host.clone());
        }
    }
    let Listeners { ours, left_out } = plan::listeners(gateway, &all);
    let mut issued: BTreeMap<Name, Issued> =
        left_out.into_iter().map(|host| (host, Issued::LeftOut)).collect();
    let mut listening = vec![];
    for listener in ours {
        let spec = plan::render_certificate(&listener, issuer);
        let there = found.iter().find(|certificate| certificate.name_any() == listener.name);
        let as_rendered = there.is_some_and(|there| plan::is_as_rendered(&there.data["spec"], &spec));
        let refused = match as_rendered {
            true => None,
            false => write(&api, settings, &listener, &spec, there.is_some()).await.err(),
        };
        let told = match (refused, there) {
            (Some(words), there) => {
                issued.insert(listener.host.clone(), Issued::Waits(words));
                if there.is_some() {
                    listening.push(listener);
                }
                continue;
            }
            (None, Some(there)) => told(&there.data),
            (None, None) => asked(),
        };
        issued.insert(listener.host.clone(), told);
        listening.push(listener);
    }
    let wanted: BTreeSet<String> = listening.iter().map(|listener| listener.name.clone()).collect();
    // The listeners first: one without a certificate is broken, a certificate without one is only useless.
    let rendered = plan::render(gateway, &Listeners { ours: listening, left_out: vec![] });
    if !plan::stands(gateway, &rendered)
        && let Err(error) = gateway::listen(&context.client, settings, &rendered).await
    {
        warn!("the Gateway cannot be given its listeners, trying again: {error}");
        let words = format!("the Gateway cannot be given a listener for it: {error}");
        for (host, state) in &mut issued {
            if !plan::has(gateway, host) {
                *state = Issued::Waits(words.clone());
            }
        }
        return issued;
    }
    // A wildcard that nobody wants is of another domain: nobody gave it back.
    let gone = |name: &String| !wanted.contains(name) && !plan::is_of_wildcard(name);
    for name in found.iter().map(ResourceExt::name_any).filter(gone) {
        match api.delete(&name, &DeleteParams::default()).await {
            Err(error) if !apply::error::is_status(&error, 404) => {
                warn!("Certificate {name} cannot be deleted, trying again: {error}");
            }
            _ => {}
        }
    }
    issued
}

/// Makes a certificate, or makes ours as it should be. An error: why it is not so.
async fn write(
    api: &Api<DynamicObject>,
    settings: &Settings,
    Listener { name, .. }: &Listener,
    spec: &Value,
    is_ours: bool,
) -> Result<(), String> {
    let object = json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "labels": {
            "app.kubernetes.io/managed-by": "outboard",
            marks::INSTALL: settings.install,
            marks::SLICE: marks::SLICE_HOSTNAMES,
        }},
        "spec": spec,
    });
    let done = if is_ours {
        let params = PatchParams::apply(marks::MANAGER_HOSTNAMES).force();
        api.patch(name, &params, &Patch::Apply(&object)).await.map(drop)
    } else {
        let params =
            PostParams { field_manager: Some(marks::MANAGER_HOSTNAMES.to_owned()), ..PostParams::default() };
        let object = serde_json::from_value(object).map_err(|error| error.to_string())?;
        api.create(&params, &object).await.map(drop)
    };
    done.map_err(|error| match apply::error::is_status(&error, 409) && !is_ours {
        true => format!(
            "Certificate {name} in namespace {} is not outboard's: rename it",
            settings.gateway_namespace
        ),
        false => format!("Certificate {name} cannot be written: {error}"),
    })
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
    fn a_bad_one_is_looked_at_later_and_later_and_soon_again_when_something_changes() {
        let (host, now) = (Name::host("www.example.com").unwrap(), Timestamp::UNIX_EPOCH);
        let mut all = Certificates::default();
        let mut waited = |issued: Issued| {
            all.remember(host.clone(), &Err("refused".into()), issued, now);
            all.known[&host].again.duration_since(now).as_secs()
        };
        let waits = |words: &str| Issued::Waits(words.to_owned());
        let same: Vec<i64> = (0..6).map(|_| waited(waits("rate limited"))).collect();
        assert_eq!(same, [3, 6, 12, 24, 48, 60]);
        assert_eq!(waited(Issued::Done), 3);
    }

    #[test]
    fn of_several_the_one_that_keeps_visitors_away_is_told() {
        let seen =
            |ready| Sight::Seen(Certificate { ready, reason: "", message: String::new(), not_after: None });
        assert_eq!(Sight::worst(vec![seen(true), seen(false), Sight::None]), seen(false));
        assert_eq!(Sight::worst(vec![seen(true), Sight::Unknown]), Sight::Unknown);
        assert_eq!(Sight::worst(vec![seen(true), Sight::None]), seen(true));
        assert_eq!(Sight::worst(vec![]), Sight::None);
    }

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
