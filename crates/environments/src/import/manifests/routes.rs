//! Services that lead nowhere, and what leads from the world to components: Ingress and HTTPRoute.

use std::collections::BTreeMap;

use api::project::Route;
use serde_json::Value;

use super::super::names;
use super::super::note::Kind;
use super::Reader;
use super::object::{Object, items, text};

/// A Service that is no component's.
pub fn service(reader: &mut Reader, service: &Object) {
    let place = service.place("");
    if service.text("/spec/type") == Some("ExternalName") {
        let message = format!("Service {}: a name for something outside", service.name());
        reader.draft.note(Kind::Left, None, &place, message, "write the address itself where it is used");
    } else if service.get("/spec/selector").is_none() {
        let message = format!("Service {}: it selects no pods", service.name());
        reader.draft.note(Kind::Left, None, &place, message, "write the address itself where it is used");
    }
}

pub fn all(reader: &mut Reader) {
    let (mut hosts, mut routes) = (BTreeMap::new(), Vec::new());
    for object in reader.objects.clone() {
        match object.kind() {
            "Ingress" => ingress(reader, &object, &mut hosts, &mut routes),
            "HTTPRoute" => http_route(reader, &object, &mut hosts, &mut routes),
            _ => {}
        }
    }
    reader.draft.routed = !routes.is_empty();
    reader.draft.routes = routes;
}

/// Label of a route's hostname by the host as it was.
type Hosts = BTreeMap<String, String>;

fn ingress(reader: &mut Reader, object: &Object, hosts: &mut Hosts, routes: &mut Vec<Route>) {
    if let Some(annotations) = object.get("/metadata/annotations").and_then(Value::as_object) {
        let own =
            |key: &&String| !key.starts_with("kubectl.kubernetes.io/") && !key.starts_with("meta.helm.sh/");
        let keys: Vec<&str> = annotations.keys().filter(own).map(String::as_str).collect();
        if !keys.is_empty() {
            let message =
                format!("Ingress {}: what {} ask of its controller", object.name(), keys.join(", "));
            reader.draft.note(
                Kind::Left,
                None,
                &object.place("/metadata/annotations"),
                message,
                "the gateway is set up for all environments at once",
            );
        }
    }
    if object.get("/spec/tls").is_some() {
        let message = format!("Ingress {}: the gateway has the certificates", object.name());
        reader.draft.note(Kind::Left, None, &object.place("/spec/tls"), message, "");
    }
    let rules = object.get("/spec/rules").cloned();
    for (rule, at) in items(rules.as_ref(), "/spec/rules") {
        let host = text(rule, "host").unwrap_or_default();
        for (path, at) in items(rule.pointer("/http/paths"), &format!("{at}/http/paths")) {
            let service = path.pointer("/backend/service");
            let name = service.and_then(|service| text(service, "name"));
            let port =
                service.and_then(|service| service.pointer("/port/number").or(service.pointer("/port/name")));
            let exact = text(path, "pathType") == Some("Exact");
            add(
                reader,
                object,
                &at,
                hosts,
                routes,
                Target { host, path: text(path, "path"), name, port, exact },
            );
        }
    }
    if let Some(service) = object.get("/spec/defaultBackend/service") {
        let port = service.pointer("/port/number").cloned();
        let target =
            Target { host: "", path: None, name: text(service, "name"), port: port.as_ref(), exact: false };
        add(reader, object, "/spec/defaultBackend", hosts, routes, target);
    }
}

