//! Everything that decides what a copy does next, as the cluster has it now.

use std::collections::BTreeMap;

use api::marks::{self, CopyOwner};
use api::project::{Project, ProjectSpec};
use api::{DataCopy, Environment, ProjectRevision, Verdict};
use apply::{Claim, claim};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

use crate::context::{Context, Stop};
use crate::plan::between::admit::{self, Admitted, Ask, Side};
use crate::plan::between::next::{Ground, Seen, Try, TryState};
use crate::plan::between::render::{LIMITS, is_said};
use crate::plan::between::together::together;
use crate::plan::between::{trouble, word::Word};
use crate::quiesce;

/// The project and the two environments of a copy.
pub struct Ends {
    pub project: Option<ProjectSpec>,
    pub from: Option<Environment>,
    pub to: Option<Environment>,
    from_revision: Option<ProjectSpec>,
    to_revision: Option<ProjectSpec>,
    /// The backup that is brought back.
    record: Option<DataCopy>,
}

/// Both environments, with what they run.
pub async fn ends(copy: &DataCopy, context: &Context) -> Result<Ends, Stop> {
    let control = copy.namespace().unwrap_or_default();
    let environments = Api::<Environment>::namespaced(context.client.clone(), &control);
    let from = environments.get_opt(&copy.spec.from.environment).await?;
    let to = environments.get_opt(&copy.spec.to.environment).await?;
    // Of a backup the environment may be gone, or be another one by now: what it is brought into says whose it is.
    let from = from.filter(|_| copy.spec.from.backup.is_none());
    let record = match &copy.spec.from.backup {
        Some(name) => Api::<DataCopy>::namespaced(context.client.clone(), &control).get_opt(name).await?,
        None => None,
    };
    let project = match from.as_ref().or(to.as_ref()).map(|found| found.spec.project.clone()) {
        Some(name) => Api::<Project>::namespaced(context.client.clone(), &control).get_opt(&name).await?,
        None => None,
    };
    let from_revision = revision(from.as_ref(), context).await?;
    let to_revision = revision(to.as_ref(), context).await?;
    Ok(Ends { project: project.map(|project| project.spec), from, to, from_revision, to_revision, record })
}

async fn revision(environment: Option<&Environment>, context: &Context) -> Result<Option<ProjectSpec>, Stop> {
    let Some(environment) = environment else { return Ok(None) };
    let control = environment.namespace().unwrap_or_default();
    let revisions = Api::<ControllerRevision>::namespaced(context.client.clone(), &control);
    let stored = revisions.get_opt(&environment.spec.project_revision).await?;
    let read = stored.as_ref().and_then(ProjectRevision::from_object);
    Ok(read.filter(|read| read.project == environment.spec.project).map(|read| read.spec))
}

/// Whether the copy may be made, and of what.
pub async fn admitted(
    copy: &DataCopy,
    ends: &Ends,
    context: &Context,
) -> Result<Result<Admitted, Verdict>, Stop> {
    let control = copy.namespace().unwrap_or_default();
    let copies =
        Api::<DataCopy>::namespaced(context.client.clone(), &control).list(&ListParams::default()).await?;
    Ok(ask(copy, ends, &admit::ahead(copy, copies.items), context))
}

/// The same, leaving others out of account.
pub fn ask(
    copy: &DataCopy,
    ends: &Ends,
    before: &[DataCopy],
    context: &Context,
) -> Result<Admitted, Verdict> {
    admit::admit(&Ask {
        name: &copy.name_any(),
        spec: &copy.spec,
        project: ends.project.as_ref(),
        from: Side {
            name: &copy.spec.from.environment,
            environment: ends.from.as_ref(),
            revision: ends.from_revision.as_ref(),
        },
        to: Side {
            name: &copy.spec.to.environment,
            environment: ends.to.as_ref(),
            revision: ends.to_revision.as_ref(),
        },
        before,
        record: ends.record.as_ref(),
        uid: &copy.uid().unwrap_or_default(),
        install: &context.settings.install,
        control_namespace: &copy.namespace().unwrap_or_default(),
    })
}

