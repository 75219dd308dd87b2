//! The rivals' input, from the very objects that outboard rendered: a helm chart, and a list for kubectl.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use crate::tools::kubectl;

/// The objects of an environment's revision, without their namespace.
pub struct Objects(Vec<Value>);

impl Objects {
    pub fn of(control: &str, environment: &str) -> anyhow::Result<Self> {
        let revision = format!("{environment}-r1");
        let revision = kubectl(&["-n", control, "get", "controllerrevision", &revision, "-o", "json"], None)?;
        // Not ours any more: the operator must not look at what the rivals make.
        let revision = revision.replace("outboard.dev/install", "bench/install");
        let revision: Value = serde_json::from_str(&revision)?;
        let parts = revision["data"]["parts"].as_array().context("a revision has parts")?;
        let objects = parts.iter().flat_map(|part| {
            let objects = part["objects"].as_array().cloned().unwrap_or_default();
            objects.into_iter().map(|object| with_replicas(object, &part["replicas"]))
        });
        Ok(Self(objects.collect()))
    }

    /// A chart whose templates are these objects; helm adds the namespace.
    pub fn write_chart(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder.join("templates"))?;
        fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: light\nversion: 1.0.0\n")?;
        for (index, object) in self.0.iter().enumerate() {
            fs::write(folder.join(format!("templates/{index}.yaml")), serde_json::to_string_pretty(object)?)?;
        }
        Ok(())
    }

    /// A list for `kubectl apply`, the namespace first.
    pub fn list(&self, namespace: &str) -> String {
        let mut items =
            vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
        items.extend(self.0.iter().cloned().map(|mut object| {
            object["metadata"]["namespace"] = json!(namespace);
            object
        }));
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    pub fn deployments(&self) -> impl Iterator<Item = &str> {
        let deployments = self.0.iter().filter(|object| object["kind"] == "Deployment");
        deployments.filter_map(|object| object["metadata"]["name"].as_str())
    }
}

fn with_replicas(mut object: Value, replicas: &Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    if object["kind"] == "Deployment" {
        object["spec"]["replicas"] = replicas.clone();
    }
    object
}
