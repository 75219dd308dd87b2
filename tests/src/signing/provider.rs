//! Where people of a story sign in: a provider of its own, on this machine.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use testbed::Cache;

use super::process::Process;
use super::way::Way;
use crate::ui::Page;
use crate::{World, until};

const START: Duration = Duration::from_secs(30);
/// Of everybody at the provider.
pub(super) const PASSWORD: &str = "secret";

pub struct Provider {
    pub(super) way: Way,
    _process: Process,
}

impl Provider {
    /// On this machine only. `back`: where it sends people who signed in to.
    pub(super) async fn start(world: &World, back: &str) -> Result<Self> {
        let listen = format!("127.0.0.1:{}", super::free_port("127.0.0.1")?);
        Self::listening(world, &listen, Way::Clear(listen.clone()), back).await
    }

    /// One that is reached otherwise than where it listens.
    pub(super) async fn listening(world: &World, listen: &str, way: Way, back: &str) -> Result<Self> {
        if testbed::tool("oidc").is_err() {
            testbed::tools(&Cache::open()?, &["oidc".to_owned()])?;
        }
        let log = File::create(world.directory().join("provider.log"))?;
        let process = Command::new(testbed::tool("oidc")?)
            .args([listen, &way.url(), back])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("failed to start the provider")?;
        let provider = Self { way, _process: Process(process) };
        until("the provider answers", START, async || {
            let asked = provider.way.get("/.well-known/openid-configuration").await;
            Ok(asked.is_ok_and(|page| page.status == 200).then_some(()))
        })
        .await?;
        Ok(provider)
    }

    /// As it calls itself.
    pub fn issuer(&self) -> String {
        self.way.url()
    }

    pub(super) async fn form(&self, path: &str, body: &str) -> Result<Page> {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.way.visit(Method::POST, path, &form, body).await
    }

    /// What somebody does at the page of codes.
    pub async fn allow(&self, code: &str, name: &str) -> Result<()> {
        let body = format!("user_code={code}&username={name}&password={PASSWORD}");
        let page = self.form("/device/login", &body).await?;
        let cookie = page.header("set-cookie").context("the provider knows no such code")?.to_owned();
        let cookie = cookie.split(';').next().unwrap_or_default();
        let confirm = "/device/confirm?action=allowed";
        let page = self.way.visit(Method::GET, confirm, &[("cookie", cookie)], "").await?;
        ensure!(page.status == 200, "the code was not allowed: {page:?}");
        Ok(())
    }
}
