//! Certificates of hosts: which listeners the Gateway is to have for them, and what is asked of cert-manager. The wildcard of
//! the domain has one for all environments, every named host one of its own.

use serde_json::{Value, json};

use super::Name;
use super::default_host::shortened;

/// So many listeners a Gateway may have.
const MOST: usize = 64;
/// By this our listeners are told from others' on the same Gateway.
const PREFIX: &str = "outboard.";
/// Of names of objects and listeners.
const LONGEST: usize = 253;
const PORT: u64 = 443;

/// A listener of the Gateway for one host; its certificate and that one's Secret are called the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    pub name: String,
    pub host: Name,
}

/// What a Gateway is to listen to for our hosts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listeners {
    pub ours: Vec<Listener>,
    /// For these there is no room left.
    pub left_out: Vec<Name>,
}

/// What the listener, the certificate and its Secret of a host are called. Below the domain there are no named hosts, so
/// none of them is called like the wildcard.
pub fn name_of(host: &Name) -> String {
    let host = host.as_str().replacen('*', "wildcard", 1);
    format!("{PREFIX}{}", shortened(&host, &[&host], LONGEST - PREFIX.len()))
}

/// The port on which a Gateway speaks TLS for a host: some of its listeners may be for others only.
pub fn https_port(gateway: &Value, host: &str) -> Option<u64> {
    let mut secure = listeners_of(gateway).filter(|listener| listener["protocol"] == "HTTPS");
    secure.find(|listener| tls::speaks_for(listener["hostname"].as_str(), host))?["port"].as_u64()
}

/// Hosts of wildcards that the Gateway listens for because of us: of a domain, too, that is another one by now. Nobody gave
/// that back.
pub fn wildcards(gateway: &Value) -> Vec<Name> {
    let ours = listeners_of(gateway).filter(|listener| is_ours(listener));
    let hosts = ours.filter_map(|listener| Name::host(listener["hostname"].as_str()?).ok());
    hosts.filter(Name::is_wildcard).collect()
}

fn listeners_of(gateway: &Value) -> impl Iterator<Item = &Value> {
    gateway.pointer("/spec/listeners").and_then(Value::as_array).into_iter().flatten()
}

/// Whether a certificate so called is of a wildcard.
pub fn is_of_wildcard(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|host| host.starts_with("wildcard."))
}

fn is_ours(listener: &Value) -> bool {
    listener["name"].as_str().is_some_and(|name| name.starts_with(PREFIX))
}

/// Whether the Gateway listens for the host already, because of us.
pub fn has(gateway: &Value, host: &Name) -> bool {
    let name = name_of(host);
    listeners_of(gateway).any(|listener| listener["name"] == name.as_str())
}

