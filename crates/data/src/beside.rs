//! The server whose image works beside outboard in a pod of a backup, as its environment runs it now.

use api::datacopy::CopyStore;
use api::marks::{self, Owner};
use api::names::{self, EnvironmentName, ProjectName};
use api::{Cause, DataCopy, Verdict};
use apply::error::is_status;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, ObjectMeta, PostParams};
use serde_json::Value;

use crate::context::{Context, Stop};
use crate::gather::Ends;
use crate::plan::backup::beside::{self, Dump, Tool};
use crate::plan::between::verdict::waits;

/// Its container; none: outboard does it alone. What a registry wants to know of it is copied beside.
pub async fn of(
    service: &str,
    store: CopyStore,
    copy: &DataCopy,
    ends: &Ends,
    pods: &str,
    context: &Context,
) -> Result<Result<Option<Value>, Verdict>, Stop> {
    let restores = copy.spec.from.backup.is_some();
    let environment = match (copy.spec.backup, restores) {
        (true, _) if store == CopyStore::Mariadb => &ends.from,
        (false, true) if store != CopyStore::S3 => &ends.to,
        _ => return Ok(Ok(None)),
    };
    let gone = |message: String| {
        let fix = "outboard env show says what it waits for".to_owned();
        Ok(Err(waits(Cause::ServiceNotReady, format!("service {service}"), message, fix)))
    };
    let Some(environment) = environment else { return gone("its environment is not there".to_owned()) };
    let (name, project) = (environment.name_any(), &environment.spec.project);
    let (Ok(project), Ok(parsed)) = (ProjectName::parse(project), EnvironmentName::parse(&name)) else {
        return gone(format!("{name} has no namespace"));
    };
    let namespace = names::namespace(&project, &parsed);
    let owner = Owner {
        install: context.settings.install.clone(),
        control_namespace: copy.namespace().unwrap_or_default(),
        project: environment.spec.project.clone(),
        environment: name.clone(),
    };
    let sets = Api::<StatefulSet>::namespaced(context.client.clone(), &namespace);
    let set = sets.get_opt(service).await?.filter(|set| owner.owns(set.labels()));
    let Some(running) = set.and_then(|set| beside::running(service, &set)) else {
        return gone(format!("the server of {service} is not there in {namespace}"));
    };
    let secrets = Api::<Secret>::namespaced(context.client.clone(), &namespace);
    let credentials = secrets.get_opt(&api::revision::credentials_name(service)).await?;
    let credentials = credentials.filter(|found| owner.owns(found.labels()));
    let said = |key: &str| {
        let value = credentials.as_ref().and_then(|found| found.data.as_ref()?.get(key));
        value.and_then(|value| String::from_utf8(value.0.clone()).ok()).map(|text| text.trim_end().to_owned())
    };
    // Options that another environment's class chose are none of the backup's.
    let mut running = running;
    if restores && copy.spec.from.environment != name {
        running.args.clear();
    }
    let tool = match (store, restores) {
        (CopyStore::Redis, _) => Tool::Keys,
        (_, restores) => {
            match (said("user"), said("name"), said("port").and_then(|port| port.parse().ok())) {
                (Some(user), ..) if restores => Tool::Database { user },
                (Some(user), Some(database), Some(port)) => {
                    let host = format!("{service}.{namespace}.svc");
                    Tool::Dump(Dump { host, port, user, database, secret: service.to_owned() })
                }
                _ => return gone(format!("the credentials of {service} are not there in {namespace}")),
            }
        }
    };
    for name in &running.pull_secrets {
        if let Some(found) = secrets.get_opt(name).await?.filter(|found| owner.owns(found.labels())) {
            pull_secret(found, pods, copy, context).await?;
        }
    }
    let mut container = beside::container(&tool, &running);
    container["pullSecrets"] = serde_json::json!(running.pull_secrets);
    Ok(Ok(Some(container)))
}

async fn pull_secret(found: Secret, pods: &str, copy: &DataCopy, context: &Context) -> Result<(), Stop> {
    let owner = marks::CopyOwner {
        install: context.settings.install.clone(),
        control_namespace: copy.namespace().unwrap_or_default(),
        copy: copy.name_any(),
    };
    let secret = Secret {
        metadata: ObjectMeta {
            name: found.metadata.name,
            labels: Some(owner.labels()),
            ..ObjectMeta::default()
        },
        data: found.data,
        type_: found.type_,
        ..Secret::default()
    };
    let params = PostParams { field_manager: Some(marks::MANAGER_DATA.to_owned()), ..PostParams::default() };
    match Api::<Secret>::namespaced(context.client.clone(), pods).create(&params, &secret).await {
        Ok(_) => Ok(()),
        Err(error) if is_status(&error, 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
