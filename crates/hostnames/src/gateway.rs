//! Where the cluster's Gateway is reached from outside: its own status says so.

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::Value;

use crate::plan::{Name, Target, canonical_zone};
use crate::settings::Settings;

/// Of records that are not a load balancer's own.
const TTL: u32 = 60;

/// Where hosts lead to; an error: why that is not known.
pub async fn target(client: &Client, settings: &Settings) -> Result<Result<Target, String>, kube::Error> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway");
    let resource = ApiResource::from_gvk_with_plural(&kind, "gateways");
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &settings.gateway_namespace, &resource);
    let called = format!("Gateway {} in namespace {}", settings.gateway_name, settings.gateway_namespace);
    Ok(match api.get_opt(&settings.gateway_name).await? {
        None => Err(format!("there is no {called}")),
        Some(gateway) => read(&gateway.data).ok_or_else(|| format!("{called} has no address yet")),
    })
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
    use serde_json::json;

    use super::*;

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
