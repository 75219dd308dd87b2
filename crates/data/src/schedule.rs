//! Looks every now and then which backups are due and which are no longer kept, and writes that down: a DataCopy is made, or told to
//! be forgotten. How they stand is written at their environment. Nothing else is done here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::datacopy::DataCopySpec;
use api::project::{Project, ProjectSpec};
use api::{Condition, DataCopy, Environment, marks};
use apply::error::is_status;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde_json::json;
use tracing::{info, warn};

use crate::context::{Context, Stop};
use crate::plan::backup::due::{Due, due};
use crate::plan::backup::told::{self, Standing};

const OFTEN: Duration = Duration::from_secs(20);

/// Control namespace and project.
type Place = (String, String);

#[derive(Default)]
struct Known {
    standing: BTreeMap<Place, Vec<Standing>>,
    /// Projects without schedules of whose environments that is said. In the beginning none: whoever led before may not have come
    /// to it.
    quiet: BTreeSet<Place>,
}

/// For ever; what cannot be looked at is looked at again.
pub async fn run(context: &Context) {
    let mut known = Known::default();
    loop {
        if let Err(stop) = Box::pin(look(&mut known, context)).await {
            warn!("cannot see which backups are due, trying again: {stop}");
        }
        tokio::time::sleep(OFTEN).await;
    }
}

async fn look(known: &mut Known, context: &Context) -> Result<(), Stop> {
    let projects = Api::<Project>::all(context.client.clone()).list(&ListParams::default()).await?;
    let scheduled = |project: &Project| project.spec.classes.values().any(|class| class.backup.is_some());
    let key = |project: &Project| (project.namespace().unwrap_or_default(), project.name_any());
    let there: BTreeSet<Place> = projects.iter().map(key).collect();
    known.standing.retain(|place, _| there.contains(place));
    known.quiet.retain(|place| there.contains(place));
    let concerned = |project: &&Project| scheduled(project) || !known.quiet.contains(&key(project));
    let concerned: Vec<&Project> = projects.iter().filter(concerned).collect();
    for project in concerned {
        let place = key(project);
        // One that is in trouble is no reason to leave the others out; of it stays what was known.
        match Box::pin(of_project(&place.0, &place.1, &project.spec, context)).await {
            Ok(seen) => {
                if seen.all_told && !scheduled(project) {
                    known.quiet.insert(place.clone());
                } else {
                    known.quiet.remove(&place);
                }
                known.standing.insert(place, seen.standing);
            }
            Err(stop) => warn!(project = %place.1, "cannot see which backups of {} are due: {stop}", place.1),
        }
    }
    context.observer.backups(known.standing.values().flatten().cloned().collect());
    Ok(())
}

/// How the environments of a project stand.
struct Seen {
    standing: Vec<Standing>,
    /// Each says so itself.
    all_told: bool,
}

async fn of_project(
    control: &str,
    project: &str,
    spec: &ProjectSpec,
    context: &Context,
) -> Result<Seen, Stop> {
    let environments = Api::<Environment>::namespaced(context.client.clone(), control);
    let copies = Api::<DataCopy>::namespaced(context.client.clone(), control);
    let all = environments.list(&ListParams::default()).await?;
    let known = copies.list(&ListParams::default()).await?.items;
    let now = Timestamp::now();
    let mut seen = Seen { standing: vec![], all_told: true };
    for environment in all.iter().filter(|found| found.spec.project == project) {
        let class = spec.classes.get(&environment.spec.class);
        let protected = environment.status.as_ref().is_some_and(|status| status.protection.is_some());
        let said = class.and_then(|class| Some((class.backup.as_ref()?, class.protected || protected)));
        let Due { make, forget } = said.map(|said| due(environment, said, &known, now)).unwrap_or_default();
        let makes = make.is_some();
        let made = begin(make, &copies).await;
        let begun = (makes && made.is_ok()).then_some(now);
        let forgotten = no_longer_keep(forget, &copies, &known).await;
        let stands = said.and_then(|said| told::standing(environment, said, &known, begun));
        let told = tell(environment, told::news(stands.as_ref(), environment, now), context).await;
        seen.all_told &= told.is_ok();
        // One that is in trouble is no reason to leave the others out.
        for stop in [made.err(), forgotten.err(), told.err()].into_iter().flatten() {
            let name = environment.name_any();
            warn!(environment = %name, "cannot see to the backups of {name}, trying again: {stop}");
        }
        seen.standing.extend(stands);
    }
    Ok(seen)
}

async fn begin(make: Option<(String, DataCopySpec)>, copies: &Api<DataCopy>) -> Result<(), Stop> {
    let Some((name, spec)) = make else { return Ok(()) };
    info!(copy = %name, "backup {name} is due");
    let params = PostParams { field_manager: Some(marks::MANAGER_DATA.to_owned()), ..PostParams::default() };
    let mut copy = DataCopy::new(&name, spec);
    copy.metadata.labels = Some([(marks::SCHEDULED.to_owned(), "true".to_owned())].into());
    match copies.create(&params, &copy).await {
        Err(error) if !is_status(&error, 409) => Err(error.into()),
        _ => Ok(()),
    }
}

async fn no_longer_keep(names: Vec<String>, copies: &Api<DataCopy>, known: &[DataCopy]) -> Result<(), Stop> {
    for name in names {
        info!(copy = %name, "backup {name} is no longer kept");
        // The very one that was seen.
        let uid = known.iter().find(|copy| copy.name_any() == name).and_then(ResourceExt::uid);
        let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"forget": true}}));
        match copies.patch(&name, &PatchParams::default(), &patch).await {
            Err(error) if !is_status(&error, 404) && !is_status(&error, 409) => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Writes at the environment how its backups stand, if that is news.
async fn tell(environment: &Environment, news: Option<Condition>, context: &Context) -> Result<(), Stop> {
    let Some(news) = news else { return Ok(()) };
    let api =
        Api::<Environment>::namespaced(context.client.clone(), &environment.namespace().unwrap_or_default());
    let patch = json!({
        "apiVersion": Environment::api_version(&()),
        "kind": Environment::kind(&()),
        // A fence against a namesake made meanwhile.
        "metadata": {"name": environment.name_any(), "uid": environment.uid()},
        "status": {"conditions": [news]},
    });
    let params = PatchParams::apply(marks::MANAGER_DATA).force();
    match api.patch_status(&environment.name_any(), &params, &Patch::Apply(&patch)).await {
        // Of one that failed its own look tells.
        Ok(_) if news.reason == told::OVERDUE => {
            context.warn(environment, told::OVERDUE, &news.message).await;
        }
        Ok(_) => {}
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
