//! Applies a revision part by part, as far as its stages allow, and tells how far each part has come.

use std::time::Duration;

use api::marks::Owner;
use api::revision::{EnvironmentRevision, Part};
use api::{Cause, Drift, PartState, Role, Verdict};
use apply::kinds::Kind;
use apply::{Seen, Standing, View};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::PropagationPolicy;
use kube::core::DynamicObject;
use serde_json::Value;
use tracing::info;

use crate::context::Context;
use crate::error::Error;
use crate::evidence;
use crate::gateway::{self, Answer};
use crate::heal::{self, Kept};
use crate::hold;
use crate::hosts;
use crate::plan::decide;
use crate::plan::diagnose::chain::{self, Finding};
use crate::plan::diagnose::{self, Case};
use crate::plan::hold::{Hold, held};
use crate::plan::readiness::{self, Progress};
use crate::plan::stamp::{self, Stamps};
use crate::refusals;
use crate::revisions::{Revisions, Stored};
use crate::rotation::Rotating;
use crate::sources::Versions;

/// How far a revision has come.
#[derive(Default)]
pub struct Rollout {
    /// UID of the namespace, once it is held.
    pub namespace_uid: Option<String>,
    pub parts: Vec<(Part, Progress)>,
    pub verdict: Option<Verdict>,
    /// What others had changed.
    pub drift: Vec<Drift>,
    /// Something was written.
    pub wrote: bool,
    /// When to heal what is changed again and again.
    pub heal_at: Option<Timestamp>,
    /// Which state of what others keep its Secrets were made from.
    pub sources: Versions,
    /// Nothing runs any more of what is held.
    pub stopped: bool,
    /// How far changes of passwords are; none: nobody has looked.
    pub rotating: Option<Rotating>,
    /// What no event tells of has to be looked at again so soon.
    pub again: Option<Duration>,
}

impl Rollout {
    pub fn all_ready(&self) -> bool {
        self.verdict.is_none() && self.parts.iter().all(|(_, progress)| progress.is_ready())
    }

    /// Nothing is on its way: what is not ready waits for something else to end.
    pub fn only_waits(&self) -> bool {
        let waits = |state| matches!(state, PartState::Ready | PartState::Waiting);
        self.verdict.is_none() && self.parts.iter().all(|(_, progress)| waits(progress.state))
    }

    /// Nothing can be touched yet.
    pub fn waiting(revision: &EnvironmentRevision, why: &str) -> Self {
        let waiting = |part: &Part| (part.clone(), Progress::new(PartState::Waiting, why));
        Self { parts: revision.parts.iter().map(waiting).collect(), ..Self::default() }
    }

    /// Nothing may be touched.
    pub fn refused(revision: &EnvironmentRevision, verdict: Verdict) -> Self {
        Self { verdict: Some(verdict), ..Self::waiting(revision, "") }
    }
}

/// Where a revision is rolled out.
pub struct Target<'a> {
    pub owner: &'a Owner,
    pub namespace: &'a str,
    pub namespace_uid: &'a str,
    pub stored: &'a Stored,
    /// It has been ready here before: it is healed without waiting for stages.
    pub settled: bool,
    /// Drift is told and left alone.
    pub hands_off: bool,
    pub now: Timestamp,
    /// Everything there, as it was last seen.
    pub view: &'a View,
    /// Secret values that must not stand in any evidence.
    pub hidden: &'a [String],
    /// Which content of secrets that others keep each part is to run with.
    pub stamps: &'a Stamps,
    /// Nothing may be changed for a time.
    pub frozen: bool,
    /// What runs nothing for a time.
    pub hold: Option<&'a Hold>,
    /// Some of it was held when it was last looked at.
    pub was_held: bool,
}