fn http_route(reader: &mut Reader, object: &Object, hosts: &mut Hosts, routes: &mut Vec<Route>) {
    let named = object.get("/spec/hostnames").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut named: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
    if named.is_empty() {
        named.push("");
    }
    let rules = object.get("/spec/rules").cloned();
    for (rule, at) in items(rules.as_ref(), "/spec/rules") {
        if rule.get("filters").is_some() {
            let message = format!(
                "HTTPRoute {}: filters change requests, and outboard passes them on as they are",
                object.name()
            );
            reader.draft.note(
                Kind::Left,
                None,
                &object.place(&format!("{at}/filters")),
                message,
                "let the component do it",
            );
        }
        let backends = items(rule.get("backendRefs"), &format!("{at}/backendRefs"));
        if backends.len() > 1 {
            let message =
                format!("HTTPRoute {}: it shares requests among several; the first gets all", object.name());
            reader.draft.note(Kind::Todo, None, &object.place(&format!("{at}/backendRefs")), message, "");
        }
        let Some((backend, _)) = backends.first() else { continue };
        let matches = items(rule.get("matches"), &format!("{at}/matches"));
        let paths: Vec<(Option<&str>, bool, String)> = if matches.is_empty() {
            vec![(None, false, at.clone())]
        } else {
            matches
                .iter()
                .map(|(one, at)| {
                    let kind = one.pointer("/path/type").and_then(Value::as_str);
                    let more = one.as_object().is_some_and(|one| one.keys().any(|key| key != "path"));
                    (
                        one.pointer("/path/value").and_then(Value::as_str),
                        more || kind.is_some_and(|kind| kind != "PathPrefix"),
                        at.clone(),
                    )
                })
                .collect()
        };
        for host in &named {
            for (path, exact, at) in &paths {
                let target = Target {
                    host,
                    path: *path,
                    name: text(backend, "name"),
                    port: backend.get("port"),
                    exact: *exact,
                };
                add(reader, object, at, hosts, routes, target);
            }
        }
    }
}

/// Where one path of one host leads.
#[derive(Clone, Copy)]
struct Target<'a> {
    host: &'a str,
    path: Option<&'a str>,
    /// Of the Service.
    name: Option<&'a str>,
    port: Option<&'a Value>,
    exact: bool,
}

fn add(
    reader: &mut Reader,
    object: &Object,
    at: &str,
    hosts: &mut Hosts,
    routes: &mut Vec<Route>,
    target: Target<'_>,
) {
    let place = object.place(at);
    let kind = format!("{} {}", object.kind(), object.name());
    let service = target.name.unwrap_or_default();
    let Some(index) =
        reader.draft.parts.iter().position(|part| part.hosts.iter().any(|host| host == service))
    else {
        let message = format!("{kind}: Service `{service}` is not here");
        reader.draft.note(Kind::Left, None, &place, message, "");
        return;
    };
    let part = &mut reader.draft.parts[index];
    let number = match target.port {
        Some(Value::String(name)) => part.component.ports.get(&names::port(name)).copied(),
        Some(number) => number.as_u64().and_then(|port| u16::try_from(port).ok()),
        None => None,
    };
    let number = number.map(|port| part.forwards.get(&port).copied().unwrap_or(port));
    let number = number.filter(|port| *port > 0).or_else(|| part.component.ports.values().next().copied());
    let Some(number) = number else {
        let name = part.name.clone();
        reader.draft.note(
            Kind::Todo,
            Some(&name),
            &place,
            format!("{kind} leads here, and it has no port"),
            "give it one, and a line under `routes`",
        );
        return;
    };
    let port = part.port(number, None);
    let to = part.name.clone();
    let label = match hosts.get(target.host) {
        Some(label) => label.clone(),
        None => {
            let first = target.host.split('.').find(|label| !matches!(*label, "" | "*" | "www"));
            let wanted = names::route(first.unwrap_or(&to));
            let taken = |name: &str| hosts.values().any(|label| label == name);
            let label = names::free(&wanted, api::names::RouteName::MAX, taken);
            hosts.insert(target.host.to_owned(), label.clone());
            if !target.host.is_empty() {
                let message = format!(
                    "`{}` is `{label}` here, and each environment has a hostname of its own",
                    target.host
                );
                reader.draft.note(
                    Kind::Changed,
                    None,
                    &place,
                    message,
                    &format!("`${{url.{label}}}` is its URL, for values"),
                );
            }
            label
        }
    };
    let path = target
        .path
        .filter(|path| *path != "/" && path.starts_with('/') && !path.contains(char::is_whitespace));
    if target.exact {
        let message =
            format!("{kind}: it matched more exactly; here all below `{}` goes there", path.unwrap_or("/"));
        reader.draft.note(Kind::Todo, Some(&to), &place, message, "");
    }
    let path = path.map(|path| path.split(['(', '*', '^', '$']).next().unwrap_or(path).to_owned());
    let path = path
        .map(|path| if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path })
        .filter(|path| path != "/" && !path.is_empty());
    if routes.iter().any(|route| route.host == label && route.path == path) {
        let message = format!("{kind}: this host and path lead somewhere already");
        reader.draft.note(Kind::Left, Some(&to), &place, message, "");
        return;
    }
    routes.push(Route { host: label, path, to, port: Some(port), ..Route::default() });
}
