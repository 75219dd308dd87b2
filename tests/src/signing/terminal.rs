//! A terminal without a kubeconfig, in which somebody signs in to a server, or has a token of a program.

use std::path::PathBuf;

use anyhow::{Context, Result};
use api::Exit;
use serde_json::Value;

use super::site::Site;
use crate::{Output, Running, World, binary, same};

pub struct Terminal<'a> {
    world: &'a World,
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl<'a> Terminal<'a> {
    /// In which nobody has signed in yet. `who`: of whom its folder is.
    pub fn new(world: &'a World, who: &str) -> Result<Self> {
        let home = world.directory().join(format!("home-{who}")).display().to_string();
        let variables =
            vec![("KUBECONFIG", String::new()), ("HOME", home.clone()), ("XDG_CONFIG_HOME", home)];
        Ok(Self { world, program: binary::path()?, variables })
    }

    /// Signs in by a code.
    pub async fn of(world: &'a World, site: &Site, name: &str) -> Result<Self> {
        let terminal = Self::new(world, name)?;
        terminal.sign_in(site, name).await?;
        Ok(terminal)
    }

    /// Another program than `outboard` itself: one that runs it.
    #[must_use]
    pub fn by(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    #[must_use]
    pub fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    /// What was told while somebody signed in.
    pub async fn sign_in(&self, site: &Site, name: &str) -> Result<Output> {
        let mut login = self.begin(&["login", &site.url(), "-o", "json"])?;
        let code =
            login.says("a code", |text| Some(said(text, "code")?["code"].as_str()?.to_owned())).await?;
        site.provider.allow(&code, name).await?;
        let output = login.ended().await?.ended(Exit::Success)?;
        let user = format!("oidc:{name}@example.com");
        same("who signed in", &output.last()?["result"]["user"], &user.into())?;
        Ok(output)
    }

    pub async fn outboard(&self, arguments: &[&str]) -> Result<Output> {
        let (program, variables) = (self.program.clone(), self.variables());
        let arguments = [&["-n", &self.world.name], arguments].concat();
        let output = binary::run_by(program, self.world.directory(), &variables, &arguments).await?;
        println!("{} → {} after {:.1} s", output.line, output.code, output.took.as_secs_f32());
        Ok(output)
    }

    pub fn begin(&self, arguments: &[&str]) -> Result<Running> {
        Running::begin_by(&self.program, self.world, &self.variables(), arguments)
            .context("failed to start a command")
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// The events that a command wrote so far.
fn said(text: &str, event: &str) -> Option<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.into_iter().find(|line| line["event"] == event)
}
