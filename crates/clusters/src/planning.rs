//! From a cluster to a saved plan that was read, judged and priced; nothing but that plan is ever applied.

use serde::Serialize;
use serde_json::Value;

use crate::folder::{EVENTS, PLAN};
use crate::plan::cost::{self, Cost, Prices};
use crate::plan::names::Identity;
use crate::plan::root::{self, OUTPUT};
use crate::plan::spec::{ClusterFile, ClusterSpec, Topology};
use crate::plan::summary::{self, PlanSummary};
use crate::plan::{contract, orphans, rules};
use crate::work::Work;
use crate::{Error, Event, Result, Sink, modules, recover};

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
#[derive(Debug)]
pub struct Planned {
    pub summary: PlanSummary,
    pub cost: Option<Cost>,
    /// US dollars a month more than what was applied last.
    pub cost_delta: Option<f64>,
    /// Whether the file is the one that was applied last.
    pub unchanged: bool,
    pub(crate) shown: Value,
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

pub async fn plan(work: &Work, purpose: Purpose, sink: Sink<'_>) -> Result<Planned> {
    let digest = prepare(work, sink).await?;
    if work.backend.is_some() {
        recover::unstored(work, sink).await?;
        let perhaps = recover::unrecorded(work, sink).await?;
        let ground = recover::ground(work).await?;
        if !perhaps.is_empty() || orphans::strays(&ground.tagged, &ground.held) {
            let shown = shown(work, Purpose::Apply).await?;
            recover::orphaned(work, &perhaps, &shown, ground, sink).await?;
        }
        // Once is enough: what is done from here on has a stream of its own.
        work.folder.remove(EVENTS)?;
    }
    sink(Event::Doing { what: "planning".to_owned() });
    let shown = shown(work, purpose).await?;
    let summary = summary::read(&shown);
    let applied = match work.backend {
        Some(_) => applied(&work.bucket, &work.identity).await?,
        None => None,
    };
    let unchanged = applied.as_ref().is_some_and(|applied| applied.digest == digest);
    let cost = match purpose {
        Purpose::Destroy => None,
        _ => price(&work.file)?,
    };
    let cost_delta = cost
        .as_ref()
        .map(|cost| cost.monthly - applied.and_then(|applied| applied.monthly).unwrap_or_default());
    Ok(Planned { summary, cost, cost_delta, unchanged, shown, digest })
}

/// Saves a plan, and reads it.
async fn shown(work: &Work, purpose: Purpose) -> Result<Value> {
    // Without the lock: a saved plan is refused by itself if the state has moved meanwhile.
    let out = format!("-out={PLAN}");
    let mut arguments = vec!["plan", "-json", "-input=false", "-lock=false", out.as_str()];
    if purpose == Purpose::Destroy {
        arguments.push("-destroy");
    }
    work.engine.call(work.folder.path(), "planning", &arguments).await?;
    work.engine.value(work.folder.path(), "reading the plan", &["show", "-json", PLAN]).await
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
pub fn price(file: &ClusterFile) -> Result<Option<Cost>> {
    let prices = Prices::built_in().map_err(|error| Error::Unreadable {
        what: "the table of prices".to_owned(),
        why: error.to_string(),
    })?;
    Ok(cost::cost(file, &prices))
}

/// Writes what Terraform reads, and has it fetch its provider.
async fn prepare(work: &Work, sink: Sink<'_>) -> Result<String> {
    let (files, source) = work.modules()?;
    let declared = modules::variables(&files);
    if work.file.spec.topology == Topology::Own && !declares_output(&files) {
        return Err(Error::Contract(contract::read(None).err().unwrap_or_default()));
    }
    let root = root::module(&work.file, &work.identity, &source, &declared, work.backend.as_ref());
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
