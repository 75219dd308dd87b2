//! From a cluster to a saved plan that was read, judged and priced; nothing but that plan is ever applied.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::folder::{EVENTS, SavedPlan};
use crate::plan::cost::{self, Cost, Prices};
use crate::plan::names::Identity;
use crate::plan::root::{self, OUTPUT};
use crate::plan::rules::{self, Loss};
use crate::plan::spec::{AddonsSpec, ClusterFile, ClusterSpec, Nothing, Topology};
use crate::plan::summary::{self, PlanSummary};
use crate::plan::{contract, orphans};
use crate::stop::unless;
use crate::work::Work;
use crate::{Error, Event, Result, Sink, adopt, modules, recover};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// It is to be as its file says.
    Apply,
    /// Nothing of it is to stay.
    Destroy,
    /// What is there is compared with what was applied.
    Look,
}

/// A plan that was saved, and what it means.
pub struct Planned {
    pub summary: PlanSummary,
    pub cost: Option<Cost>,
    /// US dollars a month more than what was applied last.
    pub cost_delta: Option<f64>,
    /// Whether the file is the one that was applied last.
    pub unchanged: bool,
    /// Whether the cluster was never whole yet.
    pub first: bool,
    /// Whether it is to have add-ons.
    pub addons: bool,
    /// Holds values that are secret: neither is ever printed.
    pub(crate) shown: Value,
    pub(crate) saved: SavedPlan,
    pub(crate) digest: String,
}

/// What was applied last, and by which file.
#[derive(Clone, Debug, serde::Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Names what was written for Terraform.
    pub digest: String,
    /// RFC 3339 in UTC.
    pub at: String,
    pub engine: String,
    pub outboard: String,
    pub monthly: Option<f64>,
    /// Whether it was applied by one that knows add-ons.
    #[serde(default)]
    pub addons: bool,
    /// Without `inputs`, which are the module's own business.
    pub spec: ClusterSpec,
}

pub fn applied_key(identity: &Identity) -> String {
    format!("{}/applied.json", identity.prefix())
}

pub async fn applied(bucket: &aws::OwnBucket, identity: &Identity) -> Result<Option<Applied>> {
    let found = bucket.get(&applied_key(identity)).await;
    let found = found.map_err(|failure| Error::Aws { doing: "read what was applied last", failure })?;
    // One of a later outboard that cannot be read is as good as none.
    Ok(found.and_then(|found| serde_json::from_slice(&found.bytes).ok()))
}

pub async fn plan(
    work: &Work,
    purpose: Purpose,
    interrupted: &mut (impl Future<Output = ()> + Unpin),
    sink: Sink<'_>,
) -> Result<Planned> {
    if work.backend.is_some() && adopt::read(&work.bucket, &work.identity).await?.is_some() {
        return Err(Error::Adopted { name: work.identity.name.clone() });
    }
    let applied = match work.backend {
        Some(_) => applied(&work.bucket, &work.identity).await?,
        None => None,
    };
    let addons = gets_addons(&work.file, applied.as_ref());
    let digest = unless(interrupted, Box::pin(prepare(work, addons, sink))).await?;
    if work.backend.is_some() {
        // What writes the state is finished: it looks for an interruption between its steps.
        recover::unstored(work, sink).await?;
        let perhaps = recover::unrecorded(work, interrupted, sink).await?;
        let ground = recover::ground(work).await?;
        if !perhaps.is_empty() || orphans::strays(&ground.tagged, &ground.held) {
            let (shown, _saved) = unless(interrupted, shown(work, Purpose::Apply)).await?;
            recover::orphaned(work, &perhaps, &shown, ground, interrupted, sink).await?;
        }
        // Once is enough: what is done from here on has a stream of its own.
        work.folder.remove(EVENTS)?;
    }
    sink(Event::Doing { what: "planning".to_owned() });
    let (shown, saved) = unless(interrupted, shown(work, purpose)).await?;
    let summary = summary::read(&shown);
    let first = applied.is_none();
    let unchanged = applied.as_ref().is_some_and(|applied| applied.digest == digest);
    let cost = match purpose {
        Purpose::Destroy => None,
        _ => price(&work.file, &work.beside)?,
    };
    let cost_delta = cost
        .as_ref()
        .map(|cost| cost.monthly - applied.and_then(|applied| applied.monthly).unwrap_or_default());
    Ok(Planned { summary, cost, cost_delta, unchanged, first, addons, shown, saved, digest })
}

/// Whether a cluster is to have add-ons: one that was made before there were any gets none unless its file speaks of them.
fn gets_addons(file: &ClusterFile, applied: Option<&Applied>) -> bool {
    file.spec.addons.is_some() || applied.is_none_or(|applied| applied.addons)
}

/// Saves a plan, and reads it: what is applied later is this one and no other.
async fn shown(work: &Work, purpose: Purpose) -> Result<(Value, SavedPlan)> {
    let saved = work.folder.plan();
    // Without the lock: a saved plan is refused by itself if the state has moved meanwhile.
    let out = format!("-out={}", saved.name);
    let mut arguments = vec!["plan", "-json", "-input=false", "-lock=false", out.as_str()];
    if purpose == Purpose::Destroy {
        arguments.push("-destroy");
    }
    work.engine.call(work.folder.path(), "planning", &arguments).await?;
    let arguments = ["show", "-json", saved.name.as_str()];
    let shown = work.engine.value(work.folder.path(), "reading the plan", &arguments).await?;
    Ok((shown, saved))
}

