//! One object, with the place of everything in it.

use std::rc::Rc;

use serde_json::Value;

use super::super::note::Place;
use crate::file::spoken;
use crate::file::yaml::Document;

/// Kinds that run something.
pub const WORKLOADS: [&str; 6] = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"];

#[derive(Clone)]
pub struct Object {
    pub value: Value,
    file: String,
    at: String,
    document: Rc<Document>,
}

impl Object {
    pub fn new(value: &Value, document: &Document, at: &str, file: &str) -> Option<Self> {
        value.get("kind")?.as_str()?;
        value.pointer("/metadata/name")?.as_str()?;
        let document = Rc::new(document.clone());
        Some(Self { value: value.clone(), file: file.to_owned(), at: at.to_owned(), document })
    }

    pub fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether a controller or Kubernetes itself made it.
    pub fn is_made(&self) -> bool {
        let owned = self.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let by_controller =
            owned.into_iter().flatten().any(|owner| owner.get("controller") == Some(&Value::Bool(true)));
        let kubernetes = match self.kind() {
            "ConfigMap" => self.name() == "kube-root-ca.crt",
            "ServiceAccount" => self.name() == "default",
            "Secret" => self.value.get("type").and_then(Value::as_str).is_some_and(|kind| {
                kind == "kubernetes.io/service-account-token" || kind.starts_with("helm.sh/")
            }),
            "Endpoints" | "EndpointSlice" | "Event" | "ReplicaSet" | "ControllerRevision" => true,
            _ => false,
        };
        by_controller || kubernetes
    }

    /// Where something of it stands: `deployment/web.spec.replicas`.
    pub fn place(&self, pointer: &str) -> Place {
        let whole = format!("{}{pointer}", self.at);
        let (line, column) = self.document.place(&whole);
        let (kind, path) = (self.kind().to_ascii_lowercase(), spoken(pointer));
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        Place { file: self.file.clone(), line, column, path: format!("{kind}/{}{dot}{path}", self.name()) }
    }

    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer).filter(|value| !value.is_null())
    }

    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.get(pointer).and_then(Value::as_str)
    }
}

/// The items of a list, with the pointer of each.
pub fn items<'a>(value: Option<&'a Value>, at: &str) -> Vec<(&'a Value, String)> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.enumerate().map(|(index, item)| (item, format!("{at}/{index}"))).collect()
}

pub fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}
