//! `testbed tools NAME…`: programs that only a bench or a few stories need, built when they are asked for and never before.

use anyhow::Context;

use crate::cache::Cache;
use crate::go;
use crate::kube::link_to;
use crate::lock::Lock;
use crate::step::{Did, step};

/// Builds each of them once, and links it beside kubectl.
pub fn tools(cache: &Cache, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let known = || go::ON_DEMAND.map(|tool| tool.name).join(", ");
        let tool = go::ON_DEMAND.iter().find(|tool| tool.name == name);
        let tool = tool.with_context(|| format!("there is no tool `{name}`; there are {}", known()))?;
        let path = tool.path(cache)?;
        step(tool.name, || {
            if path.exists() {
                return Ok(Did::Nothing);
            }
            // Two builds at once would write one file.
            let _lock = Lock::take(cache)?;
            tool.build(cache)
        })?;
        link_to(&path, &cache.tools().join(tool.name))?;
    }
    Ok(())
}