pub async fn run(target: &Target<'_>, revisions: &Revisions, context: &Context) -> Result<Rollout, Error> {
    let Target { owner, namespace, stored, settled, view, .. } = *target;
    let objects = desired(target)?;
    context.writer.recognise(owner, namespace, &objects, view).await?;
    let mut rollout = Rollout { namespace_uid: Some(target.namespace_uid.to_owned()), ..Rollout::default() };
    let running = match target.hold {
        Some(_) => hold::running(&context.client, namespace).await?,
        None => hold::Running::new(),
    };
    let superfluous = decide::to_prune(&stored.revision, view, owner);
    let (first, superfluous): (Vec<&Seen>, Vec<&Seen>) =
        superfluous.into_iter().partition(|seen| decide::goes_first(seen));
    let mut kept = None;
    if !target.hands_off {
        kept = prune(target, &first, &mut rollout, context).await?;
    }
    let mut verdicts = Vec::new();
    for part in &stored.revision.parts {
        let states: Vec<(Role, PartState)> =
            rollout.parts.iter().map(|(earlier, progress)| (earlier.role, progress.state)).collect();
        if !decide::may_touch(part.role, settled, &states) {
            rollout.wrote |= hold::hold_still(target, Some(part), &[], context).await?;
            let progress =
                Progress::new(PartState::Waiting, format!("waits for {}", earlier_stage(part.role)));
            rollout.parts.push((part.clone(), progress));
            verdicts.push(None);
            continue;
        }
        let found = part_progress(target, part, &running, revisions, &mut rollout, context).await;
        let (progress, verdict) = match found {
            Ok(found) => found,
            Err(Error::Verdict(verdict)) => {
                (Progress::new(PartState::Failed, verdict.message.clone()), Some(*verdict))
            }
            Err(error) => return Err(error),
        };
        rollout.parts.push((part.clone(), progress));
        verdicts.push(verdict);
    }
    let findings: Vec<Finding<'_>> = rollout
        .parts
        .iter()
        .zip(&verdicts)
        .map(|((part, progress), verdict)| Finding {
            part,
            state: progress.state,
            message: &progress.message,
            verdict: verdict.as_ref(),
        })
        .collect();
    rollout.verdict = chain::first_cause(&findings).or(kept);
    rollout.wrote |= hold::hold_still(target, None, &superfluous, context).await?;
    rollout.stopped = target.hold.is_some() && hold::left(target, &running) == 0;
    if rollout.all_ready() && superfluous.is_empty() && !target.frozen {
        // Nothing answers there any more.
        rollout.wrote |= hosts::give_back(&stored.revision, owner, context).await?;
    }
    if rollout.all_ready()
        && !target.hands_off
        && let Some(kept) = prune(target, &superfluous, &mut rollout, context).await?
    {
        rollout.verdict = Some(kept);
    }
    Ok(rollout)
}

/// Removes what the revision no longer has; the verdict if Kubernetes does not let it go.
async fn prune(
    target: &Target<'_>,
    superfluous: &[&Seen],
    rollout: &mut Rollout,
    context: &Context,
) -> Result<Option<Verdict>, Error> {
    let Target { owner, namespace, .. } = *target;
    let mut verdict = None;
    for seen in superfluous {
        info!(%namespace, "removing {} {}, which this revision no longer has", seen.kind.name(), seen.name);
        rollout.wrote = true;
        match context.writer.delete(namespace, seen, PropagationPolicy::Background).await {
            Err(error @ apply::Error::Refused { .. }) => {
                verdict = Some(refused(&format!("environment {}", owner.environment), &error));
            }
            deleted => deleted?,
        }
    }
    Ok(verdict)
}

/// The objects of a revision. What we rendered is an object; a record somebody damaged is refused, not guessed at.
fn desired(target: &Target<'_>) -> Result<Vec<(Kind, DynamicObject)>, Error> {
    let parts = target.stored.revision.parts.iter();
    let all = parts.flat_map(|part| part.objects.iter().map(move |value| (part, value)));
    all.map(|(part, value)| as_applied(target, part, value)).collect()
}

/// An object of a part with what stands in no revision.
fn as_applied(target: &Target<'_>, part: &Part, value: &Value) -> Result<(Kind, DynamicObject), Error> {
    object(&held(target.hold, part, stamp::stamped(&part.name, value, target.stamps)))
}

