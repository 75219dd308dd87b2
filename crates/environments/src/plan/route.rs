//! Routes: one HTTPRoute per host with its aliases, attached to the cluster's Gateway.

use std::collections::{BTreeMap, BTreeSet};

use api::Role;
use api::project::Route;
use api::revision::{Part, RouteProbe};
use serde_json::{Value, json};

use super::render::{self, Place};

pub fn parts(place: &Place<'_>) -> Vec<Part> {
    let mut hosts: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in &place.spec().routes {
        hosts.entry(&route.host).or_default().push(route);
    }
    hosts.into_iter().map(|(host, routes)| part(place, host, &routes)).collect()
}

fn part(place: &Place<'_>, host: &str, routes: &[&Route]) -> Part {
    let mut hostnames = vec![place.hostname(host)];
    hostnames.extend(aliases(routes).into_iter().map(|alias| place.hostname(alias)));
    let rules: Vec<Value> = routes.iter().map(|route| rule(place, route)).collect();
    let object = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": host, "namespace": place.namespace, "labels": place.labels(host)},
        "spec": {
            "parentRefs": [{
                "group": "gateway.networking.k8s.io", "kind": "Gateway",
                "name": place.settings.gateway_name, "namespace": place.settings.gateway_namespace,
            }],
            "hostnames": hostnames,
            "rules": rules,
        },
    });
    Part { probe: Some(probe(place, host, routes)), ..render::part(host, Role::Route, vec![object]) }
}

/// Every alias of one host, whichever of its paths names it.
fn aliases<'a>(routes: &[&'a Route]) -> BTreeSet<&'a str> {
    routes.iter().flat_map(|route| &route.aliases).map(String::as_str).collect()
}

fn rule(place: &Place<'_>, route: &Route) -> Value {
    let mut rule = json!({
        "matches": [{"path": {"type": "PathPrefix", "value": path(route)}}],
        "backendRefs": [{"group": "", "kind": "Service", "name": route.to, "port": port(place, route), "weight": 1}],
    });
    if let Some(timeout) = &route.timeout {
        rule["timeouts"] = json!({"request": timeout});
    }
    rule
}

fn path(route: &Route) -> &str {
    route.path.as_deref().unwrap_or("/")
}

fn port(place: &Place<'_>, route: &Route) -> u16 {
    let ports = place.spec().components.get(&route.to).map(|component| &component.ports);
    let port = ports.and_then(|ports| match &route.port {
        Some(name) => ports.get(name),
        None => ports.values().next(),
    });
    port.copied().unwrap_or(80)
}

/// The component's own health path where the route leads there, else the route's path.
fn probe(place: &Place<'_>, host: &str, routes: &[&Route]) -> RouteProbe {
    let hostname = place.hostname(host);
    let healthy = routes.iter().find_map(|route| {
        let component = place.spec().components.get(&route.to)?;
        let ready = component.health.as_ref()?.ready.as_ref()?;
        let asked = ready.http.as_ref()?;
        let port = |named: &Option<String>| named.clone().or_else(|| component.ports.keys().next().cloned());
        let path = path(route);
        let below = path == "/" || asked == path || asked.starts_with(&format!("{path}/"));
        (below && port(&ready.port) == port(&route.port)).then(|| asked.clone())
    });
    match healthy {
        Some(path) => RouteProbe { host: hostname, path, strict: true },
        None => {
            let path = routes.first().map_or("/", |route| path(route)).to_owned();
            RouteProbe { host: hostname, path, strict: false }
        }
    }
}
