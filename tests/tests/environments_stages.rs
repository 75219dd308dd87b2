//! Destroyed at every stage of its creation, by operators that are killed with -9 before and meanwhile: the receipt is true, and
//! nothing is left.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::{Exit, marks};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::{Value, json};
use stories::{HostOperator, World, leftovers, same, story, until, without_operator};

/// Five times what is aimed at: the machine may be busy with other things.
const REACHED: Duration = Duration::from_secs(90);
const STEP: &str = "180s";

#[derive(Clone, Copy, Debug)]
enum Stage {
    AskedFor,
    Held,
    Stored,
    Claimed,
    Secrets,
    Service,
    Job,
    Component,
    Route,
    Ready,
}

const STAGES: [Stage; 10] = [
    Stage::AskedFor,
    Stage::Held,
    Stage::Stored,
    Stage::Claimed,
    Stage::Secrets,
    Stage::Service,
    Stage::Job,
    Stage::Component,
    Stage::Route,
    Stage::Ready,
];

impl Stage {
    async fn is_reached(self, world: &World, name: &str) -> Result<bool> {
        let (client, namespace) = (world.client.clone(), world.namespace(name));
        let environment = world.environments().get(name).await?;
        Ok(match self {
            Self::AskedFor => true,
            Self::Held => environment.finalizers().iter().any(|held| held == marks::FINALIZER),
            Self::Stored => !revisions(world, name).await?.is_empty(),
            Self::Claimed => world.namespace_exists(name).await?,
            Self::Secrets => {
                Api::<Secret>::namespaced(client, &namespace).get_opt("db-credentials").await?.is_some()
            }
            Self::Service => {
                Api::<StatefulSet>::namespaced(client, &namespace).get_opt("db").await?.is_some()
            }
            Self::Job => !Api::<Job>::namespaced(client, &namespace)
                .list(&ListParams::default())
                .await?
                .items
                .is_empty(),
            Self::Component => {
                Api::<Deployment>::namespaced(client, &namespace).get_opt("web").await?.is_some()
            }
            Self::Route => leftovers(world).await?.iter().any(|left| left.starts_with("HTTPRoute")),
            Self::Ready => return world.ready(name, REACHED).await.map(|()| true),
        })
    }
}

async fn revisions(world: &World, name: &str) -> Result<Vec<i64>> {
    let of = ListParams::default().labels(&format!("{}={name}", marks::ENVIRONMENT));
    let all = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.name).list(&of).await?;
    Ok(all.iter().map(|object| object.revision).collect())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn destroyed_at_any_stage_of_its_creation_by_killed_operators_nothing_is_left() -> Result<()> {
    story(async |world| {
        world.apply(|spec| spec["components"]["web"]["scale"] = json!({"min": 1})).await?;
        without_operator(&world.client, async || {
            for (number, stage) in STAGES.into_iter().enumerate() {
                let name = format!("qa-{number}");
                destroyed_at(world, &name, stage)
                    .await
                    .with_context(|| format!("destroyed when {stage:?}"))?;
            }
            Ok(())
        })
        .await
    })
    .await
}

/// What there is of it; plans come and go by themselves.
async fn of_it(world: &World) -> Result<Vec<String>> {
    Ok(leftovers(world).await?.into_iter().filter(|left| !left.starts_with("plan ")).collect())
}

async fn destroyed_at(world: &World, name: &str, stage: Stage) -> Result<()> {
    // Its plan wants an operator.
    let first = HostOperator::begin(world)?;
    world.outboard(&["env", "create", name, "--no-wait"]).await?.ended(Exit::Success)?;
    if !matches!(stage, Stage::AskedFor) {
        let what = format!("{name} {stage:?}");
        until(&what, REACHED, async || Ok(stage.is_reached(world, name).await?.then_some(()))).await?;
    }
    first.kill()?;
    let there = of_it(world).await?;

    let destroy = ["env", "destroy", name, "--yes", "-o", "json", "--timeout", STEP];
    let destroyed = async { world.outboard(&destroy).await?.ended(Exit::Success) };
    let killed = async {
        until("asked to go", REACHED, async || {
            let environment = world.environments().get_opt(name).await?;
            // One that nobody held yet is gone at once.
            let going = environment.is_none_or(|one| one.metadata.deletion_timestamp.is_some());
            Ok(going.then_some(()))
        })
        .await?;
        // Once it has begun, and has not finished.
        let second = HostOperator::begin(world)?;
        until("something of it gone", REACHED, async || Ok((of_it(world).await? != there).then_some(())))
            .await?;
        second.kill()?;
        let left = of_it(world).await?.len();
        ensure!(left > 0 || there.len() < 3, "all {} things were gone before the kill", there.len());
        HostOperator::begin(world)
    };
    let (destroyed, third) = tokio::join!(destroyed, killed);
    let (receipt, third) = (destroyed?.last()?["result"].clone(), third?);

    // The receipt against what Kubernetes says.
    same("what is left", &of_it(world).await?, &vec![])?;
    same("what the receipt says is left", &receipt["remaining"], &json!([]))?;
    same("where nobody looked", &receipt["unseen"], &json!([]))?;
    let kept = receipt["kept"]["revisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let kept: Vec<i64> = kept.iter().filter_map(Value::as_i64).collect();
    same("revisions that are kept", &kept, &revisions(world, name).await?)?;
    println!("{stage:?}: {} things were there, {} revisions are kept", there.len(), kept.len());
    ensure!(!there.is_empty(), "there was nothing to destroy");
    third.stop().await?;
    // Else the next one's revisions would be looked for among these.
    let api = Api::<ControllerRevision>::namespaced(world.client.clone(), &world.name);
    let of = ListParams::default().labels(&format!("{}={name}", marks::ENVIRONMENT));
    api.delete_collection(&DeleteParams::default(), &of).await?;
    Ok(())
}
