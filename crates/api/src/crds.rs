//! The custom resource definitions, as generated into `deploy/` and installed by `outboard install`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{Environment, HostClaim, Plan, Project};

/// Every definition, in the order in which to install them.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![Project::crd(), Environment::crd(), Plan::crd(), HostClaim::crd()]
}

/// Name of the definition whose deletion means: let go of everything, destroy nothing.
pub const ENVIRONMENTS: &str = "environments.outboard.dev";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_says_how_its_conditions_merge() {
        let crd = serde_json::to_value(Environment::crd()).unwrap();
        let conditions = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
            ["conditions"];
        assert_eq!(conditions["x-kubernetes-list-type"], "map", "{conditions:#}");
    }
}
