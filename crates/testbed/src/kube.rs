//! The Kubernetes binary under its many names, and kubectl for everybody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::cache::Cache;
use crate::go;
use crate::template::write;

const NAMES: [&str; 7] = [
    "kubeadm",
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
    "kubelet",
    "kube-proxy",
    "kube-scheduler",
];

/// The path of a component beside the binary it is a link to.
pub fn component(cache: &Cache, name: &str) -> anyhow::Result<PathBuf> {
    Ok(go::KUBE.path(cache)?.with_file_name(name))
}

pub fn link(cache: &Cache) -> anyhow::Result<()> {
    for name in NAMES {
        link_to(Path::new("kube"), &component(cache, name)?)?;
        // For people: a PATH entry that stays the same over versions.
        link_to(&component(cache, name)?, &cache.tools().join(name))?;
    }
    Ok(())
}

pub fn link_to(target: &Path, link: &Path) -> anyhow::Result<()> {
    if fs::read_link(link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    fs::create_dir_all(link.parent().context("a link has a folder")?)?;
    let temporary = link.with_extension("new");
    let _ = fs::remove_file(&temporary);
    std::os::unix::fs::symlink(target, &temporary)?;
    fs::rename(&temporary, link)?;
    Ok(())
}

/// kubectl for a cluster: the testbed's, or the one the kubeconfig names.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(cache: &Cache) -> anyhow::Result<Self> {
        Ok(Self { program: component(cache, "kubectl")?, kubeconfig: cache.admin() })
    }

    pub fn existing(cache: &Cache, kubeconfig: &Path) -> anyhow::Result<Self> {
        let ours = component(cache, "kubectl")?;
        let program = if ours.exists() { ours } else { PathBuf::from("kubectl") };
        Ok(Self { program, kubeconfig: kubeconfig.to_owned() })
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }

    pub fn get(&self, arguments: &[&str]) -> anyhow::Result<String> {
        crate::command::output(self.command().arg("get").args(arguments))
    }

    pub fn ready(&self) -> bool {
        self.get(&["--raw", "/readyz", "--request-timeout=2s"]).is_ok()
    }

    /// Server-side apply of the text: whole, and with one field manager.
    pub fn apply(&self, cache: &Cache, name: &str, text: &str) -> anyhow::Result<()> {
        let file = cache.config().join(format!("{name}.yaml"));
        write(&file, text)?;
        self.apply_file(cache, name, &file)
    }

    pub fn apply_file(&self, cache: &Cache, name: &str, file: &Path) -> anyhow::Result<()> {
        let mut command = self.command();
        command
            .args(["apply", "--server-side", "--force-conflicts", "--field-manager=testbed", "-f"])
            .arg(file);
        crate::command::run(&mut command, &cache.log(&format!("apply-{name}")))
    }

    /// Waits for a condition; if it does not come, says how the pods are.
    pub fn wait(&self, namespace: &str, condition: &str, objects: &[&str]) -> anyhow::Result<()> {
        let mut command = self.command();
        command.args(["--namespace", namespace, "wait", "--timeout=120s"]);
        command.arg(format!("--for={condition}")).args(objects);
        crate::command::output(&mut command).map(drop).map_err(|error| {
            let pods = self.get(&["pods", "-A", "-o", "wide"]).unwrap_or_default();
            error.context(format!("{} did not become {condition}; the pods:\n{pods}", objects.join(", ")))
        })
    }
}
