//! Ports, and the names under which services find each other.

use api::problem::pointer;
use api::project::Port;
use serde_json::Value;

use super::super::draft::Need;
use super::super::note::Kind;
use super::super::quantity::word;
use super::Reader;
use super::service::Service;

/// More ports than this in one range are no list that somebody would write.
const RANGE: usize = 20;

pub fn ports(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    let Value::Array(list) = value else {
        service.wrong(at, "it is a list of ports");
        return;
    };
    for (index, item) in list.iter().enumerate() {
        let at = format!("{at}/{index}");
        match item {
            Value::Object(_) => long(service, item, &at),
            _ => match word(item) {
                Some(text) => short(service, &text, &at),
                None => service.wrong(&at, "it is a port such as \"8080:80\""),
            },
        }
    }
}

fn short(service: &mut Service<'_, '_>, text: &str, at: &str) {
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if protocol != "tcp" {
        udp(service, text, protocol, at);
        return;
    }
    let (rest, target) = text.rsplit_once(':').map_or((None, text), |(rest, target)| (Some(rest), target));
    // An address may stand in front, IPv6 in brackets.
    let host = rest.map(|rest| rest.rsplit(':').next().unwrap_or(rest));
    match (range(target), host.and_then(range)) {
        (Some(targets), hosts) if targets.len() <= RANGE => {
            let hosts = hosts.filter(|hosts| hosts.len() == targets.len());
            for (index, target) in targets.into_iter().enumerate() {
                let published = hosts.as_ref().map(|hosts| hosts[index]);
                service.part.published.push((target, published));
                service.part.port(target, None);
            }
        }
        (Some(_), _) => {
            service.left(at, "a range of so many ports", "name under `ports` those that are used");
        }
        (None, _) => service.wrong(at, format!("`{text}` is no port: it is written \"8080:80\"")),
    }
}

fn long(service: &mut Service<'_, '_>, item: &Value, at: &str) {
    let protocol = item.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
    let target = item.get("target").and_then(word);
    if protocol != "tcp" {
        udp(service, target.as_deref().unwrap_or_default(), protocol, at);
        return;
    }
    let Some(target) = target.as_deref().and_then(number) else {
        service.wrong(&pointer(at, "target"), "`target` is the port in the container");
        return;
    };
    if item.get("app_protocol").and_then(Value::as_str).is_some_and(|speaks| speaks.starts_with("http")) {
        service.part.http.push(target);
    }
    let published = item.get("published").and_then(word).as_deref().and_then(number);
    service.part.published.push((target, published));
    let name = item.get("name").and_then(word);
    service.part.port(target, name.as_deref());
}

fn udp(service: &mut Service<'_, '_>, port: &str, protocol: &str, at: &str) {
    service.left(at, format!("port {port} speaks {protocol}: outboard has TCP"), "");
}

pub fn expose(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    let Value::Array(list) = value else {
        service.wrong(at, "it is a list of ports");
        return;
    };
    for (index, item) in list.iter().enumerate() {
        let text = word(item).unwrap_or_default();
        match range(text.trim_end_matches("/tcp")) {
            Some(ports) if ports.len() <= RANGE => {
                for port in ports {
                    service.part.port(port, None);
                }
            }
            _ => service.left(&format!("{at}/{index}"), format!("`{text}` is no TCP port"), ""),
        }
    }
}

fn number(text: &str) -> Option<Port> {
    text.parse().ok().filter(|port| *port > 0)
}

fn range(text: &str) -> Option<Vec<Port>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then(|| (first..=last).collect())
}

pub fn networks(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    for (name, network) in value.as_object().into_iter().flatten() {
        let aliases = network.get("aliases").and_then(Value::as_array);
        service.part.hosts.extend(aliases.into_iter().flatten().filter_map(word));
        for key in ["ipv4_address", "ipv6_address"] {
            if network.get(key).is_some() {
                let at = pointer(&pointer(at, name), key);
                service.left(&at, "addresses are Kubernetes' to give", "reach it by its name");
            }
        }
    }
}

pub fn links(service: &mut Service<'_, '_>, value: &Value, at: &str) {
    for (index, link) in value.as_array().into_iter().flatten().enumerate() {
        let text = word(link).unwrap_or_default();
        let (host, alias) = text.split_once(':').unwrap_or((&text, &text));
        if alias != host {
            service.reader.aliases.push((host.to_owned(), alias.to_owned(), format!("{at}/{index}")));
        }
        service.part.needs.push(Need { host: host.to_owned(), done: false });
    }
}

/// In outboard everybody calls a component by one name.
pub fn aliases(reader: &mut Reader<'_>) {
    for (host, alias, at) in std::mem::take(&mut reader.aliases) {
        let taken = reader.draft.parts.iter().any(|part| part.hosts.contains(&alias));
        let Some(part) = reader.draft.parts.iter_mut().find(|part| part.hosts.contains(&host)) else {
            continue;
        };
        let name = part.name.clone();
        if taken {
            let message = format!("`{alias}` is `{host}` here, and something else for others");
            let instead = format!("write `{name}` where it is meant");
            reader.note(Kind::Todo, Some(&name), &at, message, &instead);
        } else {
            part.hosts.push(alias.clone());
            reader.note(
                Kind::Changed,
                Some(&name),
                &at,
                format!("`{alias}` is called `{name}` by everybody"),
                "",
            );
        }
    }
}
