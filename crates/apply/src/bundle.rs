//! Objects of any kind that belong together and to a whole cluster: how each stands, and what would have to change.
//!
//! What is compared is what Kubernetes itself would make of them (a dry run), so that quantities, defaults and fields that it
//! writes in its own way are no difference. Writes nothing.

use std::collections::BTreeSet;

use api::plan::FieldChange;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::Value;

use crate::drift::{element, text};
use crate::ownership::TRUSTED;

/// What is applied together.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Field manager of all of it.
    pub manager: String,
    /// The label that says whose an object is.
    pub mark: (String, String),
    /// In the order in which they are written.
    pub objects: Vec<DynamicObject>,
    /// Field managers that may add to them, each with what follows its name.
    pub may_add: Vec<String>,
    /// Whether only the mark says so: another installation writes as the same field manager.
    pub by_mark_alone: bool,
    /// Whether what has the mark and is not among the objects goes.
    pub prunes: bool,
}

/// How one object stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Standing {
    Missing,
    Same,
    /// From what is there to what would be.
    Differs {
        fields: Vec<FieldChange>,
        /// Field managers that had a hand in it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        by: Vec<String>,
    },
    /// Kubernetes would not take it as it should be.
    Refused {
        why: String,
    },
    /// Somebody else made it.
    Foreign,
    /// It is being deleted.
    Going,
    /// It has the mark, and nobody asks for it any more.
    LeftOver,
}

/// One object of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
    #[serde(flatten)]
    pub standing: Standing,
}

impl Compared {
    pub(crate) fn of(object: &DynamicObject, standing: Standing) -> Self {
        let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
        Self { kind, namespace: object.namespace(), name: object.name_any(), standing }
    }

    /// As people name it.
    pub fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }
}

/// More fields than a person reads.
const TOLD: usize = 20;

impl Bundle {
    /// Whether an object that is there is this bundle's: a label that somebody took away does not make it another's.
    pub fn owns(&self, live: &DynamicObject) -> bool {
        let marked = live.labels().get(&self.mark.0) == Some(&self.mark.1);
        let wrote = entries(live).iter().any(|entry| entry.manager.as_deref() == Some(self.manager.as_str()));
        marked || (wrote && !self.by_mark_alone)
    }

    /// Whether somebody wrote these fields who may not.
    pub(crate) fn is_strange(&self, entry: &ManagedFieldsEntry) -> bool {
        let manager = entry.manager.as_deref().unwrap_or_default();
        let ours = manager == self.manager || manager.starts_with(api::marks::MANAGER_PREFIX);
        let subresource = !entry.subresource.as_deref().unwrap_or_default().is_empty();
        let allowed = self.may_add.iter().any(|allowed| manager.starts_with(allowed.as_str()));
        !(ours || subresource || allowed || TRUSTED.contains(&manager))
    }

    /// How an object stands whose dry run came out as `would`.
    pub(crate) fn judge(
        &self,
        wanted: &DynamicObject,
        live: &DynamicObject,
        would: &DynamicObject,
    ) -> Standing {
        let (Ok(wanted), Ok(now), Ok(then)) =
            (serde_json::to_value(wanted), serde_json::to_value(live), serde_json::to_value(would))
        else {
            return Standing::Refused { why: "it cannot be read".to_owned() };
        };
        let mut fields = Vec::new();
        differences(Some(&settled(now.clone())), Some(&settled(then)), "", &mut fields);
        let strange: Vec<&ManagedFieldsEntry> =
            entries(live).iter().filter(|entry| self.is_strange(entry)).collect();
        for entry in &strange {
            if let Some(set) = &entry.fields_v1 {
                added(&set.0, Some(&wanted), Some(&now), "", &mut fields);
            }
        }
        if fields.is_empty() {
            return Standing::Same;
        }
        fields.sort_by(|a, b| a.path.cmp(&b.path));
        fields.dedup();
        fields.truncate(TOLD);
        let by: BTreeSet<String> = strange.iter().filter_map(|entry| entry.manager.clone()).collect();
        Standing::Differs { fields, by: by.into_iter().collect() }
    }
}

pub(crate) fn entries(live: &DynamicObject) -> &[ManagedFieldsEntry] {
    live.metadata.managed_fields.as_deref().unwrap_or_default()
}

/// Without what Kubernetes keeps its own books in.
fn settled(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"]
        {
            metadata.remove(key);
        }
    }
    object
}

/// Every leaf that is not the same.
fn differences(now: Option<&Value>, then: Option<&Value>, path: &str, found: &mut Vec<FieldChange>) {
    if now == then {
        return;
    }
    match (now, then) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
            for key in keys {
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                differences(from.get(key), to.get(key), &at, found);
            }
        }
        (Some(Value::Array(from)), Some(Value::Array(to))) => {
            let name = |value: &Value| value["name"].as_str().map(str::to_owned);
            let named: Vec<String> = from.iter().chain(to).filter_map(name).collect();
            if named.len() == from.len() + to.len() {
                let of =
                    |list: &[Value], wanted: &str| list.iter().find(|value| value["name"] == wanted).cloned();
                for key in named.iter().collect::<BTreeSet<_>>() {
                    let (from, to) = (of(from, key), of(to, key));
                    differences(from.as_ref(), to.as_ref(), &format!("{path}[{key}]"), found);
                }
            } else {
                for index in 0..from.len().max(to.len()) {
                    differences(from.get(index), to.get(index), &format!("{path}[{index}]"), found);
                }
            }
        }
        _ => found.push(FieldChange { path: path.to_owned(), from: now.map(text), to: then.map(text) }),
    }
}

