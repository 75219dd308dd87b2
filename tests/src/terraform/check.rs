//! Every resource, data source, argument and block against a provider's schema (`terraform/schema/aws.json`).

use std::path::Path;

use hcl_edit::structure::{Block, BlockLabel, Body, Structure};
use serde_json::Value;

/// What any resource may say, whatever its type; within its blocks these words mean something else.
const META: [&str; 7] =
    ["count", "for_each", "depends_on", "lifecycle", "provider", "connection", "provisioner"];

/// Everything that the provider would not take.
pub fn check(schema: &Value, path: &Path, body: &Body) -> Vec<String> {
    let mut wrong = vec![];
    for block in body.blocks() {
        let kind = match block.ident.as_str() {
            "resource" => "resources",
            "data" => "data",
            _ => continue,
        };
        let labels: Vec<&str> = block.labels.iter().map(BlockLabel::as_str).collect();
        let place = format!("{}: {}", path.display(), labels.join("."));
        match schema[kind].get(labels[0]) {
            Some(known) => block_body(known, &block.body, &place, &META, &mut wrong),
            None => wrong.push(format!("{place}: there is no such {}", block.ident.as_str())),
        }
    }
    wrong
}

fn block_body(known: &Value, body: &Body, place: &str, meta: &[&str], wrong: &mut Vec<String>) {
    let mut said = vec![];
    for structure in body.iter() {
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                said.push(name.to_owned());
                if meta.contains(&name) {
                    continue;
                }
                match known.get(name) {
                    None => wrong.push(unknown(known, name, place)),
                    Some(told) if told["is_block"] == true => {
                        wrong.push(format!("{place}: `{name}` is a block, not an argument"));
                    }
                    Some(_) => {}
                }
            }
            Structure::Block(block) => {
                let (name, inner) = unfolded(block);
                if meta.contains(&name.as_str()) {
                    continue;
                }
                let place = format!("{place}.{name}");
                let repeated = said.contains(&name);
                said.push(name.clone());
                match known.get(&name) {
                    Some(told) if told["block"].is_object() => {
                        if told["max1"] == true && repeated {
                            wrong.push(format!("{place}: at most one"));
                        }
                        if let Some(inner) = inner {
                            block_body(&told["block"], inner, &place, &[], wrong);
                        }
                    }
                    _ => wrong.push(unknown(known, &name, &place)),
                }
            }
        }
    }
    let needed = known.as_object().into_iter().flatten();
    for (name, told) in needed.filter(|(name, _)| !name.starts_with('_')) {
        if told["req"] == true && !said.contains(name) {
            wrong.push(format!("{place}: `{name}` is lacking"));
        }
    }
}

fn unknown(known: &Value, name: &str, place: &str) -> String {
    let computed = known["_computed"].as_array().is_some_and(|names| names.iter().any(|other| other == name));
    let why = if computed { "is only read" } else { "is not known" };
    format!("{place}: `{name}` {why}")
}

/// A dynamic block stands for those it makes.
fn unfolded(block: &Block) -> (String, Option<&Body>) {
    if block.ident.as_str() != "dynamic" {
        return (block.ident.as_str().to_owned(), Some(&block.body));
    }
    let name = block.labels.first().map(BlockLabel::as_str).unwrap_or_default();
    let content = block.body.blocks().find(|inner| inner.ident.as_str() == "content");
    (name.to_owned(), content.map(|content| &content.body))
}
