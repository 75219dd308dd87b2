//! `VersionQuery`: a question about the versions that a component's registry has. The operator alone reads registries, and answers.
//!
//! Short-lived as a `Plan` is: whoever asks writes one, reads its status and deletes it; the operator sweeps what was left behind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// So many versions unless another number is said, and never more: each takes requests to a registry, which counts them.
pub const USUAL: u16 = 20;
pub const MOST: u16 = 50;
/// A tag has at most so many characters, so nothing longer is in one.
pub const LONGEST: usize = 128;

/// Which versions of a component its registry has. It names no repository: that is the project's to say.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "outboard.dev",
    version = "v1alpha1",
    kind = "VersionQuery",
    plural = "versionqueries",
    namespaced,
    status = "VersionQueryStatus",
    derive = "PartialEq",
    category = "outboard",
    printcolumn = r#"{"name":"Project","type":"string","jsonPath":".spec.project"}"#,
    printcolumn = r#"{"name":"Component","type":"string","jsonPath":".spec.component"}"#,
    printcolumn = r#"{"name":"Match","type":"string","jsonPath":".spec.match"}"#,
    printcolumn = r#"{"name":"Verdict","type":"string","jsonPath":".status.verdict.message"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    validation = Rule::new("self.spec == oldSelf.spec").message("a question is about one thing: ask another")
)]
#[serde(rename_all = "camelCase")]
pub struct VersionQuerySpec {
    #[schemars(length(min = 1, max = 63))]
    pub project: String,
    /// The project revision whose repository counts; none: the project as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub project_revision: Option<String>,
    #[schemars(length(min = 1, max = 63))]
    pub component: String,
    /// The class whose credentials the registry is asked with.
    #[schemars(length(min = 1, max = 63))]
    pub class: String,
    /// Only tags that have this in them, whether large or small letters.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub matching: Option<String>,
    #[serde(default = "usual")]
    #[schemars(range(min = 1, max = 50))]
    pub limit: u16,
}

fn usual() -> u16 {
    USUAL
}

/// The answer of the operator; absent until it has looked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionQueryStatus {
    /// Which repository was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub repository: String,
    /// Newest first, as far as that can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<RegistryVersion>,
    /// How many tags match.
    #[serde(default)]
    pub matching: i64,
    /// How many were looked at.
    #[serde(default)]
    pub tags: i64,
    /// What else is to be known, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why the registry cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// One tag, and what its image says about itself: that is whoever built it speaking.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryVersion {
    pub tag: String,
    /// Of its index, or of its manifest where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was built. Registries do not tell when it was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Time>,
    /// The branch or tag of its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit of its source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The version that it says it is, where that is another word than its tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;

    use super::*;

    #[test]
    fn the_definition_bounds_what_is_asked_as_the_code_does() {
        let crd = serde_json::to_value(VersionQuery::crd()).unwrap();
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        assert_eq!(spec["properties"]["limit"]["maximum"], f64::from(MOST));
        assert_eq!(spec["properties"]["match"]["maxLength"], LONGEST);
        let usual: VersionQuerySpec =
            serde_json::from_str(r#"{"project": "shop", "component": "web", "class": "qa"}"#).unwrap();
        assert_eq!(usual.limit, USUAL);
    }
}
