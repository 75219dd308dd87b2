//! One lane of the soak: create → set → rollback → promote → destroy, each end state checked.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

use super::Soak;
use crate::{Output, same, until};

/// Every step, with all its kills.
const STEP: &str = "120s";
/// Somebody who repeats a command gives up at some time.
const REPEATS: usize = 5;
/// A watch that was lost is tried again after at most half a minute, by whoever has one.
const GATEWAY: Duration = Duration::from_secs(60);
const READABLE: Duration = Duration::from_secs(60);

pub struct Lane<'a> {
    pub soak: &'a Soak<'a>,
    pub number: usize,
}

impl Lane<'_> {
    /// Cycle after cycle, beside one environment of this lane that all of them promote to.
    pub async fn live(self) {
        let live = format!("live-{}", self.number);
        let created = self.insist(&["env", "create", &live, "--class", "production", "--set", "web=2"]).await;
        if let Err(error) = created {
            return self.soak.went_wrong(format!("{live}: {error:#}"));
        }
        while let Some(number) = self.soak.next() {
            let (name, begun) = (format!("qa-{number}"), Instant::now());
            // Even and odd ones go opposite ways, so that each promotion brings something new.
            let (first, second) = if number % 2 == 0 { ("1", "2") } else { ("2", "1") };
            match self.cycle(&name, &live, first, second).await {
                Ok(()) => println!("cycle {number}: {} ms", begun.elapsed().as_millis()),
                Err(error) => {
                    self.soak.went_wrong(format!("{name}: {error:#}"));
                    let _ = self.destroy(&name).await;
                }
            }
        }
        if let Err(error) = self.destroy(&live).await {
            self.soak.went_wrong(format!("{live}: {error:#}"));
        }
    }

    async fn cycle(&self, name: &str, live: &str, first: &str, second: &str) -> Result<()> {
        let (old, new) = (format!("web={first}"), format!("web={second}"));
        self.insist(&["env", "create", name, "--class", "qa", "--set", &old]).await?;
        self.runs(name, first).await.context("after create")?;
        let created = self.image(name).await?;
        self.insist(&["env", "set", name, "--set", &new]).await?;
        self.runs(name, second).await.context("after set")?;
        self.insist(&["env", "rollback", name, "--to", "1"]).await?;
        self.runs(name, first).await.context("after rollback")?;
        same("the bytes that were rolled back to", &self.image(name).await?, &created)?;
        self.insist(&["env", "promote", name, live]).await?;
        self.runs(live, first).await.context("after promote")?;
        same("the bytes that were promoted", &self.image(live).await?, &created)?;
        // Operators have come and gone meanwhile.
        self.runs(name, first).await.context("some time after rollback")?;
        same("the bytes some time after rollback", &self.image(name).await?, &created)?;
        self.destroy(name).await
    }

    async fn destroy(&self, name: &str) -> Result<()> {
        self.insist(&["env", "destroy", name, "--yes"]).await?;
        let left = self.read("the namespace", async || self.soak.world.namespace_exists(name).await).await?;
        ensure!(!left, "the namespace of {name} is still there");
        Ok(())
    }

    /// Its Deployment is of this version, and that answers through the gateway: at once, as Ready promises, unless the
    /// API server has just been away. Then whoever passes requests on may not have come back to it yet.
    async fn runs(&self, name: &str, version: &str) -> Result<()> {
        let image = self.image(name).await?;
        ensure!(image.contains(&format!("/web:{version}@")), "{name} is to run {image}");
        let answers = async || {
            let answer = self.soak.world.get(name, "/version").await?;
            ensure!(answer.status == 200, "{name} answers {} {}", answer.status, answer.body);
            same(&format!("the version of {name}"), &answer.version.as_deref(), &Some(version))
        };
        let Err(error) = answers().await else { return Ok(()) };
        let lately = Instant::now().checked_sub(GATEWAY).context("the machine has only just started")?;
        if !self.soak.outages.since(lately) {
            return Err(error);
        }
        println!("late: {error:#}");
        self.soak.late.fetch_add(1, Ordering::Relaxed);
        until(&format!("version {version} of {name}"), GATEWAY, async || answers().await.map(Some)).await
    }

    /// The image that its Deployment asks for, with its digest.
    async fn image(&self, name: &str) -> Result<String> {
        let world = self.soak.world;
        let deployments = Api::<Deployment>::namespaced(world.client.clone(), &world.namespace(name));
        let web = self.read("the Deployment", async || Ok(deployments.get("web").await?)).await?;
        let pod = web.spec.and_then(|spec| spec.template.spec).context("a Deployment without pods")?;
        let image = pod.containers.into_iter().next().and_then(|container| container.image);
        image.filter(|image| image.contains("@sha256:")).context("an image without digest")
    }

    /// The first answer counts; until there is one, the API server may be away.
    async fn read<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        until(&format!("{what} read"), READABLE, async || Ok(Some(ask().await?))).await
    }

    /// Runs a command until it succeeds; repeats it only if the API server was away, as a person would.
    async fn insist(&self, arguments: &[&str]) -> Result<Output> {
        let arguments = [arguments, &["--timeout", STEP]].concat();
        for _ in 0..REPEATS {
            let begun = Instant::now();
            let output = self.soak.world.outboard(&arguments).await?;
            if !(self.soak.outages.since(begun) && says_try_again(&output)) {
                return output.ended(Exit::Success);
            }
            println!("repeated: {}", output.stderr.trim());
            self.soak.repeated.fetch_add(1, Ordering::Relaxed);
            self.soak.outages.over().await;
        }
        self.soak.world.outboard(&arguments).await?.ended(Exit::Success)
    }
}

/// Exit codes that say that nothing is wrong with what was asked for. An API server that has just started refuses
/// everybody for a moment.
fn says_try_again(output: &Output) -> bool {
    [Exit::Unreachable, Exit::NoOperator, Exit::Forbidden]
        .iter()
        .any(|exit| output.code == i32::from(exit.code()))
}
