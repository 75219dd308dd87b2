//! A module made fit for an older provider: what that one calls otherwise is renamed, what it does not know is dropped.

use std::collections::BTreeSet;

use hcl_edit::Ident;
use hcl_edit::expr::{Array, Expression};
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use serde_json::Value;

const META: [&str; 7] =
    ["count", "for_each", "depends_on", "lifecycle", "provider", "connection", "provisioner"];

/// Resources of which only the name is another.
const RENAMED: [(&str, &str); 1] = [("aws_s3_object", "aws_s3_bucket_object")];
const RULES: [(&str, &str); 2] =
    [("aws_vpc_security_group_ingress_rule", "ingress"), ("aws_vpc_security_group_egress_rule", "egress")];
/// Arguments that it takes, with values that it does not: where, the value, and what stands in its place.
const VALUES: [(&str, &str, &str); 2] = [
    (
        "aws_launch_template.tag_specifications.resource_type = network-interface",
        ", \"network-interface\"]",
        "]",
    ),
    ("aws_eks_node_group.ami_type = AL2023 -> AL2", "\"AL2023_x86_64_STANDARD\"", "\"AL2_x86_64\""),
];

pub fn fit(body: Body, known: &Value, lost: &mut BTreeSet<String>) -> String {
    let mut kept = vec![];
    for structure in body {
        let Structure::Block(mut block) = structure else {
            kept.push(structure);
            continue;
        };
        match block.ident.as_str() {
            "resource" | "data" => {
                rename(&mut block, known, lost);
                let labels: Vec<String> =
                    block.labels.iter().map(|label| label.as_str().to_owned()).collect();
                let data = block.ident.as_str() == "data";
                let schemas = if data { "data_source_schemas" } else { "resource_schemas" };
                let schema = &known[schemas][labels[0].as_str()];
                if schema.is_null() {
                    lost.insert(format!("{} {}", block.ident.as_str(), labels[0]));
                    continue;
                }
                block.body =
                    within(std::mem::take(&mut block.body), &schema["block"], &labels.join("."), &META, lost);
            }
            _ => {}
        }
        kept.push(Structure::Block(block));
    }
    let mut text = whole(kept).to_string();
    // Whichever provider there is.
    text = text.replace("\">= 6.0\"", "\">= 3.0\"");
    for (place, value, instead) in VALUES {
        if text.contains(value) {
            text = text.replace(value, instead);
            lost.insert(place.to_owned());
        }
    }
    let unknown = |name: &str| known["resource_schemas"][name].is_null();
    for (new, old) in RENAMED.iter().filter(|(new, _)| unknown(new)) {
        text = text.replace(&format!("{new}."), &format!("{old}."));
    }
    for (new, kind) in RULES.iter().filter(|(new, _)| unknown(new)) {
        text = text.replace(&format!("{new}."), &format!("aws_security_group_rule.{kind}_"));
    }
    text
}

fn whole(structures: Vec<Structure>) -> Body {
    Body::builder().structures(structures).build()
}

fn within(body: Body, schema: &Value, place: &str, meta: &[&str], lost: &mut BTreeSet<String>) -> Body {
    let mut kept = vec![];
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let key = attribute.key.as_str();
                let told = &schema["attributes"][key];
                if meta.contains(&key) || told["optional"] == true || told["required"] == true {
                    kept.push(Structure::Attribute(attribute));
                } else {
                    lost.insert(format!("{place}.{key}"));
                }
            }
            Structure::Block(mut block) => {
                let dynamic = block.ident.as_str() == "dynamic";
                let name = if dynamic { block.labels[0].as_str() } else { block.ident.as_str() }.to_owned();
                let inner = &schema["block_types"][name.as_str()]["block"];
                let place = format!("{place}.{name}");
                if meta.contains(&name.as_str()) {
                    kept.push(Structure::Block(block));
                    continue;
                }
                if inner.is_null() {
                    lost.insert(place);
                    continue;
                }
                if dynamic {
                    for content in block.body.get_blocks_mut("content") {
                        content.body = within(std::mem::take(&mut content.body), inner, &place, &[], lost);
                    }
                } else {
                    block.body = within(std::mem::take(&mut block.body), inner, &place, &[], lost);
                }
                kept.push(Structure::Block(block));
            }
        }
    }
    whole(kept)
}

fn rename(block: &mut Block, known: &Value, lost: &mut BTreeSet<String>) {
    let kind = block.labels[0].as_str().to_owned();
    let is_known = !known["resource_schemas"][kind.as_str()].is_null();
    if block.ident.as_str() != "resource" || is_known && kind != "aws_eip" {
        return;
    }
    for (_, old) in RENAMED.iter().filter(|(new, _)| *new == kind) {
        block.labels[0] = (*old).into();
        lost.insert(format!("{kind} -> {old}"));
    }
    for (_, direction) in RULES.iter().filter(|(new, _)| *new == kind) {
        lost.insert(format!("{kind} -> aws_security_group_rule"));
        let name = block.labels[1].as_str().to_owned();
        block.labels = vec!["aws_security_group_rule".into(), format!("{direction}_{name}").into()];
        block.body = rule(std::mem::take(&mut block.body), direction);
    }
    if kind == "aws_eip" && block.body.remove_attribute("domain").is_some() {
        block.body.push(Attribute::new(Ident::new("vpc"), true));
        lost.insert("aws_eip.domain -> vpc".to_owned());
    }
}

fn rule(body: Body, direction: &str) -> Body {
    let ports = body.has_attribute("from_port");
    let mut kept = vec![];
    for structure in body {
        let Structure::Attribute(attribute) = structure else {
            kept.push(structure);
            continue;
        };
        let (key, value) = match attribute.key.as_str() {
            "ip_protocol" => ("protocol", attribute.value),
            "referenced_security_group_id" => ("source_security_group_id", attribute.value),
            "cidr_ipv4" => ("cidr_blocks", Expression::Array(Array::from(vec![attribute.value]))),
            _ => {
                kept.push(Structure::Attribute(attribute));
                continue;
            }
        };
        kept.push(Attribute::new(Ident::new(key), value).into());
    }
    kept.push(Attribute::new(Ident::new("type"), direction).into());
    if !ports {
        kept.extend(["from_port", "to_port"].map(|key| Attribute::new(Ident::new(key), 0).into()));
    }
    whole(kept)
}
