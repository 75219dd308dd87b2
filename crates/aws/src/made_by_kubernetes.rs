//! What a Kubernetes cluster makes in AWS by itself: load balancers with their groups and interfaces, and volumes. Deletes one
//! at a time, by its name; which ones is said by whoever asks.

use crate::query::{BALANCERS, CLASSIC, EC2, Query, Service};
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
        let (service, action, name, value) = part.deletion();
        let parameters = [(name.to_owned(), value.to_owned())];
        match Query::of(&self.config).ask(service, action, &parameters).await {
            Ok(_) | Err(Failure::Missing) => Ok(Deletion::Done),
            Err(Failure::Refused(words)) if is_in_use(&words) => Ok(Deletion::InUse(words)),
            Err(failure) => Err(failure),
        }
    }
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
    fn what_is_used_still_is_no_failure() {
        assert!(is_in_use("DependencyViolation: resource sg-1 has a dependent object"));
        assert!(is_in_use("InvalidParameterValue: Network interface 'eni-1' is currently in use."));
        assert!(!is_in_use("InvalidParameterValue: Invalid id"));
    }
}
