//! Where everything lies: `$OUTBOARD_CACHE` (by default `~/.cache/outboard`) is kept, its `testbed` folder is the
//! running cluster and goes with it. Knows paths only.

use std::path::{Path, PathBuf};

use anyhow::Context;

#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    pub fn open() -> anyhow::Result<Self> {
        let root = match std::env::var_os("OUTBOARD_CACHE") {
            Some(root) => PathBuf::from(root),
            None => {
                std::env::home_dir().context("HOME is not set; set OUTBOARD_CACHE")?.join(".cache/outboard")
            }
        };
        std::fs::create_dir_all(&root).with_context(|| format!("failed to make {}", root.display()))?;
        // Processes and mounts are told by their paths, so there must be one spelling of them.
        Ok(Self { root: root.canonicalize()? })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Binaries, each in a folder named by what it was made from.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Go's build and module caches.
    pub fn go(&self) -> PathBuf {
        self.root.join("go")
    }

    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// What was pushed to the registry; outlives the cluster.
    pub fn registry(&self) -> PathBuf {
        self.root.join("registry")
    }

    /// Images that the node pulled; outlive the cluster.
    pub fn containerd(&self) -> PathBuf {
        self.root.join("containerd")
    }

    /// Logs outlive the cluster too, until the next one starts.
    pub fn logs(&self) -> PathBuf {
        self.root.join("testbed-logs")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Everything of the running cluster.
    pub fn state(&self) -> PathBuf {
        self.root.join("testbed")
    }

    pub fn pids(&self) -> PathBuf {
        self.state().join("pids")
    }

    pub fn config(&self) -> PathBuf {
        self.state().join("config")
    }

    pub fn pki(&self) -> PathBuf {
        self.state().join("pki")
    }

    pub fn volumes(&self) -> PathBuf {
        self.state().join("volumes")
    }

    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        self.state().join("kubeconfig").join(name)
    }

    pub fn admin(&self) -> PathBuf {
        self.kubeconfig("super-admin.conf")
    }

    /// Links to the binaries of the running cluster, by their usual names.
    pub fn tools(&self) -> PathBuf {
        self.bin().join("current")
    }
}
