//! Tells who asked the API server how often: an identity for each side, and a flow schema that counts it.
//!
//! Priority and fairness counts every request by the flow schema that its user falls under, and nothing else of the
//! API server's metrics knows users. Limits stay what they are: each schema has the level that its users have anyway.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scrape::Scrape;
use crate::tools::{kubectl, run_as};

pub const OPERATOR: &str = "operator";

/// The identities, for as long as this lives.
pub struct Asked {
    systems: Vec<String>,
    folder: TempDir,
}

impl Asked {
    /// Makes an identity for each system, and one schema more for the operator.
    pub fn know(systems: &[&str]) -> anyhow::Result<Self> {
        let asked =
            Self { systems: systems.iter().map(ToString::to_string).collect(), folder: TempDir::new()? };
        asked.forget();
        let account = json!({
            "kind": "ServiceAccount",
            "serviceAccount": {"namespace": "outboard-system", "name": "outboard-operator"},
        });
        let mut objects = vec![schema(OPERATOR, "workload-low", 8999, &account)];
        for system in &asked.systems {
            let user = json!({"kind": "User", "user": {"name": name(system)}});
            objects.push(schema(system, "global-default", 9800, &user));
            objects.push(json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": name(system)},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"kind": "User", "name": name(system), "apiGroup": "rbac.authorization.k8s.io"}],
            }));
            asked.write_kubeconfig(system)?;
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        kubectl(&["apply", "--server-side", "-f", "-"], Some(&list.to_string()))?;
        asked.systems.iter().try_for_each(|system| asked.wait(system))?;
        Ok(asked)
    }

    pub fn kubeconfig(&self, system: &str) -> PathBuf {
        self.folder.path().join(system)
    }

    /// The administrator's kubeconfig, but for whom it speaks.
    fn write_kubeconfig(&self, system: &str) -> anyhow::Result<()> {
        let text = kubectl(&["config", "view", "--raw", "--flatten", "--minify", "-o", "json"], None)?;
        let mut config: Value = serde_json::from_str(&text)?;
        config["users"][0]["user"]["as"] = json!(name(system));
        let path = self.kubeconfig(system);
        fs::write(&path, config.to_string())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// The API server takes a moment to sort by a new schema, and to allow by a new binding.
    fn wait(&self, system: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        let ask = |path: &Path| run_as(path, "kubectl", &["get", "namespaces", "-o", "name"], None);
        while ask(&self.kubeconfig(system)).is_err() || count(&Scrape::api_server()?, system) < 1.0 {
            ensure!(
                begun.elapsed() < Duration::from_secs(30),
                "requests of {} are not counted",
                name(system)
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn forget(&self) {
        for system in self.systems.iter().map(String::as_str).chain([OPERATOR]) {
            for kind in ["flowschema", "clusterrolebinding"] {
                let _ = kubectl(&["delete", kind, &name(system), "--ignore-not-found"], None);
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Requests of this side so far; a watch counts when it begins.
pub fn count(api_server: &Scrape, system: &str) -> f64 {
    let label = format!("flow_schema=\"{}\"", name(system));
    api_server.sum("apiserver_flowcontrol_dispatched_requests_total", &[&label])
}

fn name(system: &str) -> String {
    format!("bench-{system}")
}

fn schema(system: &str, level: &str, precedence: u32, subject: &Value) -> Value {
    json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": name(system)},
        "spec": {
            "priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": precedence,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{
                "subjects": [subject],
                "resourceRules": [{
                    "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"],
                }],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }],
        },
    })
}
