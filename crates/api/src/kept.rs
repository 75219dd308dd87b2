//! What was kept of an environment that was destroyed: which volumes, until when, and what it takes to give them back.
//!
//! A `ControllerRevision` of the control namespace, like the revisions it lies beside: whoever may look at those reads it,
//! the operator alone writes it, and Kubernetes lets nobody change it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde::{Deserialize, Serialize};

use crate::environment::KeptVolume;
use crate::marks::{self, Owner};
use crate::revision::short_hash;

/// Value of [`marks::REVISION_OF`] on such a record.
pub const VOLUMES: &str = "volumes";

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptVolumes {
    pub project: String,
    pub environment: String,
    pub environment_uid: String,
    /// What jobs did to the data they did in this namespace.
    pub namespace_uid: String,
    pub class: String,
    /// Number of the revision it had last.
    pub revision: i64,
    pub until: Time,
    pub volumes: Vec<KeptClaim>,
}

/// A volume, and how the claim was that had it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptClaim {
    #[serde(flatten)]
    pub kept: KeptVolume,
    pub labels: BTreeMap<String, String>,
    pub access_modes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<String>,
}

impl KeptVolumes {
    /// By the environment's UID: one that was destroyed and one of the same name that came later have a record each.
    pub fn object_name(environment: &str, uid: &str) -> String {
        format!("{environment}-v{}", short_hash(&uid, 10))
    }

    /// The same of this record.
    pub fn object_name_of(&self) -> String {
        Self::object_name(&self.environment, &self.environment_uid)
    }

    /// The object that stores it, owned by the project if that is there.
    pub fn to_object(&self, owner: &Owner, project: Option<OwnerReference>) -> ControllerRevision {
        let mut labels = owner.labels();
        labels.insert(marks::REVISION_OF.to_owned(), VOLUMES.to_owned());
        ControllerRevision {
            metadata: ObjectMeta {
                name: Some(Self::object_name(&self.environment, &self.environment_uid)),
                namespace: Some(owner.control_namespace.clone()),
                labels: Some(labels),
                annotations: Some([(marks::KEPT_UNTIL.to_owned(), self.until.0.to_string())].into()),
                owner_references: project.map(|project| vec![project]),
                ..ObjectMeta::default()
            },
            data: serde_json::to_value(self).ok().map(RawExtension),
            revision: self.revision,
        }
    }

    /// `None` for a record that somebody damaged.
    pub fn from_object(object: &ControllerRevision) -> Option<Self> {
        serde_json::from_value(object.data.as_ref()?.0.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_namesakes_have_their_own() {
        let owner = Owner {
            install: "outboard".into(),
            control_namespace: "shop".into(),
            project: "shop".into(),
            environment: "qa".into(),
        };
        let until = Time(Timestamp::from_second(1_000_000).unwrap());
        let kept = KeptVolume {
            claim: "data-db-0".into(),
            service: "db".into(),
            size: "1Gi".into(),
            volume: "pvc-1".into(),
            until: until.clone(),
        };
        let claim = KeptClaim {
            kept,
            labels: BTreeMap::new(),
            access_modes: vec!["ReadWriteOnce".into()],
            storage_class: Some("fast".into()),
            volume_mode: None,
        };
        let record = KeptVolumes {
            project: "shop".into(),
            environment: "qa".into(),
            environment_uid: "1".into(),
            namespace_uid: "2".into(),
            class: "qa".into(),
            revision: 7,
            until,
            volumes: vec![claim],
        };
        let object = record.to_object(&owner, None);
        assert_eq!(KeptVolumes::from_object(&object), Some(record));
        assert_eq!(object.metadata.annotations.unwrap()[marks::KEPT_UNTIL], "1970-01-12T13:46:40Z");
        assert_ne!(KeptVolumes::object_name("qa", "1"), KeptVolumes::object_name("qa", "2"));
        assert!(KeptVolumes::object_name(&"q".repeat(38), "1").len() <= 63);
    }
}
