//! Nodes that are not there: KWOK plays them, and a policy sends the pods of one control namespace to them.
//!
//! The real node is never touched: fake nodes are tainted, so that nothing else lands on them, and an environment's
//! pods are given selector and toleration as they are created. Their Deployments stay as outboard rendered them.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::kubectl;

const NODE: &str = "bench.outboard.dev/fake-node";
const POLICY: &str = "bench-fake-nodes";
const STAGES: &str = include_str!("stages.yaml");
const NODES: usize = 10;

/// Nodes, policy and KWOK, for as long as this lives.
pub struct Fleet {
    kwok: Child,
    folder: TempDir,
}

impl Fleet {
    /// `control` is the control namespace whose environments run here.
    pub fn raise(control: &str) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        std::fs::write(folder.path().join("stages.yaml"), STAGES)?;
        let fleet = Self { kwok: start(&folder)?, folder };
        fleet
            .fill(control)
            .with_context(|| format!("the fake nodes do not come; KWOK says:\n{}", fleet.log()))?;
        Ok(fleet)
    }

    fn fill(&self, control: &str) -> anyhow::Result<()> {
        let nodes = (1..=NODES).map(node);
        let items: Vec<Value> = nodes.chain([policy(), binding(control)]).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], Some(&list.to_string()))?;
        let ready = ["wait", "--for=condition=Ready", "node", "-l", NODE, "--timeout=60s"];
        kubectl(&ready, None).map(drop)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for arguments in [
            ["delete", "mutatingadmissionpolicybinding", POLICY, "--ignore-not-found"],
            ["delete", "mutatingadmissionpolicy", POLICY, "--ignore-not-found"],
            ["delete", "node", "-l", NODE],
        ] {
            if let Err(error) = kubectl(&arguments, None) {
                eprintln!("failed to remove the fake nodes: {error:#}");
            }
        }
        let _ = self.kwok.kill();
        let _ = self.kwok.wait();
    }
}

fn start(folder: &TempDir) -> anyhow::Result<Child> {
    let log = File::create(folder.path().join("log"))?;
    let kubeconfig = std::env::var("KUBECONFIG").context("KUBECONFIG is not set")?;
    Command::new("kwok")
        .args(["--kubeconfig", &kubeconfig, "--manage-nodes-with-label-selector", NODE])
        .arg("--config")
        .arg(folder.path().join("stages.yaml"))
        .args(["--server-address", "127.0.0.1:10247", "--node-lease-duration-seconds", "40"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for us: without KWOK no pod of a fake node would ever go.
        .process_group(0)
        .spawn()
        .context("failed to start kwok; `testbed tools kwok` builds it")
}

fn node(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": format!("fake-{number}"), "labels": {NODE: ""}},
        "spec": {"taints": [{"key": NODE, "effect": "NoSchedule"}]},
    })
}

fn policy() -> Value {
    // Plain maps: Kubernetes 1.36's API server panics on a list of typed objects here.
    let json_patch = format!(
        "[JSONPatch{{op: 'add', path: '/spec/nodeSelector', value: {{'{NODE}': ''}}}}, \
          JSONPatch{{op: 'add', path: '/spec/tolerations', value: [{{'operator': 'Exists'}}]}}]"
    );
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
            ]},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": json_patch}}],
        },
    })
}

fn binding(control: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": POLICY},
        "spec": {
            "policyName": POLICY,
            "matchResources": {"namespaceSelector": {
                "matchLabels": {api::marks::CONTROL_NAMESPACE: control},
            }},
        },
    })
}