/// Leaves of a field set that nobody asked for. A dry run keeps those: they are their writer's.
fn added(
    set: &Value,
    wanted: Option<&Value>,
    there: Option<&Value>,
    path: &str,
    found: &mut Vec<FieldChange>,
) {
    let mut leaf = true;
    for (key, below) in set.as_object().into_iter().flatten().filter(|(key, _)| key.as_str() != ".") {
        leaf = false;
        if let Some(name) = key.strip_prefix("f:") {
            let at = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let step = |value: Option<&Value>| value.and_then(|value| value.get(name)).cloned();
            added(below, step(wanted).as_ref(), step(there).as_ref(), &at, found);
        } else if let Some(key) =
            key.strip_prefix("k:").and_then(|key| serde_json::from_str::<Value>(key).ok())
        {
            let names: Vec<String> =
                key.as_object().into_iter().flatten().map(|(_, value)| text(value)).collect();
            let at = format!("{path}[{}]", names.join(" "));
            added(below, element(wanted, &key), element(there, &key), &at, found);
        }
    }
    // What `kubectl rollout restart` leaves is a moment, and no setting.
    let restart = path.contains("annotations.kubectl.kubernetes.io/");
    if leaf && wanted.is_none() && there.is_some() && !restart && !path.starts_with("status") {
        found.push(FieldChange { path: path.to_owned(), from: there.map(text), to: None });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).unwrap()
    }

    fn bundle() -> Bundle {
        Bundle {
            manager: "outboard-addons".into(),
            mark: ("outboard.dev/addon".into(), "metrics-server".into()),
            objects: Vec::new(),
            may_add: vec!["cainjector".into()],
            by_mark_alone: false,
            prunes: true,
        }
    }

    fn wanted() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "metrics-server", "labels": {"outboard.dev/addon": "metrics-server"}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "server", "image": "a:1", "resources": {"requests": {"cpu": "0.1", "memory": "1024Mi"}}}]}}},
        })
    }

    /// As the API server stores it: quantities in its own way, and defaults filled in.
    fn stored(managers: Value) -> Value {
        let mut stored = wanted();
        let container = &mut stored["spec"]["template"]["spec"]["containers"][0];
        container["resources"]["requests"] = json!({"cpu": "100m", "memory": "1Gi"});
        container["terminationMessagePath"] = json!("/dev/termination-log");
        stored["spec"]["progressDeadlineSeconds"] = json!(600);
        stored["metadata"]["uid"] = json!("u-1");
        stored["metadata"]["managedFields"] = managers;
        stored
    }

    fn standing(live: Value) -> Standing {
        // A dry run of what is wanted comes out as it is stored, with what others have added.
        let mut would = stored(json!([]));
        would["metadata"]["resourceVersion"] = json!("7");
        if live["metadata"]["annotations"].is_object() {
            would["metadata"]["annotations"] = live["metadata"]["annotations"].clone();
        }
        bundle().judge(&object(wanted()), &object(live), &object(would))
    }

    #[test]
    fn quantities_and_defaults_that_the_server_writes_in_its_own_way_are_no_difference() {
        assert_eq!(
            standing(stored(json!([{"manager": "outboard-addons", "operation": "Apply"}]))),
            Standing::Same
        );
    }

    #[test]
    fn a_changed_field_is_told_with_who_had_a_hand_in_it() {
        let mut live = stored(json!([{"manager": "kubectl-edit", "operation": "Update",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"server\"}": {"f:image": {}}}}}}}}]));
        live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("evil:1");
        let path = "spec.template.spec.containers[server].image".to_owned();
        let fields = vec![FieldChange { path, from: Some("evil:1".into()), to: Some("a:1".into()) }];
        assert_eq!(standing(live), Standing::Differs { fields, by: vec!["kubectl-edit".into()] });
    }

    #[test]
    fn what_somebody_added_is_a_difference_and_what_an_allowed_one_adds_or_a_restart_is_none() {
        let live = |manager: &str, key: &str| {
            let mut live = stored(json!([{"manager": manager, "operation": "Update",
                "fieldsV1": {"f:metadata": {"f:annotations": {format!("f:{key}"): {}}}}}]));
            live["metadata"]["annotations"] = json!({key: "x"});
            live
        };
        let Standing::Differs { fields, .. } = standing(live("kubectl-annotate", "mine")) else {
            panic!("an addition is told")
        };
        assert_eq!((fields[0].path.as_str(), fields[0].to.as_deref()), ("metadata.annotations.mine", None));
        assert_eq!(standing(live("cainjector", "mine")), Standing::Same);
        assert_eq!(standing(live("kubectl-rollout", "kubectl.kubernetes.io/restartedAt")), Standing::Same);
    }

    #[test]
    fn an_object_is_ours_by_its_mark_or_by_who_wrote_it() {
        let mut bundle = bundle();
        let marked =
            object(json!({"metadata": {"name": "a", "labels": {"outboard.dev/addon": "metrics-server"}}}));
        let written =
            object(json!({"metadata": {"name": "a", "managedFields": [{"manager": "outboard-addons"}]}}));
        assert!(bundle.owns(&marked) && bundle.owns(&written));
        assert!(
            !bundle
                .owns(&object(json!({"metadata": {"name": "a", "labels": {"outboard.dev/addon": "cni"}}})))
        );
        assert!(!bundle.owns(&object(json!({"metadata": {"name": "a"}}))));
        // Two installations write alike: there the mark alone tells them apart.
        bundle.by_mark_alone = true;
        assert!(bundle.owns(&marked) && !bundle.owns(&written));
    }
}
