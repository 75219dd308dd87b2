//! What was being made when a run ended, and may be there without being in the state: found by the name that the plan gives it,
//! or by the tags that everything of a cluster is made with. Only what is one thing beyond doubt is taken for it.

use std::collections::BTreeSet;

use aws::Tagged;
use serde_json::Value;

use super::progress::kind;

/// Types whose name is their identity.
const NAMED: [&str; 3] = ["aws_autoscaling_group", "aws_iam_instance_profile", "aws_iam_role"];

/// Types that are found by their tags: what their ARNs have, and whether Terraform knows them by the whole of it.
const TAGGED: [(&str, &str, bool); 11] = [
    ("aws_eip", ":elastic-ip/", false),
    ("aws_internet_gateway", ":internet-gateway/", false),
    ("aws_launch_template", ":launch-template/", false),
    ("aws_lb", ":loadbalancer/", true),
    ("aws_lb_target_group", ":targetgroup/", true),
    ("aws_nat_gateway", ":natgateway/", false),
    ("aws_route_table", ":route-table/", false),
    ("aws_security_group", ":security-group/", false),
    ("aws_subnet", ":subnet/", false),
    ("aws_vpc", ":vpc/", false),
    ("aws_vpc_endpoint", ":vpc-endpoint/", false),
];

/// What may be each of the addresses that were being made, as Terraform imports it: address and identity. `shown`: a plan in
/// which they are to be made; `held`: identities in the state.
pub fn find(
    perhaps: &[String],
    shown: &Value,
    tagged: &[Tagged],
    held: &BTreeSet<String>,
) -> Vec<(String, String)> {
    let changes = shown["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    for address in perhaps {
        let change = changes.iter().find(|change| change["address"] == address.as_str());
        let after = change.map(|change| &change["change"]["after"]);
        if let Some(id) = after.and_then(|after| identity(kind(address), after, tagged, held)) {
            found.push((address.clone(), id));
        }
    }
    found
}

fn identity(kind: &str, after: &Value, tagged: &[Tagged], held: &BTreeSet<String>) -> Option<String> {
    let name = after["name"].as_str();
    if NAMED.contains(&kind) {
        return name.map(str::to_owned);
    }
    if let Some(composed) = composed(kind, after) {
        return Some(composed);
    }
    let (_, part, whole) = TAGGED.iter().find(|(known, ..)| *known == kind)?;
    let id = |arn: &str| {
        let last = arn.rsplit('/').next().unwrap_or(arn);
        if *whole { arn.to_owned() } else { last.to_owned() }
    };
    let wanted = after["tags"]["Name"].as_str();
    let fits = |one: &&Tagged| {
        let named = match (wanted, name) {
            (Some(wanted), _) => one.tags.get("Name").is_some_and(|name| name == wanted),
            // Names of launch templates are in no ARN: they are told apart by tags alone.
            (None, Some(name)) => one.arn.split('/').any(|step| step == name),
            (None, None) => true,
        };
        named && one.arn.contains(part) && !held.contains(&id(&one.arn))
    };
    let mut found = tagged.iter().filter(fits);
    // Of two nobody knows which.
    match (found.next(), found.next()) {
        (Some(one), None) => Some(id(&one.arn)),
        _ => None,
    }
}

/// Identities that are made of what the plan says. None: another type, or something of it is not known yet.
fn composed(kind: &str, after: &Value) -> Option<String> {
    let text = |key: &str| after[key].as_str();
    let number = |key: &str| after[key].as_i64();
    Some(match kind {
        "aws_iam_role_policy" => format!("{}:{}", text("role")?, text("name")?),
        "aws_route" => format!("{}_{}", text("route_table_id")?, text("destination_cidr_block")?),
        "aws_route_table_association" => format!("{}/{}", text("subnet_id")?, text("route_table_id")?),
        "aws_route53_record" => format!("{}_{}_{}", text("zone_id")?, text("name")?, text("type")?),
        "aws_security_group_rule" => {
            let from = text("source_security_group_id").or(after["cidr_blocks"][0].as_str())?;
            let (group, direction, protocol) = (text("security_group_id")?, text("type")?, text("protocol")?);
            let protocol = if protocol == "-1" { "all" } else { protocol };
            format!("{group}_{direction}_{protocol}_{}_{}_{from}", number("from_port")?, number("to_port")?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tagged(arn: &str, name: &str) -> Tagged {
        let tags = [("Name".to_owned(), name.to_owned())].into();
        Tagged { arn: format!("arn:aws:ec2:eu-west-1:1:{arn}"), tags }
    }

    fn found(address: &str, after: &Value, all: &[Tagged], held: &[&str]) -> Option<String> {
        let shown = json!({"resource_changes": [{"address": address, "change": {"after": after}}]});
        let held = held.iter().map(|id| (*id).to_owned()).collect();
        find(&[address.to_owned()], &shown, all, &held).pop().map(|(_, id)| id)
    }

    #[test]
    fn what_was_being_made_is_found_by_its_tags_if_it_is_one_thing() {
        let after = json!({"tags": {"Name": "qa-eu-west-1a"}});
        let all = [tagged("natgateway/nat-1", "qa-eu-west-1a"), tagged("natgateway/nat-2", "qa-eu-west-1b")];
        let address = "module.cluster.module.network.aws_nat_gateway.this[\"eu-west-1a\"]";
        assert_eq!(found(address, &after, &all, &[]).as_deref(), Some("nat-1"));
        assert_eq!(found(address, &after, &all, &["nat-1"]), None);
        let twice = [all[0].clone(), tagged("natgateway/nat-3", "qa-eu-west-1a")];
        assert_eq!(found(address, &after, &twice, &[]), None);
        assert_eq!(found(address, &after, &[tagged("subnet/subnet-1", "qa-eu-west-1a")], &[]), None);
    }

    #[test]
    fn what_has_a_name_of_its_own_is_found_by_that() {
        let role = "module.cluster.aws_iam_role.node[\"worker\"]";
        assert_eq!(found(role, &json!({"name": "qa-1-worker"}), &[], &[]).as_deref(), Some("qa-1-worker"));
        let rule = json!({"security_group_id": "sg-1", "type": "ingress", "protocol": "tcp", "from_port": 1, "to_port": 2,
            "source_security_group_id": "sg-2"});
        let id = found("module.cluster.aws_security_group_rule.a", &rule, &[], &[]);
        assert_eq!(id.as_deref(), Some("sg-1_ingress_tcp_1_2_sg-2"));
        let policy = "module.cluster.aws_iam_role_policy.node[\"worker\"]";
        let after = json!({"name": "worker", "role": "qa-1-worker"});
        assert_eq!(found(policy, &after, &[], &[]).as_deref(), Some("qa-1-worker:worker"));
        let balancer = [tagged("loadbalancer/net/qa-1-api/5a", "")];
        let id = found("module.cluster.aws_lb.api", &json!({"name": "qa-1-api"}), &balancer, &[]);
        assert_eq!(id, Some(balancer[0].arn.clone()));
    }

    #[test]
    fn what_nobody_plans_any_more_or_cannot_be_found_is_left_alone() {
        assert_eq!(found("module.cluster.aws_route.a", &json!({}), &[], &[]), None);
        assert!(find(&["a.b".to_owned()], &json!({}), &[], &BTreeSet::new()).is_empty());
    }
}