fn object(value: &Value) -> Result<(Kind, DynamicObject), Error> {
    let object: DynamicObject = serde_json::from_value(value.clone()).map_err(kube::Error::SerdeError)?;
    match Kind::of(&object) {
        Some(kind) => Ok((kind, object)),
        None => Err(apply::Error::UnknownKind { name: object.name_any() }.into()),
    }
}

fn earlier_stage(role: Role) -> &'static str {
    match role {
        Role::Manifest => "nothing",
        Role::Service => "manifests",
        Role::Job => "services",
        Role::Component => "jobs",
        Role::Schedule | Role::Route => "components",
        Role::After => "everything else",
    }
}

/// Makes one part as the revision has it, and reads how far it has come.
async fn part_progress(
    target: &Target<'_>,
    part: &Part,
    running: &hold::Running,
    revisions: &Revisions,
    rollout: &mut Rollout,
    context: &Context,
) -> Result<(Progress, Option<Verdict>), Error> {
    let Target { owner, namespace, stored, view, .. } = *target;
    // A namespace made anew has none of what a job did to the old one.
    let completion = job_name(part).map(|job| format!("{job}@{}", target.namespace_uid));
    if completion.as_ref().is_some_and(|job| stored.completed_jobs.contains(job)) {
        return Ok((Progress::new(PartState::Ready, "completed"), None));
    }
    if let Some(hold) = target.hold.filter(|_| hold::is_put_off(target, part)) {
        return Ok((Progress::new(PartState::Waiting, hold.sentence()), None));
    }
    if part.role == Role::Route
        && let Some(verdict) = hosts::claim(part, owner, context).await?
    {
        let state = if verdict.terminal { PartState::Failed } else { PartState::Progressing };
        return Ok((Progress::new(state, verdict.message.clone()), Some(verdict)));
    }
    let Some(live) = ensure(target, part, rollout, context).await? else {
        return Ok((Progress::new(PartState::Progressing, "waiting for its predecessor to be gone"), None));
    };
    if let Some(progress) = hold::progress(target, part, running).filter(|_| !part.role.completes()) {
        return Ok((progress, None));
    }
    let autoscaled = live
        .iter()
        .any(|seen| view.is_autoscaled(seen.kind, &seen.name) || decide::scales_itself(part, seen.kind));
    let mut progress = readiness::progress(part, &live, autoscaled);
    if let Some(completion) = completion.filter(|_| progress.is_ready()) {
        // What the watch shows may be the job of a namespace that is gone.
        if !context.writer.exists(namespace, &live).await? {
            return Ok((Progress::new(PartState::Progressing, "being looked at"), None));
        }
        rollout.wrote = true;
        revisions.complete_job(&owner.environment, stored, &completion).await?;
        context.underway.forget(&owner.control_namespace, &owner.environment);
    }
    if part.role == Role::Route && progress.message == readiness::UNPROVED {
        progress = ask(part, context).await?;
    }
    if progress.is_ready() {
        return Ok((progress, None));
    }
    let verdict = explain(target, part, &progress, &live, context).await;
    if verdict.as_ref().is_some_and(|verdict| verdict.terminal) {
        progress.state = PartState::Failed;
    }
    if let Some(verdict) = &verdict {
        progress.message.clone_from(&verdict.message);
    }
    Ok((progress, verdict))
}

fn job_name(part: &Part) -> Option<String> {
    let job = part.objects.iter().find(|object| object["kind"] == "Job")?;
    job["metadata"]["name"].as_str().map(str::to_owned)
}

