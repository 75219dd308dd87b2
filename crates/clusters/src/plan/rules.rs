//! What is never done, whatever a module says: judged on the plan, before anything is applied.

use serde::Serialize;
use serde_json::Value;

use super::summary::{Disruption, PlanSummary};

/// A rule that a plan breaks.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    pub address: String,
    pub message: String,
    pub hint: String,
}

/// Every rule that the plan breaks. `loss`: somebody said that data may be lost.
pub fn violations(shown: &Value, summary: &PlanSummary, loss: bool) -> Vec<Violation> {
    let mut found = Vec::new();
    for change in shown["resource_changes"].as_array().into_iter().flatten() {
        let after = &change["change"]["after"];
        if after.is_null() {
            continue;
        }
        let address = change["address"].as_str().unwrap_or_default();
        let mut tell = |message: &str, hint: &str| {
            found.push(Violation {
                address: address.to_owned(),
                message: message.to_owned(),
                hint: hint.to_owned(),
            });
        };
        match change["type"].as_str().unwrap_or_default() {
            "aws_vpc_security_group_ingress_rule" if opens_api(after, &["cidr_ipv4", "cidr_ipv6"]) => {
                tell(OPEN, CIDRS);
            }
            "aws_security_group_rule"
                if after["type"] == "ingress" && opens_api(after, &["cidr_blocks", "ipv6_cidr_blocks"]) =>
            {
                tell(OPEN, CIDRS);
            }
            "aws_eks_cluster" => {
                for config in after["vpc_config"].as_array().into_iter().flatten() {
                    let open = config["public_access_cidrs"].as_array().is_none_or(|cidrs| {
                        cidrs.is_empty()
                            || cidrs.iter().any(|cidr| is_everything(cidr.as_str().unwrap_or_default()))
                    });
                    if config["endpoint_public_access"] == true && open {
                        tell(OPEN, CIDRS);
                    }
                }
            }
            "aws_ebs_volume" if after["encrypted"] != true => tell(PLAIN, ENCRYPT),
            "aws_launch_template" => {
                let devices = after["block_device_mappings"].as_array().into_iter().flatten();
                let plain = devices.flat_map(|device| device["ebs"].as_array().into_iter().flatten());
                // Older providers keep it as text.
                if plain.into_iter().any(|ebs| ebs["encrypted"] != true && ebs["encrypted"] != "true") {
                    tell(PLAIN, ENCRYPT);
                }
                let options = after["metadata_options"].as_array().into_iter().flatten();
                if !options.into_iter().any(|options| options["http_tokens"] == "required") {
                    tell(
                        "instances would give their credentials to whoever makes them send a request",
                        "say `http_tokens = \"required\"` in `metadata_options`",
                    );
                }
            }
            _ => {}
        }
    }
    for change in summary.changes.iter().filter(|_| !loss) {
        let message = match change.disruption {
            Disruption::LosesData => "what it holds would be lost",
            Disruption::LosesTrack => "it would stay in AWS, cost on, and be destroyed by nobody",
            _ => continue,
        };
        found.push(Violation {
            address: change.address.clone(),
            message: message.to_owned(),
            hint: "if that is what you want, say --allow-loss".to_owned(),
        });
    }
    found
}

const OPEN: &str = "the Kubernetes API would be open to everybody";
const CIDRS: &str = "name the CIDRs that may reach it";
const PLAIN: &str = "a volume would not be encrypted";
const ENCRYPT: &str = "say `encrypted = true`";

/// Also by its halves: nobody's own network is as large as that.
fn is_everything(cidr: &str) -> bool {
    cidr.rsplit_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok()).is_some_and(|bits| bits < 8)
}

/// Whether everybody may reach the API's port through it.
fn opens_api(rule: &Value, keys: &[&str]) -> bool {
    const API: [i64; 2] = [6443, 443];
    let everybody = keys.iter().any(|key| match &rule[*key] {
        Value::String(cidr) => is_everything(cidr),
        Value::Array(cidrs) => cidrs.iter().any(|cidr| is_everything(cidr.as_str().unwrap_or_default())),
        _ => false,
    });
    let protocol = rule["ip_protocol"].as_str().or(rule["protocol"].as_str()).unwrap_or_default();
    let port = |key: &str, otherwise| rule[key].as_i64().unwrap_or(otherwise);
    let reaches = API.iter().any(|api| (port("from_port", 0)..=port("to_port", 65535)).contains(api));
    everybody && (protocol == "-1" || (protocol == "tcp" && reaches))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::summary::read;

    fn told(kind: &str, after: &Value) -> Vec<String> {
        let shown = json!({"resource_changes": [
            {"address": "a", "type": kind, "change": {"actions": ["create"], "before": null, "after": after}}]});
        violations(&shown, &read(&shown), false).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn the_api_is_open_to_those_who_are_named_and_nobody_else() {
        let rule = |cidr, from, to, protocol| json!({"cidr_ipv4": cidr, "from_port": from, "to_port": to, "ip_protocol": protocol});
        let kind = "aws_vpc_security_group_ingress_rule";
        assert_eq!(told(kind, &rule("0.0.0.0/0", 6443, 6443, "tcp")), [OPEN]);
        assert_eq!(told(kind, &rule("0.0.0.0/0", 1, 65535, "tcp")), [OPEN]);
        assert_eq!(told(kind, &json!({"cidr_ipv6": "::/0", "ip_protocol": "-1"})), [OPEN]);
        assert_eq!(told(kind, &rule("203.0.113.0/24", 6443, 6443, "tcp")), [""; 0]);
        assert_eq!(told(kind, &rule("0.0.0.0/0", 80, 80, "tcp")), [""; 0]);
        let eks = |cidrs: Value| json!({"vpc_config": [{"endpoint_public_access": true, "public_access_cidrs": cidrs}]});
        assert_eq!(told("aws_eks_cluster", &eks(json!(null))), [OPEN]);
        assert_eq!(told("aws_eks_cluster", &eks(json!(["203.0.113.0/24"]))), [""; 0]);
    }

    #[test]
    fn volumes_are_encrypted_and_metadata_wants_a_token() {
        let template = |encrypted, tokens| {
            json!({"block_device_mappings": [{"ebs": [{"encrypted": encrypted}]}],
                "metadata_options": [{"http_tokens": tokens}]})
        };
        assert_eq!(told("aws_launch_template", &template(true, "required")), [""; 0]);
        assert_eq!(told("aws_launch_template", &template(false, "optional")).len(), 2);
        assert_eq!(told("aws_ebs_volume", &json!({"size": 3})), [PLAIN]);
    }

    #[test]
    fn what_holds_data_is_not_lost_by_the_way() {
        let change = json!({"address": "module.cluster.aws_autoscaling_group.control_plane[\"eu-west-1a\"]",
            "type": "aws_autoscaling_group", "change": {"actions": ["delete"], "before": {}, "after": null}});
        let shown = json!({"resource_changes": [change]});
        let summary = read(&shown);
        assert_eq!(violations(&shown, &summary, false).len(), 1);
        assert_eq!(violations(&shown, &summary, true), []);
    }
}
