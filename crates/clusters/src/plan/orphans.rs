//! What was being made when a run ended, and may be there without being in the state: found by the name that the plan gives it,
//! or by the tags that everything of a cluster is made with. Only what is one thing beyond doubt is taken for it.

use std::collections::BTreeSet;

use aws::{HostedZone, Listener, Tagged};
use serde_json::Value;

use super::progress::kind;

/// Types whose name is their identity.
const NAMED: [&str; 5] = [
    "aws_autoscaling_group",
    "aws_cloudwatch_log_group",
    "aws_eks_cluster",
    "aws_iam_instance_profile",
    "aws_iam_role",
];

/// Types that are found by their tags: what their ARNs have, and whether Terraform knows them by the whole of it.
const TAGGED: [(&str, &str, bool); 13] = [
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
    ("aws_vpc_security_group_egress_rule", ":security-group-rule/", false),
    ("aws_vpc_security_group_ingress_rule", ":security-group-rule/", false),
];

/// What AWS has of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// What carries the cluster's tag.
    pub tagged: Vec<Tagged>,
    /// Of those load balancers that `balancers` names.
    pub listeners: Vec<Listener>,
    /// Of those names that `zones` gives.
    pub zones: Vec<HostedZone>,
    /// Identities in the state.
    pub held: BTreeSet<String>,
}

/// Whether something carries the cluster's tag that Terraform makes, and is not in the state.
pub fn strays(tagged: &[Tagged], held: &BTreeSet<String>) -> bool {
    tagged.iter().any(|one| {
        let known = TAGGED.iter().find(|(_, part, _)| one.arn.contains(part));
        known.is_some_and(|(.., whole)| !held.contains(id(&one.arn, *whole)))
    })
}

/// Names of the hosted zones among the addresses: they get their tags long after they are made, and no index has them.
pub fn zones(perhaps: &[String], shown: &Value) -> Vec<String> {
    wanted(perhaps, shown, "aws_route53_zone", "name")
}

/// ARNs of the load balancers whose listeners are among the addresses.
pub fn balancers(perhaps: &[String], shown: &Value) -> Vec<String> {
    wanted(perhaps, shown, "aws_lb_listener", "load_balancer_arn")
}

fn wanted(perhaps: &[String], shown: &Value, of: &str, key: &str) -> Vec<String> {
    let mine = perhaps.iter().filter(|address| kind(address) == of);
    mine.filter_map(|address| planned(shown, address)?[key].as_str().map(str::to_owned)).collect()
}

/// What a plan would make at an address.
fn planned<'a>(shown: &'a Value, address: &str) -> Option<&'a Value> {
    let change = creations(shown).find(|change| change["address"] == address)?;
    Some(&change["change"]["after"])
}

fn creations(shown: &Value) -> impl Iterator<Item = &Value> {
    let changes = shown["resource_changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    changes.iter().filter(|change| change["change"]["actions"] == serde_json::json!(["create"]))
}

/// What may be each of the addresses that were being made, and of those that a tag tells of, as Terraform imports it: address and
/// identity. `shown`: a plan in which they are to be made.
pub fn find(perhaps: &[String], shown: &Value, ground: &Ground) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for change in creations(shown) {
        let (address, after) = (change["address"].as_str().unwrap_or_default(), &change["change"]["after"]);
        let kind = kind(address);
        let begun = perhaps.iter().any(|known| known == address);
        let identity = || match begun {
            true => named(kind, after, ground),
            false => None,
        };
        if let Some(id) = identity().or_else(|| by_tags(kind, after, ground)) {
            found.push((address.to_owned(), id));
        }
    }
    found
}

/// By what the plan says alone: whether it is there, an import finds out.
fn named(kind: &str, after: &Value, ground: &Ground) -> Option<String> {
    if NAMED.contains(&kind) {
        return after["name"].as_str().map(str::to_owned);
    }
    if kind == "aws_lb_listener" {
        let (balancer, port) = (after["load_balancer_arn"].as_str()?, after["port"].as_u64()?);
        let fits = |one: &&Listener| one.balancer == balancer && u64::from(one.port) == port;
        let one = ground.listeners.iter().find(fits)?;
        return Some(one.arn.clone()).filter(|arn| !ground.held.contains(arn));
    }
    if kind == "aws_route53_zone" {
        // By the cluster's network, which is nobody else's, and what is said of it.
        let (comment, network) = (after["comment"].as_str()?, after["vpc"][0]["vpc_id"].as_str()?);
        let fits = |zone: &&HostedZone| {
            zone.comment == comment && zone.networks.contains(network) && !ground.held.contains(&zone.id)
        };
        let mut found = ground.zones.iter().filter(fits);
        return match (found.next(), found.next()) {
            (Some(one), None) => Some(one.id.clone()),
            _ => None,
        };
    }
    composed(kind, after)
}

