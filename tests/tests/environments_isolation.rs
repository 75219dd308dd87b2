//! Environments are shut to each other: the policies that say so are there, and come back.

use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use stories::{World, light, same, story, until};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn policies_shut_an_environment_and_come_back_when_somebody_opens_it() -> Result<()> {
    story(async |world| {
        world.apply(|spec| *spec = light()).await?;
        world.create("qa", &[]).await?;
        same(
            "the policies",
            &names(world, "qa").await?,
            &vec!["outboard-isolation".to_owned(), "outboard-isolation-web-http".to_owned()],
        )?;
        let api = policies(world, "qa");
        let all = api.get("outboard-isolation").await?;
        ensure!(
            all.spec.is_some_and(|spec| spec.pod_selector.is_some_and(|pods| pods.match_labels.is_none())),
            "not all pods are shut"
        );

        api.delete("outboard-isolation", &DeleteParams::default()).await?;
        until("the policy is back", SOON, async || Ok(api.get_opt("outboard-isolation").await?)).await?;
        let everybody = json!({"spec": {"ingress": [{}]}});
        api.patch("outboard-isolation", &PatchParams::default(), &Patch::Merge(&everybody)).await?;
        until("the policy is as it was", SOON, async || {
            let ingress =
                api.get("outboard-isolation").await?.spec.and_then(|spec| spec.ingress).unwrap_or_default();
            Ok(ingress
                .iter()
                .all(|rule| rule.from.as_ref().is_some_and(|from| from.len() == 4))
                .then_some(()))
        })
        .await?;

        // A class that says so is open.
        world
            .apply(|spec| {
                *spec = light();
                spec["classes"]["qa"]["network"] = json!("open");
            })
            .await?;
        world.outboard(&["env", "update", "qa", "--yes"]).await?.ended(api::Exit::Success)?;
        until("no policy is left", SOON, async || Ok(names(world, "qa").await?.is_empty().then_some(())))
            .await
    })
    .await
}

fn policies(world: &World, environment: &str) -> Api<NetworkPolicy> {
    Api::namespaced(world.client.clone(), &world.namespace(environment))
}

async fn names(world: &World, environment: &str) -> Result<Vec<String>> {
    let found = policies(world, environment).list(&ListParams::default()).await?;
    Ok(found.iter().map(ResourceExt::name_any).collect())
}