pub async fn seen(copy: &DataCopy, owner: &CopyOwner, ends: &Ends, context: &Context) -> Result<Seen, Stop> {
    let begun = copy.status.as_ref().is_some_and(|status| !status.services.is_empty());
    let admitted = if begun { None } else { Some(admitted(copy, ends, context).await?) };
    let lost = || {
        let from = admit::lost(&copy.spec.from.environment, ends.from.as_ref());
        let from = from.filter(|_| copy.spec.from.backup.is_none());
        from.or_else(|| admit::lost(&copy.spec.to.environment, ends.to.as_ref()))
    };
    let mut seen = Seen {
        now: Timestamp::now(),
        generation: copy.metadata.generation.unwrap_or(0),
        ground: Ground::Absent,
        tries: vec![],
        pods: 0,
        troubles: BTreeMap::new(),
        words: BTreeMap::new(),
        limits: BTreeMap::new(),
        admitted,
        lost: begun.then(lost).flatten(),
        quiet: quiesce::quiet(copy, ends),
        retention: context.settings.retention,
        backup: copy.spec.backup,
    };
    ground(&mut seen, owner, context).await?;
    Ok(seen)
}

/// What there is in the copy's own namespace.
pub async fn ground(seen: &mut Seen, owner: &CopyOwner, context: &Context) -> Result<(), Stop> {
    let namespace = owner.namespace();
    let found = Api::<Namespace>::all(context.client.clone()).get_opt(&namespace).await?;
    seen.ground = match found.map(|found| claim::judge(&found, owner)) {
        None => Ground::Absent,
        Some(Claim::Held { .. }) => Ground::Ours,
        Some(Claim::Terminating) => Ground::Going,
        Some(Claim::Taken { by }) => Ground::Taken { by },
    };
    if !matches!(seen.ground, Ground::Ours | Ground::Going) {
        return Ok(());
    }
    let of_service = ListParams::default().labels(marks::COPY_SERVICE);
    // Jobs before words: what a pod said last is known when its end is.
    let jobs = Api::<Job>::namespaced(context.client.clone(), &namespace).list(&of_service).await?;
    seen.tries = jobs.iter().filter_map(a_try).collect();
    let pods = Api::<Pod>::namespaced(context.client.clone(), &namespace).list(&of_service).await?;
    for pod in &pods {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if !matches!(phase, Some("Succeeded" | "Failed")) {
            seen.pods += 1;
        }
        if let (Some(service), Some(verdict)) = (pod.labels().get(marks::COPY_SERVICE), trouble::of(pod)) {
            seen.troubles.insert(service.clone(), verdict);
        }
    }
    let reports = Api::<ConfigMap>::namespaced(context.client.clone(), &namespace).list(&of_service).await?;
    for report in reports {
        let (service, data) = (report.name_any(), report.data.unwrap_or_default());
        let said = data.iter().filter(|(key, _)| is_said(key));
        let words = said.filter_map(|(_, text)| serde_json::from_str::<Word>(text).ok()).collect();
        if let Some(word) = together(words) {
            seen.words.insert(service.clone(), word);
        }
        seen.limits.insert(service, data.get(LIMITS).cloned().unwrap_or_default());
    }
    Ok(())
}

fn a_try(job: &Job) -> Option<Try> {
    let service = job.labels().get(marks::COPY_SERVICE)?.clone();
    let number = job.labels().get(marks::COPY_TRY)?.parse().ok()?;
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let holds = |kind: &str| conditions.iter().find(|found| found.type_ == kind && found.status == "True");
    let (state, since) = match (holds("Complete"), holds("Failed")) {
        (Some(found), _) => (TryState::Succeeded, Some(found)),
        (None, Some(found)) => (TryState::Failed, Some(found)),
        (None, None) => (TryState::Runs, None),
    };
    let ended = since.and_then(|found| found.last_transition_time.as_ref()).map(|time| time.0);
    Some(Try { service, number, state, going: job.metadata.deletion_timestamp.is_some(), ended })
}
