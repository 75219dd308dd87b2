//! A control namespace with one project for the time of a measurement. Whatever an earlier run left is removed first,
//! and everything of this one afterwards, however it went.

use std::fs;

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::{kubectl, outboard};

pub struct Scene {
    /// Control namespace and project are called the same.
    pub name: String,
    folder: TempDir,
}

/// Runs `measure` in a scene of its own.
pub fn with<T>(
    name: &str,
    spec: &Value,
    measure: impl FnOnce(&Scene) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    clear(name).context("failed to remove what an earlier run left")?;
    let measured = Scene::set(name, spec).and_then(|scene| measure(&scene));
    if let Err(error) = &measured {
        // Cleaning up may take long, and may be cut short.
        eprintln!("{error:#}; cleaning up");
    }
    let cleared = clear(name).context("failed to clean up");
    match measured {
        Ok(found) => cleared.map(|()| found),
        Err(error) => {
            if let Err(also) = cleared {
                eprintln!("{also:#}");
            }
            Err(error)
        }
    }
}

impl Scene {
    fn set(name: &str, spec: &Value) -> anyhow::Result<Self> {
        let scene = Self { name: name.to_owned(), folder: TempDir::new()? };
        scene.store(spec)?;
        Ok(scene)
    }

    /// Stores the project anew, with this spec.
    pub fn store(&self, spec: &Value) -> anyhow::Result<()> {
        let project = json!({
            "apiVersion": "outboard.dev/v1alpha1", "kind": "Project", "metadata": {"name": self.name}, "spec": spec,
        });
        let file = self.folder.path().join("outboard.yaml");
        fs::write(&file, project.to_string())?;
        outboard(&["-n", &self.name, "project", "apply", "--file", &file.to_string_lossy()]).map(drop)
    }

    /// Destroys every environment, with the records of their revisions, so that the next ones start from nothing.
    pub fn empty(&self) -> anyhow::Result<()> {
        destroy_all(&self.name)?;
        let records = "outboard.dev/revision-of=environment";
        kubectl(&["-n", &self.name, "delete", "controllerrevision", "-l", records], None).map(drop)
    }
}

fn destroy_all(control: &str) -> anyhow::Result<()> {
    let limit = "--timeout=60m";
    kubectl(&["-n", control, "delete", "environments.outboard.dev", "--all", "--wait", limit], None).map(drop)
}

/// Removes a control namespace. Environments first: deleting the namespace alone would let go of them.
pub fn clear(control: &str) -> anyhow::Result<()> {
    if kubectl(&["get", "namespace", control, "--ignore-not-found", "-o", "name"], None)?.is_empty() {
        return Ok(());
    }
    destroy_all(control)?;
    kubectl(&["delete", "namespace", control, "--wait", "--timeout=10m"], None).map(drop)
}

/// Removes what rivals made.
pub fn remove_namespaces(prefix: &str) -> anyhow::Result<()> {
    let all = kubectl(&["get", "namespaces", "-o", "name"], None)?;
    let theirs = |name: &&str| name.strip_prefix("namespace/").is_some_and(|name| name.starts_with(prefix));
    let theirs: Vec<&str> = all.lines().filter(theirs).collect();
    if theirs.is_empty() {
        return Ok(());
    }
    kubectl(&[&["delete", "--wait", "--timeout=20m"], theirs.as_slice()].concat(), None).map(drop)
}

/// A spec of `components` components called `app-1`, `app-2`…, one replica each: no port, no health, no route.
pub fn light(components: usize) -> anyhow::Result<Value> {
    let (image, version) = image()?;
    let component = json!({
        "image": image, "version": version, "resources": {"cpu": "1m", "memory": "32Mi"}, "scale": {"min": 1},
    });
    let components: serde_json::Map<String, Value> =
        (1..=components).map(|number| (format!("app-{number}"), component.clone())).collect();
    Ok(json!({"components": components}))
}

/// An image that does nothing, and that the node has: `IMAGE`, else the testbed's pause.
fn image() -> anyhow::Result<(String, String)> {
    let full = match std::env::var("IMAGE") {
        Ok(image) => image,
        Err(_) => {
            let names = "jsonpath={range .items[*].status.images[*]}{.names[*]}{\"\\n\"}{end}";
            let names = kubectl(&["get", "nodes", "-o", names], None)?;
            let pause = |name: &&str| name.contains("testbed/pause:") && !name.contains('@');
            let found = names
                .split_whitespace()
                .find(pause)
                .context("no node has the testbed's pause image; set IMAGE")?;
            found.to_owned()
        }
    };
    let (image, version) = full.rsplit_once(':').context("IMAGE has no tag")?;
    Ok((image.to_owned(), version.to_owned()))
}