/// What the Gateway is to listen to for `hosts`, the most important first. Whoever is served stays so when room gets scarce.
/// Where somebody listens for that very host with TLS already, the certificate is that person's affair.
pub fn listeners(gateway: &Value, hosts: &[Name]) -> Listeners {
    let others = || listeners_of(gateway).filter(|listener| !is_ours(listener));
    let is_theirs = |host: &Name| {
        others().any(|other| other["protocol"] == "HTTPS" && other["hostname"] == host.as_str())
    };
    let (served, new): (Vec<&Name>, Vec<&Name>) =
        hosts.iter().filter(|host| !is_theirs(host)).partition(|host| has(gateway, host));
    let room = MOST.saturating_sub(others().count());
    let mut found = Listeners::default();
    for host in served.into_iter().chain(new) {
        if found.ours.len() < room {
            found.ours.push(Listener { name: name_of(host), host: host.clone() });
        } else {
            found.left_out.push(host.clone());
        }
    }
    // So that the same hosts are the same request.
    found.ours.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Our listeners, as they are applied to the Gateway.
pub fn render(gateway: &Value, listeners: &Listeners) -> Value {
    // That of others; on two ports visitors would have to know which.
    let mut others = listeners_of(gateway).filter(|listener| !is_ours(listener));
    let port = others.find(|listener| listener["protocol"] == "HTTPS");
    let port = port.and_then(|listener| listener["port"].as_u64()).unwrap_or(PORT);
    let one = |listener: &Listener| {
        json!({
            "name": listener.name,
            "hostname": listener.host.as_str(),
            "port": port,
            "protocol": "HTTPS",
            "allowedRoutes": {"namespaces": {"from": "All"}},
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": listener.name}]},
        })
    };
    listeners.ours.iter().map(one).collect()
}

/// Whether the Gateway has the rendered listeners, and no others of ours.
pub fn stands(gateway: &Value, rendered: &Value) -> bool {
    let wanted = rendered.as_array().map(Vec::as_slice).unwrap_or_default();
    let same = |one: &Value, other: &Value| {
        let fields = ["name", "hostname", "port", "protocol", "allowedRoutes"];
        let secret = "/tls/certificateRefs/0/name";
        fields.iter().all(|field| one[field] == other[field])
            && (one.pointer(secret), &one["tls"]["mode"]) == (other.pointer(secret), &other["tls"]["mode"])
    };
    let ours: Vec<&Value> = listeners_of(gateway).filter(|listener| is_ours(listener)).collect();
    ours.len() == wanted.len() && wanted.iter().all(|wanted| ours.iter().any(|found| same(found, wanted)))
}

/// What is asked of cert-manager for a listener.
pub fn render_certificate(listener: &Listener, issuer: &str) -> Value {
    json!({
        "secretName": listener.name,
        "dnsNames": [listener.host.as_str()],
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
        // A key that has leaked is of no use for longer than its certificate.
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
    })
}

/// Whether a certificate that is there asks for what is rendered.
pub fn is_as_rendered(spec: &Value, rendered: &Value) -> bool {
    let fields = rendered.as_object().into_iter().flatten();
    fields.into_iter().all(|(field, wanted)| spec[field] == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::host(name).unwrap()).collect()
    }

    fn gateway(listeners: &Value) -> Value {
        json!({"spec": {"listeners": listeners}})
    }

    fn other(index: usize) -> Value {
        json!({"name": format!("other-{index}"), "port": 80, "protocol": "HTTP"})
    }

    #[test]
    fn the_wildcard_and_every_named_host_have_a_listener_and_a_certificate() {
        let plain = gateway(&json!([other(0), {"name": "tls", "port": 8443, "protocol": "HTTPS"}]));
        let wanted = listeners(&plain, &hosts(&["*.apps.example.com", "www.example.com"]));
        let rendered = render(&plain, &wanted);
        let certificates: Vec<Value> =
            wanted.ours.iter().map(|listener| render_certificate(listener, "letsencrypt")).collect();
        insta::assert_yaml_snapshot!((&rendered, certificates));
        assert!(!stands(&plain, &rendered));
        let all: Vec<Value> = listeners_of(&plain).chain(rendered.as_array().unwrap()).cloned().collect();
        let served = gateway(&json!(all));
        assert!(stands(&served, &rendered));
        assert_eq!(listeners(&served, &hosts(&["*.apps.example.com", "www.example.com"])), wanted);
        // One of them was released.
        let fewer = render(&served, &listeners(&served, &hosts(&["*.apps.example.com"])));
        assert!(!stands(&served, &fewer));
    }

    #[test]
    fn who_is_served_stays_so_when_room_gets_scarce_and_the_others_are_told() {
        let mut all: Vec<Value> = (0..62).map(other).collect();
        all.push(json!({"name": name_of(&hosts(&["z.example.com"])[0]), "protocol": "HTTPS"}));
        let found =
            listeners(&gateway(&json!(all)), &hosts(&["a.example.com", "b.example.com", "z.example.com"]));
        let ours: Vec<&str> = found.ours.iter().map(|listener| listener.host.as_str()).collect();
        assert_eq!(ours, ["a.example.com", "z.example.com"]);
        assert_eq!(found.left_out, hosts(&["b.example.com"]));
    }

    #[test]
    fn a_host_that_somebody_listens_for_with_tls_is_left_to_them() {
        let theirs = json!({"name": "www", "hostname": "www.example.com", "port": 443, "protocol": "HTTPS"});
        let found = listeners(&gateway(&json!([theirs])), &hosts(&["www.example.com", "a.example.com"]));
        assert_eq!(found.ours.len(), 1);
        assert!(found.left_out.is_empty());
    }

    #[test]
    fn tls_is_spoken_for_a_host_where_a_listener_is_for_it() {
        let gateway = gateway(&json!([
            {"name": "admin", "hostname": "admin.example.com", "port": 444, "protocol": "HTTPS"},
            {"name": "apps", "hostname": "*.apps.example.com", "port": 443, "protocol": "HTTPS"},
        ]));
        assert_eq!(https_port(&gateway, "admin.example.com"), Some(444));
        assert_eq!(https_port(&gateway, "web-qa-shop.apps.example.com"), Some(443));
        assert_eq!(https_port(&gateway, "www.example.com"), None);
        assert_eq!(https_port(&gateway, "apps.example.com"), None);
    }

    #[test]
    fn a_wildcard_of_ours_is_known_again_when_the_domain_is_another_one() {
        let old = json!({"name": "outboard.wildcard.old.example.com", "hostname": "*.old.example.com"});
        let gateway = gateway(&json!([old, {"name": "theirs", "hostname": "*.theirs.example.com"}]));
        assert_eq!(wildcards(&gateway), hosts(&["*.old.example.com"]));
        assert!(
            is_of_wildcard("outboard.wildcard.old.example.com")
                && !is_of_wildcard("outboard.www.example.com")
        );
    }

    #[test]
    fn names_of_objects_are_never_too_long_and_tell_hosts_apart() {
        let long = |last: &str| {
            let label = "a".repeat(63);
            Name::host(&format!("{label}.{label}.{label}.{}.{last}", "b".repeat(50))).unwrap()
        };
        let (one, other) = (name_of(&long("com")), name_of(&long("net")));
        assert!(one.len() <= LONGEST && one != other, "{one}");
        assert_eq!(name_of(&hosts(&["*.example.com"])[0]), "outboard.wildcard.example.com");
    }
}
