//! What a cluster's own Kubernetes has made in AWS: Terraform knows nothing of it, and what it stands in cannot be deleted before it.

use aws::{Part, Tagged};
use serde::Serialize;

use super::root::TAG;

/// EKS' own group has it, and carries the tag of the cluster's Kubernetes as well.
const OF_EKS: &str = "aws:eks:cluster-name";

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Swept {
    /// What stands in the network, in the order in which it can go.
    pub before: Vec<Part>,
    /// What nodes hold until they are gone: volumes.
    pub after: Vec<Part>,
    /// ARNs of what is nobody's to delete: snapshots, and what no controller of Kubernetes makes.
    pub kept: Vec<String>,
}

/// How much there is of it, for people.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    pub load_balancers: usize,
    pub volumes: usize,
    pub others: usize,
}

impl Count {
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// Sorts what carries a tag of the cluster's Kubernetes. What Terraform or a group of its nodes has made carries outboard's
/// tag, too, and goes with it.
pub fn sort(tagged: &[Tagged]) -> Swept {
    let mut swept = Swept::default();
    // What EKS itself has made goes with the control plane, which Terraform destroys.
    let others = |one: &&Tagged| !one.tags.contains_key(TAG) && !one.tags.contains_key(OF_EKS);
    for one in tagged.iter().filter(others) {
        match part(&one.arn) {
            Some(part @ Part::Volume(_)) => swept.after.push(part),
            Some(part) => swept.before.push(part),
            None => swept.kept.push(one.arn.clone()),
        }
    }
    // The order of `Part` is the one in which they can go: groups are used by interfaces, and those by load balancers.
    swept.before.sort();
    swept.before.dedup();
    swept.after.dedup();
    swept
}

/// Terminated instances and deleted NAT gateways keep their tags for an hour. An instance that ran would have a volume and a
/// network interface with the tag, too, and a NAT gateway an address.
pub fn lingers(arn: &str) -> bool {
    arn.contains(":instance/") || arn.contains(":natgateway/")
}

impl Swept {
    /// Balancers come first: what they stand on is free once they are gone.
    pub fn balancers(&self) -> Vec<Part> {
        let balancer = |part: &&Part| {
            matches!(part, Part::LoadBalancer(_) | Part::ClassicBalancer(_) | Part::TargetGroup(_))
        };
        self.before.iter().filter(balancer).cloned().collect()
    }

    /// What may be used by nodes that are there still.
    pub fn rest(&self) -> Vec<Part> {
        let balancers = self.balancers();
        self.before.iter().filter(|part| !balancers.contains(part)).cloned().collect()
    }

    pub fn count(&self) -> Count {
        let balancer = |part: &&Part| matches!(part, Part::LoadBalancer(_) | Part::ClassicBalancer(_));
        let load_balancers = self.before.iter().filter(balancer).count();
        Count { load_balancers, volumes: self.after.len(), others: self.before.len() - load_balancers }
    }
}

fn part(arn: &str) -> Option<Part> {
    // arn:aws:SERVICE:REGION:ACCOUNT:WHAT
    let mut steps = arn.splitn(6, ':');
    let service = steps.nth(2)?;
    let (kind, name) = steps.nth(2)?.split_once('/')?;
    Some(match (service, kind) {
        ("elasticloadbalancing", "loadbalancer") if name.contains('/') => Part::LoadBalancer(arn.to_owned()),
        ("elasticloadbalancing", "loadbalancer") => Part::ClassicBalancer(name.to_owned()),
        ("elasticloadbalancing", "targetgroup") => Part::TargetGroup(arn.to_owned()),
        ("ec2", "network-interface") => Part::Interface(name.to_owned()),
        ("ec2", "security-group") => Part::SecurityGroup(name.to_owned()),
        ("ec2", "volume") => Part::Volume(name.to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(arn: &str, ours: bool) -> Tagged {
        let tags = if ours { [(TAG.to_owned(), "qa-1".to_owned())].into() } else { [].into() };
        Tagged { arn: format!("arn:aws:{arn}"), tags }
    }

    #[test]
    fn what_kubernetes_made_goes_in_the_order_in_which_it_can_and_nothing_of_terraforms() {
        let all = [
            tagged("ec2:eu-west-1:1:volume/vol-1", false),
            tagged("ec2:eu-west-1:1:volume/vol-2", true),
            tagged("ec2:eu-west-1:1:security-group/sg-1", false),
            tagged("ec2:eu-west-1:1:network-interface/eni-1", false),
            tagged("ec2:eu-west-1:1:snapshot/snap-1", false),
            tagged("elasticloadbalancing:eu-west-1:1:targetgroup/k8s/1", false),
            tagged("elasticloadbalancing:eu-west-1:1:loadbalancer/net/k8s/1", false),
            tagged("elasticloadbalancing:eu-west-1:1:loadbalancer/a1", false),
            Tagged {
                arn: "arn:aws:ec2:eu-west-1:1:security-group/sg-of-eks".into(),
                tags: [(OF_EKS.to_owned(), "qa-1".to_owned())].into(),
            },
        ];
        let swept = sort(&all);
        let arn = |rest: &str| format!("arn:aws:elasticloadbalancing:eu-west-1:1:{rest}");
        let expected = [
            Part::LoadBalancer(arn("loadbalancer/net/k8s/1")),
            Part::ClassicBalancer("a1".into()),
            Part::TargetGroup(arn("targetgroup/k8s/1")),
            Part::Interface("eni-1".into()),
            Part::SecurityGroup("sg-1".into()),
        ];
        assert_eq!(swept.before, expected);
        assert_eq!(swept.rest(), [Part::Interface("eni-1".into()), Part::SecurityGroup("sg-1".into())]);
        assert_eq!(swept.after, [Part::Volume("vol-1".into())]);
        assert_eq!(swept.kept, ["arn:aws:ec2:eu-west-1:1:snapshot/snap-1"]);
        assert_eq!(swept.count(), Count { load_balancers: 2, volumes: 1, others: 3 });
    }
}