/// Every object of the part as it is after ensuring it; none while one is still being deleted.
async fn ensure(
    target: &Target<'_>,
    part: &Part,
    rollout: &mut Rollout,
    context: &Context,
) -> Result<Option<Vec<Seen>>, Error> {
    let Target { owner, settled, view, .. } = *target;
    let about = format!("{} {}", part.role.as_str(), part.name);
    let mut all: Vec<Seen> = Vec::new();
    for value in &part.objects {
        let (kind, desired) = as_applied(target, part, value)?;
        let seen = view.get(kind, &desired.name_any());
        // The address changes only when servers stand behind it: until then the old ones keep theirs.
        if let Some(seen) = seen.filter(|_| kind == Kind::Service && part.role == Role::Component && !settled)
            && !readiness::serves(&all, part.replicas.unwrap_or(1))
        {
            all.push(seen.clone());
            continue;
        }
        match heal::ensure(target, part, kind, &desired, context).await {
            Ok(Kept { seen, drift, wrote, heal_at }) => {
                // What is not there cannot be looked at: the part is told as not ready.
                all.extend(seen);
                rollout.drift.extend(drift);
                rollout.wrote |= wrote;
                rollout.heal_at = rollout.heal_at.into_iter().chain(heal_at).min();
            }
            Err(Error::Apply(apply::Error::Terminating { .. })) => return Ok(None),
            Err(Error::Apply(error @ apply::Error::Foreign { .. })) => {
                return Err(taken(&error, &owner.environment).into());
            }
            Err(Error::Apply(error @ apply::Error::Refused { .. })) => {
                return Err(refused(&about, &error).into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(all))
}

/// Asks a route through the gateway.
async fn ask(part: &Part, context: &Context) -> Result<Progress, Error> {
    let Some(probe) = &part.probe else { return Ok(Progress::new(PartState::Ready, "")) };
    let Some(door) = gateway::door(&context.client, &context.settings, &probe.host).await? else {
        return Ok(Progress::new(PartState::Progressing, "the gateway has no address yet"));
    };
    Ok(match gateway::ask(&door, probe).await {
        Answer::Good => Progress::new(PartState::Ready, ""),
        Answer::Bad(why) => Progress::new(PartState::Progressing, why),
    })
}

/// Why a part is not ready, from its pods.
async fn explain(
    target: &Target<'_>,
    part: &Part,
    progress: &Progress,
    live: &[Seen],
    context: &Context,
) -> Option<Verdict> {
    let Target { owner, namespace, hidden, .. } = *target;
    let environment = &owner.environment;
    let pods = context.watches.unready_pods(namespace, part);
    // Along the owners: what has no pods is not explained by the pods it has.
    let told = live.iter().find_map(|seen| match &seen.standing {
        Standing::Deployment { refused, .. } => refused.clone(),
        _ => None,
    });
    let refused = match told {
        None if pods.is_empty() => refusals::find(&context.client, namespace, live).await,
        told => told,
    };
    if let Some(why) = refused {
        if diagnose::refused::is_outdated(&why, &target.stored.revision) {
            return None;
        }
        return Some(diagnose::refused::pods(part, &why, environment));
    }
    let Some((unready, symptom)) = diagnose::worst(&pods, Timestamp::now()) else {
        return (progress.state == PartState::Failed)
            .then(|| diagnose::job_failed(part, None, &[], environment));
    };
    let case = Case::new(part, environment);
    let needs = diagnose::needs(&case, unready, &symptom);
    let facts = evidence::gather(&context.client, namespace, &needs, hidden).await;
    diagnose::verdict(&case, &symptom, &facts)
}

/// The verdict on an object that exists and is not ours.
pub fn taken(error: &apply::Error, environment: &str) -> Verdict {
    Verdict {
        cause: Cause::ObjectTaken,
        about: format!("environment {environment}"),
        message: format!("{error}; it was left untouched"),
        evidence: vec![],
        fix: "remove or rename that object; outboard never takes over what it did not make".to_owned(),
        terminal: true,
        holds: false,
    }
}

/// The verdict on what Kubernetes does not accept.
pub fn refused(about: &str, error: &apply::Error) -> Verdict {
    let message = error.to_string();
    Verdict {
        cause: diagnose::refused::cause(&message),
        about: about.to_owned(),
        message,
        evidence: vec![],
        fix: "correct what Kubernetes names in outboard.yaml, apply it and update the environment".to_owned(),
        terminal: true,
        holds: false,
    }
}
