//! What a Kubernetes cluster makes in AWS by itself: load balancers with their groups and interfaces, and volumes. Deletes one
//! at a time, by its name; which ones is said by whoever asks.

use crate::query::{BALANCERS, CLASSIC, EC2, Query, Service, each, text};
use crate::{Account, Failure};

/// One of them, by what AWS deletes it by.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// By its ARN.
    LoadBalancer(String),
    /// Of the generation before, by its name.
    ClassicBalancer(String),
    /// By its ARN.
    TargetGroup(String),
    Interface(String),
    SecurityGroup(String),
    Volume(String),
}

/// What became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Deletion {
    /// It is deleted, or was not there any more.
    Done,
    /// Something else uses it still, in AWS' words.
    InUse(String),
}

impl Part {
    fn deletion(&self) -> (Service, &'static str, &'static str, &str) {
        match self {
            Self::LoadBalancer(arn) => (BALANCERS, "DeleteLoadBalancer", "LoadBalancerArn", arn),
            Self::ClassicBalancer(name) => (CLASSIC, "DeleteLoadBalancer", "LoadBalancerName", name),
            Self::TargetGroup(arn) => (BALANCERS, "DeleteTargetGroup", "TargetGroupArn", arn),
            Self::Interface(id) => (EC2, "DeleteNetworkInterface", "NetworkInterfaceId", id),
            Self::SecurityGroup(id) => (EC2, "DeleteSecurityGroup", "GroupId", id),
            Self::Volume(id) => (EC2, "DeleteVolume", "VolumeId", id),
        }
    }
}

impl Account {
    pub async fn delete(&self, part: &Part) -> Result<Deletion, Failure> {
        if let Part::SecurityGroup(group) = part {
            self.forget_group(group).await?;
        }
        let (service, action, name, value) = part.deletion();
        let parameters = [(name.to_owned(), value.to_owned())];
        match Query::of(&self.config).ask(service, action, &parameters).await {
            Ok(_) | Err(Failure::Missing) => Ok(Deletion::Done),
            Err(Failure::Refused(words)) if is_in_use(&words) => Ok(Deletion::InUse(words)),
            Err(failure) => Err(failure),
        }
    }
}

impl Account {
    /// Takes a group out of the rules of others: the cloud controller names its balancers' groups in that of the nodes, and a
    /// group that a rule names cannot be deleted.
    async fn forget_group(&self, group: &str) -> Result<(), Failure> {
        let query = Query::of(&self.config);
        let filter = |name: &str, value: &str| {
            [("Filter.1.Name".to_owned(), name.to_owned()), ("Filter.1.Value.1".to_owned(), value.to_owned())]
        };
        let asked = filter("ip-permission.group-id", group);
        let answer = query.ask(EC2, "DescribeSecurityGroups", &asked).await?;
        // Groups name groups within them, too: only what has permissions is one of the answer.
        let others = each(&answer, "item", |node| {
            node.children().find(|child| child.tag_name().name() == "ipPermissions")?;
            text(node, "groupId")
        })?;
        for other in others {
            let answer = query.ask(EC2, "DescribeSecurityGroupRules", &filter("group-id", &other)).await?;
            for rule in rules_from(&answer, group)? {
                let rule =
                    [("GroupId".to_owned(), other.clone()), ("SecurityGroupRuleId.1".to_owned(), rule)];
                match query.ask(EC2, "RevokeSecurityGroupIngress", &rule).await {
                    Ok(_) | Err(Failure::Missing) => {}
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(())
    }
}

/// Rules that let a group in, by their ids.
fn rules_from(answer: &str, group: &str) -> Result<Vec<String>, Failure> {
    each(answer, "item", |node| {
        let named = node.children().find(|child| child.tag_name().name() == "referencedGroupInfo")?;
        let lets_in = text(node, "isEgress").as_deref() != Some("true");
        (lets_in && text(named, "groupId").as_deref() == Some(group))
            .then(|| text(node, "securityGroupRuleId"))?
    })
}

fn is_in_use(words: &str) -> bool {
    const CODES: [&str; 5] = [
        "DependencyViolation",
        "InvalidNetworkInterface.InUse",
        "InvalidParameterValue",
        "ResourceInUse",
        "VolumeInUse",
    ];
    // What AWS says of an interface that is attached begins with the most general code there is.
    CODES.iter().any(|code| words.starts_with(code))
        && (!words.starts_with("InvalidParameterValue") || words.contains("in use"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_that_let_the_group_in_are_taken_away() {
        let rule = |id: &str, egress: bool, group: &str| {
            format!(
                "<item><securityGroupRuleId>{id}</securityGroupRuleId><isEgress>{egress}</isEgress>\
                 <referencedGroupInfo><groupId>{group}</groupId></referencedGroupInfo></item>"
            )
        };
        let rules = [rule("sgr-1", false, "sg-1"), rule("sgr-2", true, "sg-1"), rule("sgr-3", false, "sg-2")];
        let answer = format!(
            "<DescribeSecurityGroupRulesResponse>{}</DescribeSecurityGroupRulesResponse>",
            rules.concat()
        );
        assert_eq!(rules_from(&answer, "sg-1").unwrap(), ["sgr-1"]);
    }

    #[test]
    fn what_is_used_still_is_no_failure() {
        assert!(is_in_use("DependencyViolation: resource sg-1 has a dependent object"));
        assert!(is_in_use("InvalidParameterValue: Network interface 'eni-1' is currently in use."));
        assert!(!is_in_use("InvalidParameterValue: Invalid id"));
    }
}
