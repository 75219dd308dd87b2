//! Who owns which field: finds foreign field managers and folds what they added into our own entry,
//! so that the next apply removes it.
//!
//! Forced server-side apply alone takes back the fields we set, but keeps what others *added*.

use api::marks;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Map, Value};

use crate::kinds::Kind;

/// Managers that are part of Kubernetes or of the gateway, and write only what is theirs.
pub(crate) const TRUSTED: [&str; 4] =
    ["kube-controller-manager", "kube-scheduler", "kubelet", "kube-apiserver"];

/// What to do with an object's managed fields before applying to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The entries as they should be.
    pub entries: Vec<ManagedFieldsEntry>,
    /// Names of the managers whose fields are taken over.
    pub managers: Vec<String>,
}

/// Field managers that may add to our objects: Kubernetes' own, and those that an installation names, such as a
/// service mesh's.
#[derive(Clone, Debug, Default)]
pub struct Managers {
    allowed: Vec<String>,
}

impl Managers {
    pub fn allowing(names: &[String]) -> Self {
        Self { allowed: names.to_vec() }
    }

    /// Whether somebody wrote these fields who may not: neither we, nor Kubernetes itself, nor one that is allowed to.
    pub fn is_foreign(&self, entry: &ManagedFieldsEntry) -> bool {
        entry.manager.as_deref() != Some(marks::MANAGER) && !is_trusted(entry) && !self.is_allowed(entry)
    }

    /// Whether this one may add fields, though not change those that we set.
    pub fn is_allowed(&self, entry: &ManagedFieldsEntry) -> bool {
        entry.manager.as_ref().is_some_and(|manager| self.allowed.contains(manager))
    }
}

/// The correction an object needs, or none when every field belongs to whom it should.
pub fn correction(kind: Kind, entries: &[ManagedFieldsEntry], managers: &Managers) -> Option<Correction> {
    let (mut taken, mut kept) = (Vec::new(), Vec::new());
    for entry in entries {
        let stays = is_ours(entry) || is_trusted(entry) || managers.is_allowed(entry);
        let side = if stays { &mut kept } else { &mut taken };
        side.push(entry.clone());
    }
    if taken.is_empty() {
        return None;
    }
    let position = kept.iter().position(is_ours);
    let mut ours = position.map_or_else(|| template(&taken), |index| kept.remove(index));
    let mut fields = ours.fields_v1.take().map_or_else(|| Value::Object(Map::new()), |fields| fields.0);
    for entry in &taken {
        if let Some(extra) = &entry.fields_v1 {
            merge(&mut fields, &extra.0);
        }
    }
    if kind.scales() {
        // Replicas stay nobody's: applying without a field we own would reset it.
        if let Some(Value::Object(spec)) = fields.get_mut("f:spec") {
            spec.remove("f:replicas");
        }
    }
    ours.fields_v1 = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1(fields));
    let mut managers: Vec<String> = taken
        .iter()
        .filter_map(|entry| entry.manager.clone())
        .filter(|name| name != marks::MANAGER)
        .collect();
    managers.dedup();
    kept.insert(0, ours);
    Some(Correction { entries: kept, managers })
}

/// Our apply entry: the one that decides what an apply removes.
fn is_ours(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(marks::MANAGER)
        && entry.operation.as_deref() == Some("Apply")
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
}

/// Entries that may stay: subresources, Kubernetes' own components, other slices of outboard.
fn is_trusted(entry: &ManagedFieldsEntry) -> bool {
    let manager = entry.manager.as_deref().unwrap_or_default();
    !entry.subresource.as_deref().unwrap_or_default().is_empty()
        || TRUSTED.contains(&manager)
        || (manager.starts_with(marks::MANAGER_PREFIX) && manager != marks::MANAGER)
}

/// An empty apply entry of ours, for an object that so far knows only our POST.
fn template(taken: &[ManagedFieldsEntry]) -> ManagedFieldsEntry {
    let like = taken.iter().find(|entry| entry.manager.as_deref() == Some(marks::MANAGER)).or(taken.first());
    ManagedFieldsEntry {
        api_version: like.and_then(|entry| entry.api_version.clone()),
        fields_type: Some("FieldsV1".to_owned()),
        fields_v1: None,
        manager: Some(marks::MANAGER.to_owned()),
        operation: Some("Apply".to_owned()),
        subresource: None,
        time: like.and_then(|entry| entry.time.clone()),
    }
}

/// The union of two field sets.
pub(crate) fn merge(into: &mut Value, from: &Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        for (key, value) in from {
            match into.get_mut(key) {
                Some(have) => merge(have, value),
                None => {
                    into.insert(key.clone(), value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, subresource: Option<&str>, fields: Value) -> ManagedFieldsEntry {
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "subresource": subresource,
        });
        entry["fieldsV1"] = fields;
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn an_object_that_only_we_and_kubernetes_write_needs_no_correction() {
        let entries = [
            entry(marks::MANAGER, "Apply", None, json!({"f:spec": {"f:template": {}}})),
            entry("kube-controller-manager", "Update", Some("status"), json!({"f:status": {}})),
            entry("somebody", "Update", Some("scale"), json!({"f:spec": {"f:replicas": {}}})),
        ];
        assert_eq!(correction(Kind::Deployment, &entries, &Managers::default()), None);
    }

    #[test]
    fn fields_added_with_kubectl_are_folded_into_ours_so_that_the_next_apply_removes_them() {
        let entries = [
            entry(marks::MANAGER, "Apply", None, json!({"f:spec": {"f:image": {}}})),
            entry("kubectl-edit", "Update", None, json!({"f:spec": {"f:env": {}, "f:replicas": {}}})),
        ];
        let found = correction(Kind::Deployment, &entries, &Managers::default()).unwrap();
        assert_eq!(found.managers, ["kubectl-edit"]);
        assert_eq!(found.entries.len(), 1);
        let fields = &found.entries[0].fields_v1.as_ref().unwrap().0;
        assert_eq!(*fields, json!({"f:spec": {"f:image": {}, "f:env": {}}}), "replicas stay nobody's");
    }

    #[test]
    fn our_own_post_becomes_an_apply_entry_without_blaming_anybody() {
        let entries = [entry(marks::MANAGER, "Update", None, json!({"f:spec": {"f:image": {}}}))];
        let found = correction(Kind::Service, &entries, &Managers::default()).unwrap();
        assert!(found.managers.is_empty());
        assert_eq!(found.entries[0].operation.as_deref(), Some("Apply"));
    }

    #[test]
    fn what_an_allowed_manager_added_stays_its_own() {
        let entries = [
            entry(marks::MANAGER, "Apply", None, json!({"f:spec": {"f:image": {}}})),
            entry("mesh", "Update", None, json!({"f:metadata": {"f:annotations": {"f:mesh": {}}}})),
        ];
        let managers = Managers::allowing(&["mesh".to_owned()]);
        assert_eq!(correction(Kind::Deployment, &entries, &managers), None);
        assert!(!managers.is_foreign(&entries[1]) && Managers::default().is_foreign(&entries[1]));
    }
}
