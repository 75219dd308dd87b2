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

/// What may be lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loss {
    Nothing,
    /// What was half made, of a cluster that was never whole: nobody has put anything into it.
    HalfMade,
    /// Somebody said so.
    Data,
}

/// Every rule that the plan breaks.
pub fn violations(shown: &Value, summary: &PlanSummary, loss: Loss) -> Vec<Violation> {
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
            "aws_security_group" | "aws_default_security_group" => {
                let rules = after["ingress"].as_array().into_iter().flatten();
                if rules.into_iter().any(|rule| opens_api(rule, &["cidr_blocks", "ipv6_cidr_blocks"])) {
                    tell(OPEN, CIDRS);
                }
            }
            "aws_instance" | "aws_launch_configuration" => {
                let devices = ["root_block_device", "ebs_block_device"];
                let devices: Vec<&Value> =
                    devices.iter().flat_map(|key| after[*key].as_array().into_iter().flatten()).collect();
                if devices.is_empty() || devices.iter().any(|device| device["encrypted"] != true) {
                    tell(PLAIN, ENCRYPT);
                }
                if !wants_token(after) {
                    tell(WITHOUT_TOKEN, TOKEN);
                }
            }
            "aws_db_instance" | "aws_rds_cluster" if after["storage_encrypted"] != true => {
                tell("a database would not be encrypted", "say `storage_encrypted = true`");
            }
            "aws_efs_file_system" if after["encrypted"] != true => tell(PLAIN, ENCRYPT),
            "aws_eks_node_group" => {
                // How many there are is the autoscaler's business, so the plan leaves that as it is.
                for scaling in after["scaling_config"].as_array().into_iter().flatten() {
                    let number = |key: &str| scaling[key].as_u64();
                    if let (Some(desired), Some(min)) = (number("desired_size"), number("min_size"))
                        && desired < min
                    {
                        let text = |key: &str| after[key].as_str().unwrap_or_default();
                        let (cluster, group) = (text("cluster_name"), text("node_group_name"));
                        tell(
                            &format!(
                                "EKS refuses a least number of {min} nodes while there are to be {desired}"
                            ),
                            &format!(
                                "raise that first: `aws eks update-nodegroup-config --cluster-name {cluster} \
                                 --nodegroup-name {group} --scaling-config desiredSize={min}`"
                            ),
                        );
                    }
                }
            }
            "aws_ebs_volume" if after["encrypted"] != true => tell(PLAIN, ENCRYPT),
            "aws_launch_template" => {
                let devices = after["block_device_mappings"].as_array().into_iter().flatten();
                let volumes: Vec<&Value> =
                    devices.flat_map(|device| device["ebs"].as_array().into_iter().flatten()).collect();
                // Without any the image's own is taken as it is. Older providers keep what it says as text.
                let plain = |ebs: &&Value| ebs["encrypted"] != true && ebs["encrypted"] != "true";
                if volumes.is_empty() || volumes.iter().any(plain) {
                    tell(PLAIN, ENCRYPT);
                }
                if !wants_token(after) {
                    tell(WITHOUT_TOKEN, TOKEN);
                }
            }
            _ => {}
        }
    }
    let allowed = |half_made: bool| match loss {
        Loss::Nothing => false,
        Loss::HalfMade => half_made,
        Loss::Data => true,
    };
    for change in summary.changes.iter().filter(|change| !allowed(change.half_made)) {
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
const WITHOUT_TOKEN: &str = "instances would give their credentials to whoever makes them send a request";
const TOKEN: &str = "say `http_tokens = \"required\"` in `metadata_options`";

fn wants_token(machine: &Value) -> bool {
    let mut options = machine["metadata_options"].as_array().into_iter().flatten();
    options.any(|options| options["http_tokens"] == "required")
}

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
    everybody && (protocol == "-1" || (["tcp", "6"].contains(&protocol) && reaches))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::summary::read;

    fn told(kind: &str, after: &Value) -> Vec<String> {
        let shown = json!({"resource_changes": [
            {"address": "a", "type": kind, "change": {"actions": ["create"], "before": null, "after": after}}]});
        violations(&shown, &read(&shown), Loss::Nothing)
            .into_iter()
            .map(|violation| violation.message)
            .collect()
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
        assert_eq!(told(kind, &rule("128.0.0.0/1", 6443, 6443, "6")), [OPEN]);
        let within = |cidr: &str| {
            let rule = json!({"cidr_blocks": [cidr], "from_port": 6443, "to_port": 6443, "protocol": "tcp"});
            told("aws_security_group", &json!({"ingress": [rule]}))
        };
        assert_eq!((within("0.0.0.0/0"), within("10.0.0.0/8")), (vec![OPEN.to_owned()], vec![]));
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
        let none = json!({"metadata_options": [{"http_tokens": "required"}]});
        assert_eq!(told("aws_launch_template", &none), [PLAIN]);
        assert_eq!(told("aws_instance", &json!({"instance_type": "t3.medium"})), [PLAIN, WITHOUT_TOKEN]);
        let whole = json!({"root_block_device": [{"encrypted": true}], "metadata_options": [{"http_tokens": "required"}]});
        assert_eq!(told("aws_instance", &whole), [""; 0]);
        assert_eq!(told("aws_db_instance", &json!({"storage_encrypted": false})).len(), 1);
    }

    #[test]
    fn a_pool_that_would_begin_above_what_runs_is_told_before_eks_refuses_it() {
        let group = |desired, min| {
            json!({"cluster_name": "qa-1", "node_group_name": "general",
                "scaling_config": [{"desired_size": desired, "min_size": min, "max_size": 9}]})
        };
        let kind = "aws_eks_node_group";
        assert_eq!(told(kind, &group(2, 2)), [""; 0]);
        assert_eq!(
            told(kind, &group(1, 2)),
            ["EKS refuses a least number of 2 nodes while there are to be 1"]
        );
    }

    #[test]
    fn databases_file_systems_and_secrets_of_a_module_of_ones_own_hold_data() {
        for kind in [
            "aws_db_instance",
            "aws_dynamodb_table",
            "aws_efs_file_system",
            "aws_secretsmanager_secret",
            "aws_instance",
        ] {
            let shown = json!({"resource_changes": [
                {"address": "a", "type": kind, "change": {"actions": ["delete"], "before": {}, "after": null}}]});
            assert_eq!(violations(&shown, &read(&shown), Loss::Nothing).len(), 1, "{kind}");
        }
    }

    #[test]
    fn what_holds_data_is_not_lost_by_the_way() {
        let change = json!({"address": "module.cluster.aws_autoscaling_group.control_plane[\"eu-west-1a\"]",
            "type": "aws_autoscaling_group", "change": {"actions": ["delete"], "before": {}, "after": null}});
        let shown = json!({"resource_changes": [change]});
        let summary = read(&shown);
        assert_eq!(violations(&shown, &summary, Loss::Nothing).len(), 1);
        assert_eq!(violations(&shown, &summary, Loss::HalfMade).len(), 1);
        assert_eq!(violations(&shown, &summary, Loss::Data), []);
        // A first run that was cut off has left it half made: the next one makes it anew without being told to.
        let half = json!({"resource_changes": [{"address": "aws_route53_zone.private", "type": "aws_route53_zone",
            "action_reason": "replace_because_tainted", "change": {"actions": ["delete", "create"], "before": {}, "after": {}}}]});
        let summary = read(&half);
        assert_eq!(violations(&half, &summary, Loss::Nothing).len(), 1);
        assert_eq!(violations(&half, &summary, Loss::HalfMade), []);
    }
}
