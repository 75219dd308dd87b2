//! XML as Route 53 speaks it: requests read strictly, answers written.

use super::{Alias, Change, Listed, Refusal, Set, Zone, refusal};

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

fn document(root: &str, inner: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<{root} xmlns=\"{NAMESPACE}\">{inner}</{root}>")
}

pub fn error(refusal: &Refusal) -> String {
    let inner = format!(
        "<Error><Type>Sender</Type>{}{}</Error><RequestId>1</RequestId>",
        element("Code", refusal.code),
        element("Message", &refusal.message)
    );
    document("ErrorResponse", &inner)
}

fn zone(id: &str, zone: &Zone) -> String {
    format!(
        "<HostedZone>{}{}<CallerReference>r</CallerReference><Config><PrivateZone>{}</PrivateZone></Config>\
         <ResourceRecordSetCount>{}</ResourceRecordSetCount></HostedZone>",
        element("Id", &format!("/hostedzone/{id}")),
        element("Name", &zone.name),
        zone.private,
        zone.sets.len()
    )
}

pub fn got_zone(id: &str, found: &Zone) -> String {
    document("GetHostedZoneResponse", &zone(id, found))
}

pub fn zones(found: &[(String, Zone)], next: Option<&(String, Zone)>) -> String {
    let zones: String = found.iter().map(|(id, found)| zone(id, found)).collect();
    let next = next.map(|(id, zone)| element("NextDNSName", &zone.name) + &element("NextHostedZoneId", id));
    let inner = format!(
        "<HostedZones>{zones}</HostedZones><IsTruncated>{}</IsTruncated>{}<MaxItems>100</MaxItems>",
        next.is_some(),
        next.unwrap_or_default()
    );
    document("ListHostedZonesByNameResponse", &inner)
}

fn set(set: &Set) -> String {
    let mut inner = element("Name", &set.name) + &element("Type", &set.kind);
    let mut optional = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            inner += &element(name, &value);
        }
    };
    optional("SetIdentifier", set.identifier.clone());
    optional("Weight", set.weight.map(|weight| weight.to_string()));
    if let Some((name, value)) = &set.other {
        optional(name, Some(value.clone()));
    }
    optional("TTL", set.ttl.map(|ttl| ttl.to_string()));
    if !set.values.is_empty() {
        let records =
            |value: &String| format!("<ResourceRecord>{}</ResourceRecord>", element("Value", value));
        let records: String = set.values.iter().map(records).collect();
        inner += &format!("<ResourceRecords>{records}</ResourceRecords>");
    }
    if let Some(alias) = &set.alias {
        inner += &format!(
            "<AliasTarget>{}{}<EvaluateTargetHealth>{}</EvaluateTargetHealth></AliasTarget>",
            element("HostedZoneId", &alias.zone),
            element("DNSName", &alias.target),
            alias.evaluate
        );
    }
    if let Some(check) = &set.health_check {
        inner += &element("HealthCheckId", check);
    }
    format!("<ResourceRecordSet>{inner}</ResourceRecordSet>")
}

pub fn sets(listed: &Listed) -> String {
    let sets: String = listed.sets.iter().map(set).collect();
    let next = listed.next.as_ref().map(|next| {
        let identifier = next.identifier.as_ref().map(|text| element("NextRecordIdentifier", text));
        element("NextRecordName", &next.name)
            + &element("NextRecordType", &next.kind)
            + &identifier.unwrap_or_default()
    });
    let inner = format!(
        "<ResourceRecordSets>{sets}</ResourceRecordSets><IsTruncated>{}</IsTruncated>{}<MaxItems>300</MaxItems>",
        next.is_some(),
        next.unwrap_or_default()
    );
    document("ListResourceRecordSetsResponse", &inner)
}

pub fn change_info(root: &str, id: &str, in_sync: bool) -> String {
    let status = if in_sync { "INSYNC" } else { "PENDING" };
    let inner = format!(
        "<ChangeInfo>{}<Status>{status}</Status><SubmittedAt>2026-11-25T12:00:00.000Z</SubmittedAt></ChangeInfo>",
        element("Id", &format!("/change/{id}"))
    );
    document(root, &inner)
}

/// The changes of a ChangeResourceRecordSetsRequest. Anything that is not known is refused.
pub fn changes(body: &str) -> Result<Vec<Change>, Refusal> {
    let malformed = |words: String| refusal(400, "MalformedInput", words);
    let document = roxmltree::Document::parse(body).map_err(|error| malformed(error.to_string()))?;
    let root = document.root_element();
    if !root.has_tag_name((NAMESPACE, "ChangeResourceRecordSetsRequest")) {
        return Err(malformed(format!("unexpected {:?}", root.tag_name())));
    }
    let mut changes = vec![];
    for batch in elements(root) {
        known(batch, "ChangeBatch")?;
        for part in elements(batch) {
            match part.tag_name().name() {
                "Comment" if text(part).chars().count() <= 256 => {}
                "Changes" => {
                    for change in elements(part) {
                        known(change, "Change")?;
                        changes.push(one(change)?);
                    }
                }
                other => return Err(malformed(format!("unexpected {other}"))),
            }
        }
    }
    Ok(changes)
}

type Node<'a> = roxmltree::Node<'a, 'a>;

fn elements<'a>(node: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    node.children().filter(Node::is_element)
}

fn text(node: Node<'_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

fn known(node: Node<'_>, name: &str) -> Result<(), Refusal> {
    if node.has_tag_name((NAMESPACE, name)) {
        return Ok(());
    }
    Err(refusal(400, "MalformedInput", format!("unexpected {:?}, not {name}", node.tag_name())))
}

fn one(change: Node<'_>) -> Result<Change, Refusal> {
    let (mut action, mut set) = (String::new(), Set::default());
    let unexpected = |node: Node<'_>| {
        Err(refusal(400, "MalformedInput", format!("unexpected {}", node.tag_name().name())))
    };
    let number = |node: Node<'_>| {
        let words = |_| refusal(400, "MalformedInput", format!("{} is no number", text(node)));
        text(node).parse::<i64>().map_err(words)
    };
    for part in elements(change) {
        match part.tag_name().name() {
            "Action" => action = text(part),
            "ResourceRecordSet" => {
                for field in elements(part) {
                    match field.tag_name().name() {
                        "Name" => set.name = text(field),
                        "Type" => set.kind = text(field),
                        "SetIdentifier" => set.identifier = Some(text(field)),
                        "Weight" => set.weight = Some(number(field)?),
                        "TTL" => set.ttl = Some(number(field)?),
                        "HealthCheckId" => set.health_check = Some(text(field)),
                        name @ ("Region" | "Failover" | "MultiValueAnswer") => {
                            set.other = Some((name.to_owned(), text(field)));
                        }
                        "ResourceRecords" => {
                            let values = elements(field).flat_map(|record| elements(record)).map(text);
                            set.values = values.collect();
                        }
                        "AliasTarget" => {
                            let of = |name: &str| {
                                let found = elements(field).find(|node| node.tag_name().name() == name);
                                found.map(text).unwrap_or_default()
                            };
                            set.alias = Some(Alias {
                                zone: of("HostedZoneId"),
                                target: of("DNSName"),
                                evaluate: of("EvaluateTargetHealth") == "true",
                            });
                        }
                        _ => return unexpected(field),
                    }
                }
            }
            _ => return unexpected(part),
        }
    }
    Ok(Change { action, set })
}
