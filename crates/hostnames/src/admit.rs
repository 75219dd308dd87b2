//! A named host before it has records: whose it is, and what has to be there for it. Everything can be done again.

use api::marks::{self, Owner};
use api::{Cause, Environment, HostClaim, Hostname, Verdict};
use apply::{Claim, claim_host, judge_host};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::context::{Context, Stop};
use crate::plan::{Name, render_route, verdict};

/// Adds our finalizer before anything is made that has to be undone; whether it is known to be there.
pub async fn hold<K>(api: &Api<K>, object: &K) -> Result<bool, Stop>
where
    K: ResourceExt + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    if object.finalizers().iter().any(|finalizer| finalizer == marks::FINALIZER_HOSTNAMES) {
        return Ok(true);
    }
    let finalizers = [object.finalizers(), &[marks::FINALIZER_HOSTNAMES.to_owned()]].concat();
    finalizers_are(api, object, &finalizers).await
}

/// Removes our finalizer, and nobody else's.
pub async fn let_go<K>(api: &Api<K>, object: &K) -> Result<(), Stop>
where
    K: ResourceExt + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let others = object.finalizers().iter().filter(|name| *name != marks::FINALIZER_HOSTNAMES);
    let others: Vec<String> = others.cloned().collect();
    if others.len() < object.finalizers().len() {
        finalizers_are(api, object, &others).await?;
    }
    Ok(())
}

/// Whether they are: somebody else may have written first, and then the next turn sees it.
async fn finalizers_are<K>(api: &Api<K>, object: &K, finalizers: &[String]) -> Result<bool, Stop>
where
    K: ResourceExt + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version()}});
    match api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await {
        Ok(_) => Ok(true),
        Err(error) if apply::error::is_status(&error, 404) || apply::error::is_status(&error, 409) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whose a host of this environment is.
pub fn owner(environment: &Environment, install: &str) -> Owner {
    Owner {
        install: install.to_owned(),
        control_namespace: environment.namespace().unwrap_or_default(),
        project: environment.spec.project.clone(),
        environment: environment.name_any(),
    }
}

/// Claims the host, unless it is seen to be claimed, and gives it its route. A verdict: it has to wait for something.
pub async fn prepare(
    hostname: &Hostname,
    host: &Name,
    environment: &Environment,
    claimed: Option<&HostClaim>,
    context: &Context,
) -> Result<Option<Verdict>, Stop> {
    let owner = owner(environment, &context.settings.install);
    let is_held = claimed.is_some_and(|claim| matches!(judge_host(claim, &owner), Claim::Held { .. }));
    if is_held {
        return route(hostname, host, environment, context).await;
    }
    match claim_host(&context.client, host.as_str(), &owner, marks::SLICE_HOSTNAMES).await? {
        Claim::Held { .. } => {}
        Claim::Taken { by } => {
            let message = format!("it belongs to {by}");
            let fix =
                "release it there, or choose another hostname; it goes on by itself once it is given back";
            return Ok(Some(verdict(Cause::HostTaken, host.as_str(), message, fix, true)));
        }
        Claim::Terminating => {
            let message = "it is being given back".to_owned();
            let fix = "wait: it is claimed as soon as that is done";
            return Ok(Some(verdict(Cause::HostTaken, host.as_str(), message, fix, false)));
        }
    }
    route(hostname, host, environment, context).await
}

fn routes(context: &Context, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    let resource = ApiResource::from_gvk_with_plural(&kind, "httproutes");
    Api::namespaced_with(context.client.clone(), namespace, &resource)
}

async fn route(
    hostname: &Hostname,
    host: &Name,
    environment: &Environment,
    context: &Context,
) -> Result<Option<Verdict>, Stop> {
    let waits = |message: String| {
        let fix = "look at `outboard env show`; it goes on by itself once the route is there";
        Ok(Some(verdict(Cause::HostnameInvalid, host.as_str(), message, fix, false)))
    };
    let name = environment.name_any();
    let namespace = environment.status.as_ref().and_then(|status| status.namespace.clone());
    let Some(namespace) = namespace else {
        return waits(format!("environment {name} runs nothing yet"));
    };
    let api = routes(context, &namespace);
    let Some(rendered) = api.get_opt(&hostname.spec.route).await? else {
        return waits(format!("environment {name} has no route {}", hostname.spec.route));
    };
    let rendered: Value = serde_json::to_value(&rendered).map_err(|error| Stop::Bug(error.to_string()))?;
    let wanted = render_route(&rendered, host.as_str(), &context.settings.install);
    let found = api.get_opt(host.as_str()).await?;
    if let Some(found) = &found {
        let ours = found.labels().get(marks::SLICE).is_some_and(|slice| slice == marks::SLICE_HOSTNAMES);
        if !ours {
            let message = format!("HTTPRoute {host} in namespace {namespace} is not outboard's");
            let fix = "rename it, or choose another hostname";
            return Ok(Some(verdict(Cause::HostTaken, host.as_str(), message, fix, true)));
        }
        let spec = &found.data["spec"];
        if ["hostnames", "rules", "parentRefs"].iter().all(|field| spec[field] == wanted["spec"][field]) {
            return Ok(None);
        }
    }
    let params = PatchParams::apply(marks::MANAGER_HOSTNAMES).force();
    api.patch(host.as_str(), &params, &Patch::Apply(&wanted)).await?;
    Ok(None)
}

/// Takes back what `prepare` made: the records are gone by now.
pub async fn clear(host: &Name, environment: Option<&Environment>, context: &Context) -> Result<(), Stop> {
    let Some(environment) = environment else { return Ok(()) };
    if let Some(namespace) = environment.status.as_ref().and_then(|status| status.namespace.as_ref()) {
        let api = routes(context, namespace);
        let ours = api.get_opt(host.as_str()).await?.is_some_and(|found| {
            found.labels().get(marks::SLICE).is_some_and(|slice| slice == marks::SLICE_HOSTNAMES)
        });
        if ours {
            match api.delete(host.as_str(), &DeleteParams::default()).await {
                Err(error) if !apply::error::is_status(&error, 404) => return Err(error.into()),
                _ => {}
            }
        }
    }
    let owner = owner(environment, &context.settings.install);
    apply::release_host(&context.client, host.as_str(), &owner, marks::SLICE_HOSTNAMES).await?;
    Ok(())
}
