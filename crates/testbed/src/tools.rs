//! `testbed tools NAME…`: programs that only a bench or a few stories need, built when they are asked for and never before.

use std::path::PathBuf;

use anyhow::Context;

use crate::browser;
use crate::cache::Cache;
use crate::debian;
use crate::go;
use crate::kube::link_to;
use crate::lock::Lock;
use crate::provider;
use crate::python;
use crate::step::{Did, step};

/// Where such a program comes from.
#[derive(Clone, Copy, Debug)]
enum OnDemand {
    Go(go::Tool),
    Python(python::Program),
    Debian(debian::Programs),
    Provider,
    Browser,
}

const ON_DEMAND: [OnDemand; 23] = [
    OnDemand::Go(go::HELM),
    OnDemand::Go(go::KWOK),
    OnDemand::Go(go::STERN),
    OnDemand::Go(go::TALK),
    OnDemand::Go(go::CHATTER),
    OnDemand::Go(go::TOFU),
    OnDemand::Go(go::RCLONE),
    OnDemand::Go(go::S5CMD),
    OnDemand::Go(go::CERT_MANAGER),
    OnDemand::Go(go::EXTERNAL_DNS),
    OnDemand::Go(go::OIDC),
    OnDemand::Python(python::MOTO),
    OnDemand::Python(python::AWS),
    OnDemand::Python(python::SCHEMATHESIS),
    OnDemand::Python(python::SHELLCHECK),
    OnDemand::Python(python::CHECKOV),
    OnDemand::Debian(debian::MARIADB),
    OnDemand::Debian(debian::MYDUMPER),
    OnDemand::Debian(debian::REDIS),
    OnDemand::Debian(debian::REDIS8),
    OnDemand::Debian(debian::PROMETHEUS),
    OnDemand::Provider,
    OnDemand::Browser,
];

impl OnDemand {
    fn named(name: &str) -> anyhow::Result<Self> {
        let known = || ON_DEMAND.map(|tool| tool.name()).join(", ");
        let tool = ON_DEMAND.into_iter().find(|tool| tool.name() == name);
        tool.with_context(|| format!("there is no tool `{name}`; there are {}", known()))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Go(tool) => tool.name,
            Self::Python(program) => program.name,
            Self::Debian(programs) => programs.name,
            Self::Provider => provider::NAME,
            Self::Browser => browser::NAME,
        }
    }

    fn path(&self, cache: &Cache) -> anyhow::Result<PathBuf> {
        match self {
            Self::Go(tool) => tool.path(cache),
            Self::Python(program) => program.path(cache),
            Self::Debian(programs) => programs.path(cache),
            Self::Provider => Ok(provider::path(cache)),
            Self::Browser => browser::path(cache),
        }
    }

    fn is_there(&self, cache: &Cache) -> anyhow::Result<bool> {
        match self {
            Self::Browser => browser::is_whole(cache),
            other => Ok(other.path(cache)?.exists()),
        }
    }

    fn make(&self, cache: &Cache) -> anyhow::Result<Did> {
        match self {
            Self::Go(tool) => tool.build(cache),
            Self::Python(program) => program.install(cache),
            Self::Debian(programs) => programs.install(cache),
            Self::Provider => provider::install(cache),
            Self::Browser => browser::install(cache),
        }
    }
}

/// Makes each of them once, and links it beside kubectl.
pub fn tools(cache: &Cache, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let tool = OnDemand::named(name)?;
        let path = tool.path(cache)?;
        step(tool.name(), || {
            if tool.is_there(cache)? {
                return Ok(Did::Nothing);
            }
            // Two builds at once would write one file.
            let _lock = Lock::take(cache)?;
            tool.make(cache)
        })?;
        link_to(&path, &cache.tools().join(tool.name()))?;
    }
    Ok(())
}

/// Where a tool lies that was made before.
pub fn tool(cache: &Cache, name: &str) -> anyhow::Result<PathBuf> {
    let tool = OnDemand::named(name)?;
    anyhow::ensure!(tool.is_there(cache)?, "{name} is not there yet: run `testbed tools {name}`");
    tool.path(cache)
}
