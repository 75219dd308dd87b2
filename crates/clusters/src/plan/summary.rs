//! What a plan of Terraform would do, as `terraform show -json` tells it: typed, with reasons, and without a value that is secret.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What happens to a resource.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Create,
    Update,
    Replace,
    Delete,
    Read,
    Forget,
    Nothing,
}

/// What a change means for what runs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Disruption {
    /// Nobody notices.
    None,
    /// Nodes made from now on are different; those that run stay.
    NewNodes,
    /// What goes through it is cut off for a time.
    Interrupts,
    /// It is known no more, and costs on.
    LosesTrack,
    /// What it holds is lost.
    LosesData,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceChange {
    pub address: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub action: Action,
    /// Why it is replaced or deleted, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attributes that change, as paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    pub disruption: Disruption,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeChange {
    pub path: String,
    /// What it is now; none: nothing, or secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it would be; none: nothing, secret, or known only afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// A whole plan.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    /// What leaves the state and stays in AWS, where it costs on.
    #[serde(skip_serializing_if = "is_zero")]
    pub forget: usize,
    pub changes: Vec<ResourceChange>,
    /// Addresses of what has changed behind Terraform's back since it last looked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drifted: Vec<String>,
    /// Names what it does: a plan of the same hash does the same.
    pub hash: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl PlanSummary {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Longer values are cut: a plan is read by people.
const LONGEST: usize = 120;

/// Reads `terraform show -json` of a plan.
pub fn read(shown: &Value) -> PlanSummary {
    let all = shown["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut summary = PlanSummary::default();
    let mut digest = Sha256::new();
    for change in all {
        let action = action(&change["change"]["actions"]);
        match action {
            Action::Create => summary.create += 1,
            Action::Update => summary.update += 1,
            Action::Replace => summary.replace += 1,
            Action::Delete => summary.delete += 1,
            Action::Forget => summary.forget += 1,
            Action::Read | Action::Nothing => continue,
        }
        let text = |key: &str| change[key].as_str().unwrap_or_default().to_owned();
        let (address, kind) = (text("address"), text("type"));
        let attributes = if action == Action::Update || action == Action::Replace {
            attributes(&change["change"])
        } else {
            Vec::new()
        };
        // Not the values themselves: some are secret. What becomes of them is in their digest.
        digest.update(format!("{address} {action:?} {}", change["change"]["after"]));
        let disruption = disruption(&kind, &address, action);
        let reason = reason(change["action_reason"].as_str(), &change["change"]);
        summary.changes.push(ResourceChange { address, kind, action, reason, attributes, disruption });
    }
    let drifted = shown["resource_drift"].as_array().map(Vec::as_slice).unwrap_or_default();
    summary.drifted =
        drifted.iter().filter_map(|drift| drift["address"].as_str().map(str::to_owned)).collect();
    summary.changes.sort_by(|a, b| a.address.cmp(&b.address));
    summary.hash = digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    summary
}

fn action(actions: &Value) -> Action {
    let words: Vec<&str> = actions.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match words.as_slice() {
        ["create"] => Action::Create,
        ["update"] => Action::Update,
        ["delete"] => Action::Delete,
        ["read"] => Action::Read,
        ["forget"] => Action::Forget,
        ["create", "delete"] | ["delete", "create"] => Action::Replace,
        [] | ["no-op"] => Action::Nothing,
        words if words.contains(&"forget") => Action::Forget,
        // What nobody knows yet is taken for the worst.
        _ => Action::Replace,
    }
}

fn reason(word: Option<&str>, change: &Value) -> Option<String> {
    let words = match word? {
        "replace_because_cannot_update" => {
            let paths = change["replace_paths"].as_array().map(Vec::as_slice).unwrap_or_default();
            let paths: Vec<String> = paths.iter().map(spoken).collect();
            return Some(if paths.is_empty() {
                "it cannot be changed in place".to_owned()
            } else {
                format!("{} cannot be changed in place", paths.join(", "))
            });
        }
        "replace_because_tainted" => "making it failed half-way the last time",
        "replace_by_request" => "it was asked for",
        "replace_by_triggers" => "what it follows changes",
        "delete_because_no_resource_config" => "it is no longer in the module",
        "delete_because_wrong_repetition" | "delete_because_count_index" | "delete_because_each_key" => {
            "there is one fewer of them"
        }
        "delete_because_no_module" => "its module is gone",
        "delete_because_no_move_target" => "it was moved to nothing",
        other => return Some(other.replace('_', " ")),
    };
    Some(words.to_owned())
}

/// `["network_interfaces", 0, "groups"]` as people write it.
fn spoken(path: &Value) -> String {
    let mut text = String::new();
    for step in path.as_array().into_iter().flatten() {
        match step {
            Value::String(name) if text.is_empty() => text.push_str(name),
            Value::String(name) => text.push_str(&format!(".{name}")),
            other => text.push_str(&format!("[{other}]")),
        }
    }
    text
}

/// What a change of this kind of resource means for what runs.
fn disruption(kind: &str, address: &str, action: Action) -> Disruption {
    let lost = matches!(action, Action::Replace | Action::Delete);
    match kind {
        _ if action == Action::Forget => Disruption::LosesTrack,
        "aws_s3_bucket" | "aws_ebs_volume" | "aws_kms_key" | "aws_eks_cluster" | "aws_route53_zone"
            if lost =>
        {
            Disruption::LosesData
        }
        // Members of etcd.
        "aws_autoscaling_group" if lost && address.contains("control_plane") => Disruption::LosesData,
        "aws_launch_template" if action == Action::Update => Disruption::NewNodes,
        "aws_autoscaling_group" | "aws_eks_node_group" | "aws_eks_addon" if action == Action::Update => {
            Disruption::NewNodes
        }
        "aws_eks_cluster" if action == Action::Update => Disruption::Interrupts,
        _ if lost => Disruption::Interrupts,
        _ => Disruption::None,
    }
}

fn attributes(change: &Value) -> Vec<AttributeChange> {
    let mut found = Vec::new();
    let sides = Sides {
        before: &change["before"],
        after: &change["after"],
        unknown: &change["after_unknown"],
        secret_before: &change["before_sensitive"],
        secret_after: &change["after_sensitive"],
    };
    compare("", &sides, &mut found);
    found
}

/// One value as it is and as it would be, and what Terraform says of it.
struct Sides<'a> {
    before: &'a Value,
    after: &'a Value,
    unknown: &'a Value,
    secret_before: &'a Value,
    secret_after: &'a Value,
}

fn compare(path: &str, sides: &Sides<'_>, found: &mut Vec<AttributeChange>) {
    let unknown = sides.unknown == &Value::Bool(true);
    if sides.before == sides.after && !unknown {
        return;
    }
    let secret = sides.secret_before == &Value::Bool(true) || sides.secret_after == &Value::Bool(true);
    if !secret
        && !unknown
        && let (Value::Object(before), Value::Object(after)) = (sides.before, sides.after)
    {
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let inner = Sides {
                before: &sides.before[key.as_str()],
                after: &sides.after[key.as_str()],
                unknown: &sides.unknown[key.as_str()],
                secret_before: &sides.secret_before[key.as_str()],
                secret_after: &sides.secret_after[key.as_str()],
            };
            compare(&path, &inner, found);
        }
        return;
    }
    // A list in which something is secret is secret as a whole.
    let secret = secret || holds_secret(sides.secret_before) || holds_secret(sides.secret_after);
    let show = |value: &Value| (!secret && !value.is_null()).then(|| short(value));
    found.push(AttributeChange {
        path: path.to_owned(),
        from: show(sides.before),
        to: if unknown { None } else { show(sides.after) },
        secret,
    });
}

fn holds_secret(marks: &Value) -> bool {
    match marks {
        Value::Bool(secret) => *secret,
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(fields) => fields.values().any(holds_secret),
        _ => false,
    }
}

fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}…", text.chars().take(LONGEST).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(kind: &str, name: &str, actions: &[&str], before: &Value, after: &Value) -> Value {
        json!({
            "address": format!("module.cluster.{kind}.{name}"), "type": kind,
            "change": {"actions": actions, "before": before, "after": after, "after_unknown": {},
                "before_sensitive": {}, "after_sensitive": {}},
        })
    }

    #[test]
    fn a_plan_is_told_with_reasons_and_what_it_means() {
        let mut replaced = change(
            "aws_autoscaling_group",
            "worker",
            &["delete", "create"],
            &json!({"name": "a", "max_size": 3}),
            &json!({"name": "b", "max_size": 3}),
        );
        replaced["action_reason"] = json!("replace_because_cannot_update");
        replaced["change"]["replace_paths"] = json!([["name"]]);
        let shown = json!({"resource_changes": [
            change("aws_vpc", "this", &["no-op"], &json!({}), &json!({})),
            change("aws_launch_template", "node", &["update"],
                &json!({"image_id": "ami-1", "tags": {"a": "1"}}), &json!({"image_id": "ami-2", "tags": {"a": "1", "b": "2"}})),
            replaced,
            change("aws_eip", "nat", &["create"], &Value::Null, &json!({"domain": "vpc"})),
        ], "resource_drift": [{"address": "module.cluster.aws_vpc.this"}]});
        insta::assert_json_snapshot!(read(&shown));
    }

    #[test]
    fn a_secret_is_told_to_change_and_nothing_else() {
        let mut shown = json!({"resource_changes": [change("aws_ssm_parameter", "a", &["update"],
            &json!({"value": "old-secret", "list": ["one-secret"]}), &json!({"value": "new-secret", "list": ["two-secret"]}))]});
        shown["resource_changes"][0]["change"]["after_sensitive"] = json!({"value": true, "list": [true]});
        let text = serde_json::to_string(&read(&shown)).unwrap();
        assert!(text.contains("\"secret\":true") && !text.contains("-secret"), "{text}");
    }

    #[test]
    fn plans_that_do_the_same_have_one_hash_and_others_another() {
        let of = |after: &str| {
            let shown = json!({"resource_changes": [
                change("aws_eip", "nat", &["create"], &Value::Null, &json!({"domain": after}))]});
            read(&shown).hash
        };
        assert_eq!(of("vpc"), of("vpc"));
        assert_ne!(of("vpc"), of("standard"));
    }
}
