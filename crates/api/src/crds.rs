//! The custom resource definitions, as generated into `deploy/` and installed by `outboard install`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{DataCopy, Environment, HostClaim, Hostname, Plan, Project, VersionQuery};

/// Every definition, in the order in which to install them.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        Project::crd(),
        Environment::crd(),
        Plan::crd(),
        HostClaim::crd(),
        Hostname::crd(),
        DataCopy::crd(),
        VersionQuery::crd(),
    ]
}

/// Name of the definition whose deletion means: let go of everything, destroy nothing.
pub const ENVIRONMENTS: &str = "environments.outboard.dev";

/// The same of named hosts: their records stay.
pub const HOSTNAMES: &str = "hostnames.outboard.dev";

#[cfg(test)]
mod tests {
    use super::*;

    /// Kubernetes compiles patterns with Go's library, which refuses a larger number.
    #[test]
    fn no_pattern_counts_further_than_kubernetes_does() {
        let text = serde_json::to_string(&all()).unwrap();
        let braces =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(inside, _)| inside);
        let counts =
            braces.flat_map(|inside| inside.split(',')).filter_map(|number| number.parse::<u64>().ok());
        assert_eq!(counts.filter(|count| *count > 1000).collect::<Vec<_>>(), Vec::<u64>::new());
    }

    #[test]
    fn every_definition_says_how_its_conditions_merge() {
        let crd = serde_json::to_value(Environment::crd()).unwrap();
        let conditions = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
            ["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map", "{conditions:#}");
    }
}
