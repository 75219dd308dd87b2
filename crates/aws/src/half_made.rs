//! What Terraform had begun to make and cannot know again by tags: balancers and target groups by their names, which are the only ones
//! of a region, and what a security group has before it is finished.

use crate::query::{BALANCERS, EC2, Query, each};
use crate::{Account, Failure};

impl Account {
    /// The ARN of the load balancer of this name.
    pub async fn balancer_named(&self, name: &str) -> Result<Option<String>, Failure> {
        self.arn_of("DescribeLoadBalancers", "LoadBalancerArn", name).await
    }

    /// The ARN of the target group of this name.
    pub async fn targets_named(&self, name: &str) -> Result<Option<String>, Failure> {
        self.arn_of("DescribeTargetGroups", "TargetGroupArn", name).await
    }

    async fn arn_of(&self, action: &str, key: &str, name: &str) -> Result<Option<String>, Failure> {
        let named = [("Names.member.1".to_owned(), name.to_owned())];
        match Query::of(&self.config).ask(BALANCERS, action, &named).await {
            // A balancer names its target groups, too, but never itself twice.
            Ok(answer) => Ok(each(&answer, key, |node| node.text().map(str::to_owned))?.into_iter().next()),
            Err(Failure::Missing) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Takes away the rule with which EC2 makes every security group: everything may go out. A provider does that at once after it has
    /// made the group.
    pub async fn close_new_group(&self, group: &str) -> Result<(), Failure> {
        let rule = [
            ("GroupId", group),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ];
        let rule = rule.map(|(key, value)| (key.to_owned(), value.to_owned()));
        match Query::of(&self.config).ask(EC2, "RevokeSecurityGroupEgress", &rule).await {
            Ok(_) | Err(Failure::Missing) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}