impl Planned {
    /// Refuses what is never done. `loss`: somebody said that data may be lost; `hash`: which plan was agreed to.
    pub fn judge(&self, purpose: Purpose, loss: bool, hash: Option<&str>) -> Result<()> {
        if let Some(wanted) = hash.filter(|wanted| *wanted != self.summary.hash) {
            return Err(Error::OtherPlan { wanted: wanted.to_owned(), now: self.summary.hash.clone() });
        }
        if purpose == Purpose::Destroy {
            return Ok(());
        }
        let loss = match (loss, self.first) {
            (true, _) => Loss::Data,
            (false, true) => Loss::HalfMade,
            (false, false) => Loss::Nothing,
        };
        let violations = rules::violations(&self.shown, &self.summary, loss);
        if !violations.is_empty() {
            return Err(Error::Rules(violations));
        }
        let output = &self.shown["output_changes"][OUTPUT];
        let foreseen = contract::foreseen(&output["after"], &output["after_unknown"]);
        // A module that says nothing beforehand is asked afterwards.
        if output["after_unknown"] != true
            && let Err(problems) = contract::read(Some(&foreseen).filter(|value| !value.is_null()))
        {
            return Err(Error::Contract(problems));
        }
        Ok(())
    }
}

/// What it costs, as far as that can be known.
pub fn price(file: &ClusterFile, beside: &Path) -> Result<Option<Cost>> {
    let (what, others) = match &file.spec.prices {
        None => ("the table of prices".to_owned(), Ok(Value::Null)),
        Some(name) => {
            let path = beside.join(name);
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            let read = text.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
            (path.display().to_string(), read)
        }
    };
    let prices = others.and_then(|others| Prices::with(&others).map_err(|error| error.to_string()));
    let prices = prices.map_err(|why| Error::Unreadable { what, why })?;
    Ok(cost::cost(file, &prices))
}

/// Writes what Terraform reads, and has it fetch its provider.
async fn prepare(work: &Work, addons: bool, sink: Sink<'_>) -> Result<String> {
    let (files, source) = work.modules()?;
    let declared = modules::variables(&files);
    if work.file.spec.topology == Topology::Own && !declares_output(&files) {
        return Err(Error::Contract(contract::read(None).err().unwrap_or_default()));
    }
    work.folder.forget_plans()?;
    let mut file = work.file.clone();
    if !addons {
        // Nor does it get a driver or roles for them.
        file.spec.addons = Some(AddonsSpec::None(Nothing::None));
    }
    let root = root::module(&file, &work.identity, &source, &declared, work.backend.as_ref());
    let overlay = work.overlay()?;
    work.folder.write(&files, &root, overlay.as_deref())?;
    let mut judged = root.clone();
    // Where the state lies is no part of what is made.
    judged["terraform"]["backend"] = Value::Null;
    let digest = modules::digest(&files, &format!("{judged}{}", overlay.unwrap_or_default()));
    provider_lock(work).await?;
    sink(Event::Doing { what: format!("{} init", work.engine.name) });
    let arguments = ["init", "-input=false", "-no-color", "-reconfigure"];
    work.engine.call(work.folder.path(), "init", &arguments).await?;
    Ok(digest)
}

fn declares_output(files: &[modules::File]) -> bool {
    files.iter().any(|(path, content)| {
        let text = String::from_utf8_lossy(content);
        let hcl = path.ends_with(".tf") && text.lines().any(|line| line.starts_with("output \"outboard\""));
        let json =
            || serde_json::from_str::<Value>(&text).is_ok_and(|value| !value["output"][OUTPUT].is_null());
        hcl || (path.ends_with(".tf.json") && json())
    })
}

/// Which provider exactly, so that every machine takes the same: kept beside the state.
pub const PROVIDER_LOCK: &str = ".terraform.lock.hcl";

pub fn provider_lock_key(work: &Work) -> String {
    // Both engines name registries of their own in it.
    format!("{}/{}.lock.hcl", work.identity.prefix(), work.engine.name)
}

async fn provider_lock(work: &Work) -> Result<()> {
    if work.backend.is_none() || work.folder.file(PROVIDER_LOCK).exists() {
        return Ok(());
    }
    let found = work.bucket.get(&provider_lock_key(work)).await;
    let found = found.map_err(|failure| Error::Aws { doing: "read which provider was used", failure })?;
    match found {
        Some(found) => work.folder.put(PROVIDER_LOCK, &found.bytes),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::kubeadm;

    #[test]
    fn a_cluster_of_before_gets_add_ons_only_if_its_file_speaks_of_them() {
        let mut file: ClusterFile = serde_json::from_value(kubeadm()).unwrap();
        file.spec.addons = None;
        let of = |addons| Applied {
            digest: String::new(),
            at: String::new(),
            engine: String::new(),
            outboard: String::new(),
            monthly: None,
            addons,
            spec: file.spec.clone(),
        };
        assert!(gets_addons(&file, None), "a new one");
        assert!(gets_addons(&file, Some(&of(true))));
        assert!(!gets_addons(&file, Some(&of(false))));
        let mut asked = file.clone();
        asked.spec.addons = Some(AddonsSpec::None(Nothing::None));
        assert!(gets_addons(&asked, Some(&of(false))));
    }
}
