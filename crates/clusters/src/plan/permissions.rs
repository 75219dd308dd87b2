//! What somebody who makes a cluster has to be allowed, one action for each kind of thing that is made or deleted.

use super::spec::{ClusterSpec, Topology};

const ALWAYS: [&str; 24] = [
    "ec2:AllocateAddress",
    "ec2:AssociateRouteTable",
    "ec2:AttachInternetGateway",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateInternetGateway",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateNatGateway",
    "ec2:CreateRoute",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
    "ec2:DeleteVpc",
    "ec2:RunInstances",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "s3:GetObject",
    "s3:PutObject",
    "tag:GetResources",
];
const KUBEADM: [&str; 10] = [
    "autoscaling:CreateAutoScalingGroup",
    "autoscaling:DeleteAutoScalingGroup",
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:DeleteLoadBalancer",
    "iam:AddRoleToInstanceProfile",
    "iam:CreateInstanceProfile",
    "route53:ChangeResourceRecordSets",
    "ssm:PutParameter",
];
const EKS: [&str; 9] = [
    "eks:AssociateAccessPolicy",
    "eks:CreateAccessEntry",
    "eks:CreateAddon",
    "eks:CreateCluster",
    "eks:CreateNodegroup",
    "eks:CreatePodIdentityAssociation",
    "eks:DeleteCluster",
    "iam:AttachRolePolicy",
    "logs:CreateLogGroup",
];

/// None for a module of one's own: nobody but it knows what it makes.
pub fn actions(spec: &ClusterSpec) -> Vec<&'static str> {
    let mut all = match spec.topology {
        Topology::Own => return Vec::new(),
        Topology::Kubeadm => [&ALWAYS[..], &KUBEADM].concat(),
        Topology::Eks => [&ALWAYS[..], &EKS].concat(),
    };
    let own_zone = spec.api.as_ref().is_none_or(|api| api.zone_id.is_none());
    if spec.topology == Topology::Kubeadm && own_zone {
        all.push("route53:CreateHostedZone");
    }
    all.sort_unstable();
    all
}

/// In words: what may be refused, or that nothing is. IAM does not know names and tags that nothing has yet, so this stands against
/// nothing.
pub fn remark(refused: &[String]) -> String {
    format!(
        "IAM would refuse {} to these credentials, unless a policy asks for names or tags that it was not told: {}",
        if refused.len() == 1 { "one action" } else { "some actions" },
        refused.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::spec::ClusterFile;
    use crate::plan::tests::kubeadm;

    #[test]
    fn who_names_a_zone_needs_not_make_one() {
        let mut value = kubeadm();
        let of = |value: &serde_json::Value| {
            let file: ClusterFile = serde_json::from_value(value.clone()).unwrap();
            actions(&file.spec)
        };
        assert!(of(&value).contains(&"route53:CreateHostedZone") && of(&value).is_sorted());
        value["spec"]["api"]["zoneId"] = "Z1".into();
        assert!(!of(&value).contains(&"route53:CreateHostedZone"));
        value["spec"]["topology"] = "eks".into();
        assert!(of(&value).contains(&"eks:CreateCluster") && !of(&value).contains(&"ssm:PutParameter"));
    }

    #[test]
    fn what_may_be_refused_is_named() {
        let refused = ["iam:CreateRole".to_owned(), "iam:PassRole".to_owned()];
        assert!(remark(&refused).ends_with(": iam:CreateRole, iam:PassRole"));
    }
}
