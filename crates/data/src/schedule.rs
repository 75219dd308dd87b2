//! Looks every now and then which backups are due and which are no longer kept, and writes that down: a DataCopy is made, or told to
//! be forgotten. Nothing else is done here.

use std::time::Duration;

use api::project::{Project, ProjectSpec};
use api::{DataCopy, Environment, marks};
use apply::error::is_status;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tracing::{info, warn};

use crate::context::{Context, Stop};
use crate::plan::backup::due::{Due, due};

const OFTEN: Duration = Duration::from_secs(20);

/// For ever; what cannot be looked at is looked at again.
pub async fn run(context: &Context) {
    loop {
        if let Err(stop) = Box::pin(look(context)).await {
            warn!("cannot see which backups are due, trying again: {stop}");
        }
        tokio::time::sleep(OFTEN).await;
    }
}

async fn look(context: &Context) -> Result<(), Stop> {
    let projects = Api::<Project>::all(context.client.clone()).list(&ListParams::default()).await?;
    let scheduled = |project: &&Project| project.spec.classes.values().any(|class| class.backup.is_some());
    for project in projects.iter().filter(scheduled) {
        let control = project.namespace().unwrap_or_default();
        // One that is in trouble is no reason to leave the others out.
        if let Err(stop) = Box::pin(of_project(&control, &project.name_any(), &project.spec, context)).await {
            warn!(project = %project.name_any(), "cannot see which backups of {} are due: {stop}", project.name_any());
        }
    }
    Ok(())
}

async fn of_project(control: &str, project: &str, spec: &ProjectSpec, context: &Context) -> Result<(), Stop> {
    let environments = Api::<Environment>::namespaced(context.client.clone(), control);
    let copies = Api::<DataCopy>::namespaced(context.client.clone(), control);
    let all = environments.list(&ListParams::default()).await?;
    let known = copies.list(&ListParams::default()).await?.items;
    let now = Timestamp::now();
    for environment in all.iter().filter(|found| found.spec.project == project) {
        let Some(class) = spec.classes.get(&environment.spec.class) else { continue };
        let Some(said) = &class.backup else { continue };
        let protected = environment.status.as_ref().is_some_and(|status| status.protection.is_some());
        let Due { make, forget } = due(environment, (said, class.protected || protected), &known, now);
        if let Some((name, spec)) = make {
            info!(copy = %name, "backup {name} is due");
            let params =
                PostParams { field_manager: Some(marks::MANAGER_DATA.to_owned()), ..PostParams::default() };
            let mut copy = DataCopy::new(&name, spec);
            copy.metadata.labels = Some([(marks::SCHEDULED.to_owned(), "true".to_owned())].into());
            match copies.create(&params, &copy).await {
                Err(error) if !is_status(&error, 409) => return Err(error.into()),
                _ => {}
            }
        }
        for name in forget {
            info!(copy = %name, "backup {name} is no longer kept");
            // The very one that was seen.
            let uid = known.iter().find(|copy| copy.name_any() == name).and_then(ResourceExt::uid);
            let patch = Patch::Merge(json!({"metadata": {"uid": uid}, "spec": {"forget": true}}));
            match copies.patch(&name, &PatchParams::default(), &patch).await {
                Err(error) if !is_status(&error, 404) && !is_status(&error, 409) => return Err(error.into()),
                _ => {}
            }
        }
    }
    Ok(())
}
