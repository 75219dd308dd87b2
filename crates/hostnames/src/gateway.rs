//! The cluster's Gateway: where it is reached from outside, as its own status says, and what it listens to.

use api::marks;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::plan::certificates::https_port;
use crate::plan::{Name, Target, canonical_zone};
use crate::settings::Settings;

/// Of records that are not a load balancer's own.
const TTL: u32 = 60;

fn api(client: &Client, settings: &Settings) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
    let resource = ApiResource::from_gvk_with_plural(&kind, "gateways");
    Api::namespaced_with(client.clone(), &settings.gateway_namespace, &resource)
}

/// The Gateway at this moment, if there is one.
pub(crate) async fn get(client: &Client, settings: &Settings) -> Result<Option<Value>, kube::Error> {
    Ok(api(client, settings).get_opt(&settings.gateway_name).await?.map(|gateway| gateway.data))
}

/// Gives it these listeners, and takes away those that it had of us before.
pub(crate) async fn listen(
    client: &Client,
    settings: &Settings,
    listeners: &Value,
) -> Result<(), kube::Error> {
    let patch = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": settings.gateway_name},
        "spec": {"listeners": listeners},
    });
    let params = PatchParams::apply(marks::MANAGER_HOSTNAMES).force();
    api(client, settings).patch(&settings.gateway_name, &params, &Patch::Apply(&patch)).await?;
    Ok(())
}

/// Where hosts lead to; an error: why that is not known.
pub async fn target(client: &Client, settings: &Settings) -> Result<Result<Target, String>, kube::Error> {
    Ok(reached(get(client, settings).await?.as_ref(), settings))
}

pub(crate) fn reached(gateway: Option<&Value>, settings: &Settings) -> Result<Target, String> {
    let called = format!("Gateway {} in namespace {}", settings.gateway_name, settings.gateway_namespace);
    let Some(gateway) = gateway else { return Err(format!("there is no {called}")) };
    read(gateway).ok_or_else(|| format!("{called} has no address yet"))
}

/// Where it speaks TLS for a host, as visitors inside the cluster reach it; none: it doesn't, or has no address yet.
pub(crate) fn door(gateway: &Value, host: &Name) -> Option<String> {
    let address = gateway.pointer("/status/addresses/0/value")?.as_str()?;
    let port = https_port(gateway, host.as_str())?;
    Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
}

/// A load balancer's hostname before plain addresses: those may change.
fn read(gateway: &Value) -> Option<Target> {
    let addresses = gateway.pointer("/status/addresses")?.as_array()?;
    let values = || addresses.iter().filter_map(|address| address["value"].as_str());
    let named = values().filter(|value| value.parse::<std::net::IpAddr>().is_err());
    if let Some(name) = named.filter_map(|value| Name::host(value).ok()).next() {
        return Some(match canonical_zone(&name) {
            Some(_) => Target::LoadBalancer {
                dual_stack: name.as_str().starts_with("dualstack."),
                hostname: name,
                zone: None,
                evaluate_health: true,
            },
            None => Target::Hostname { name, ttl: TTL },
        });
    }
    let v4: std::collections::BTreeSet<_> = values().filter_map(|value| value.parse().ok()).collect();
    let v6: std::collections::BTreeSet<_> = values().filter_map(|value| value.parse().ok()).collect();
    (!v4.is_empty() || !v6.is_empty()).then_some(Target::Addresses { v4, v6, ttl: TTL })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_asked_for_where_the_gateway_speaks_it() {
        let of = |protocol: &str, address: &str| {
            let gateway = json!({
                "spec": {"listeners": [{"protocol": "HTTP", "port": 80}, {"protocol": protocol, "port": 8443}]},
                "status": {"addresses": [{"value": address}]},
            });
            door(&gateway, &Name::host("www.example.com").unwrap())
        };
        assert_eq!(of("HTTPS", "192.0.2.1").as_deref(), Some("192.0.2.1:8443"));
        assert_eq!(of("HTTPS", "2001:db8::1").as_deref(), Some("[2001:db8::1]:8443"));
        assert_eq!(of("HTTP", "192.0.2.1"), None);
    }

    #[test]
    fn a_gateway_is_a_load_balancer_a_name_or_addresses() {
        let of = |values: &[&str]| {
            let addresses: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
            read(&json!({"status": {"addresses": addresses}}))
        };
        let elb = of(&["web-1.elb.eu-west-1.amazonaws.com"]);
        assert!(matches!(elb, Some(Target::LoadBalancer { evaluate_health: true, .. })), "{elb:?}");
        assert!(matches!(of(&["lb.example.net"]), Some(Target::Hostname { ttl: 60, .. })));
        let both = of(&["192.0.2.1", "2001:db8::1"]);
        assert!(matches!(&both, Some(Target::Addresses { v4, v6, .. }) if v4.len() == 1 && v6.len() == 1));
        assert_eq!(of(&[]), None);
    }
}
