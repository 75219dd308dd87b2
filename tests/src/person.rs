//! Somebody else at the cluster: a client, a kubeconfig and kubectl that ask as they would.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use kube::{Client, Config};
use serde_json::json;
use tokio::task::spawn_blocking;

use crate::{Output, World};

/// A user that no login knows, by impersonation.
pub struct Person {
    pub name: String,
    pub client: Client,
    kubeconfig: PathBuf,
}

impl Person {
    pub async fn new(world: &World, name: &str) -> Result<Self> {
        let mut config = Config::infer().await?;
        config.auth_info.impersonate = Some(name.to_owned());
        let kubeconfig = world.kubeconfig(&format!("{name}.kubeconfig"), |file| {
            for user in file["users"].as_array_mut().into_iter().flatten() {
                user["user"]["as"] = json!(name);
            }
        })?;
        Ok(Self { name: name.to_owned(), client: Client::try_from(config)?, kubeconfig })
    }

    /// Runs `outboard -n <control namespace> …` as this person.
    pub async fn outboard(&self, world: &World, arguments: &[&str]) -> Result<Output> {
        world.outboard_as(&self.kubeconfig, arguments).await
    }

    /// What kubectl says, and whether it succeeded.
    pub async fn kubectl(&self, directory: &Path, arguments: &[&str]) -> Result<(bool, String)> {
        let mut command = Command::new(kubectl()?);
        command.args(arguments).current_dir(directory).env("KUBECONFIG", &self.kubeconfig);
        let output = spawn_blocking(move || command.output()).await?.context("failed to run kubectl")?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }
}

/// Where kubectl lies.
pub fn kubectl() -> Result<PathBuf> {
    let cache = match std::env::var_os("OUTBOARD_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("there is no HOME")?).join(".cache/outboard"),
    };
    Ok(cache.join("bin/current/kubectl"))
}