fn by_tags(kind: &str, after: &Value, ground: &Ground) -> Option<String> {
    let (_, part, whole) = TAGGED.iter().find(|(known, ..)| *known == kind)?;
    let (tag, name) = (after["tags"]["Name"].as_str(), after["name"].as_str());
    let fits = |one: &&Tagged| {
        let named = match (tag, name) {
            (Some(tag), _) => one.tags.get("Name").is_some_and(|name| name == tag),
            // Names of launch templates are in no ARN: they are told apart by tags alone.
            (None, Some(name)) => one.arn.split('/').any(|step| step == name),
            (None, None) => true,
        };
        named && one.arn.contains(part) && !ground.held.contains(id(&one.arn, *whole))
    };
    let mut found = ground.tagged.iter().filter(fits);
    // Of two nobody knows which.
    match (found.next(), found.next()) {
        (Some(one), None) => Some(id(&one.arn, *whole).to_owned()),
        _ => None,
    }
}

fn id(arn: &str, whole: bool) -> &str {
    if whole { arn } else { arn.rsplit('/').next().unwrap_or(arn) }
}

/// Identities that are made of what the plan says. None: another type, or something of it is not known yet.
fn composed(kind: &str, after: &Value) -> Option<String> {
    let text = |key: &str| after[key].as_str();
    let number = |key: &str| after[key].as_i64();
    Some(match kind {
        "aws_eks_access_entry" => format!("{}:{}", text("cluster_name")?, text("principal_arn")?),
        "aws_eks_access_policy_association" => {
            format!("{}#{}#{}", text("cluster_name")?, text("principal_arn")?, text("policy_arn")?)
        }
        "aws_eks_addon" => format!("{}:{}", text("cluster_name")?, text("addon_name")?),
        "aws_eks_node_group" => format!("{}:{}", text("cluster_name")?, text("node_group_name")?),
        "aws_iam_role_policy_attachment" => format!("{}/{}", text("role")?, text("policy_arn")?),
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
        let ground = Ground {
            tagged: all.to_vec(),
            held: held.iter().map(|id| (*id).to_owned()).collect(),
            ..Ground::default()
        };
        find(&[address.to_owned()], &shown(address, after), &ground).pop().map(|(_, id)| id)
    }

    fn shown(address: &str, after: &Value) -> Value {
        let change = json!({"address": address, "change": {"actions": ["create"], "after": after}});
        json!({"resource_changes": [change]})
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
    fn what_has_no_name_is_found_by_what_it_belongs_to() {
        let address = "module.cluster.aws_lb_listener.api";
        let shown = shown(address, &json!({"load_balancer_arn": "arn:lb", "port": 6443}));
        let perhaps = [address.to_owned()];
        assert_eq!(balancers(&perhaps, &shown), ["arn:lb"]);
        let listener = |arn: &str, port| Listener { arn: arn.into(), balancer: "arn:lb".into(), port };
        let listeners = vec![listener("arn:other", 443), listener("arn:mine", 6443)];
        let mut ground = Ground { listeners, ..Ground::default() };
        assert_eq!(find(&perhaps, &shown, &ground), [(address.to_owned(), "arn:mine".to_owned())]);
        ground.held.insert("arn:mine".to_owned());
        assert_eq!(find(&perhaps, &shown, &ground), []);
    }

    #[test]
    fn a_zone_is_known_by_the_network_that_sees_it() {
        let address = "module.cluster.aws_route53_zone.private[0]";
        let after =
            json!({"name": "qa.internal", "comment": "Names of cluster qa", "vpc": [{"vpc_id": "vpc-1"}]});
        let (shown, perhaps) = (shown(address, &after), [address.to_owned()]);
        assert_eq!(zones(&perhaps, &shown), ["qa.internal"]);
        let zone = |id: &str, network: &str| HostedZone {
            id: id.into(),
            comment: "Names of cluster qa".into(),
            networks: [network.to_owned()].into(),
        };
        let mut ground =
            Ground { zones: vec![zone("Z1", "vpc-2"), zone("Z2", "vpc-1")], ..Ground::default() };
        assert_eq!(find(&perhaps, &shown, &ground), [(address.to_owned(), "Z2".to_owned())]);
        ground.zones.push(zone("Z3", "vpc-1"));
        assert_eq!(find(&perhaps, &shown, &ground), []);
    }

    #[test]
    fn a_tag_tells_of_what_no_stream_told_and_a_name_alone_does_not() {
        let all = [tagged("vpc/vpc-1", "qa")];
        let vpc = shown("module.cluster.module.network.aws_vpc.this", &json!({"tags": {"Name": "qa"}}));
        let ground = Ground { tagged: all.to_vec(), ..Ground::default() };
        assert_eq!(find(&[], &vpc, &ground).pop().map(|(_, id)| id).as_deref(), Some("vpc-1"));
        let role = shown("module.cluster.aws_iam_role.node[\"worker\"]", &json!({"name": "qa-1-worker"}));
        assert_eq!(find(&[], &role, &ground), []);
        assert!(strays(&all, &BTreeSet::new()) && !strays(&all, &["vpc-1".to_owned()].into()));
        // What an Auto Scaling group has started is no stray.
        assert!(!strays(
            &[tagged("instance/i-1", "qa-worker"), tagged("volume/vol-1", "")],
            &BTreeSet::new()
        ));
    }

    #[test]
    fn what_nobody_plans_any_more_or_cannot_be_found_is_left_alone() {
        assert_eq!(found("module.cluster.aws_route.a", &json!({}), &[], &[]), None);
        assert!(find(&["a.b".to_owned()], &json!({}), &Ground::default()).is_empty());
    }
}
