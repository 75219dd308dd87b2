//! A destroyed environment comes back with its rows, and what was kept of it goes when its time is up. `SEED=…` tells it
//! again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use api::kept::VOLUMES;
use api::{Exit, marks};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolume, Secret};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use stories::{
    HostOperator, World, contains, leftovers, restart_operator, same, story, until, without_operator,
};
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(60);
/// With all its kills.
const STEP: &str = "150s";
/// Milliseconds an operator lives at most before it is killed.
const LONGEST: u64 = 3_000;
const HOME: &str = "outboard-system";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn a_destroyed_environment_is_restored_with_its_rows_and_forgotten_when_its_time_is_up() -> Result<()> {
    story(async |world| {
        keep_for(world, "1h").await?;
        world.create("qa", &[]).await?;
        let first = world.order("qa").await?;
        let volume = destroyed_and_kept(world).await?;
        restored(world, &volume, first).await?;

        let second = world.order("qa").await?;
        under_kills(world, async || {
            let destroy = ["env", "destroy", "qa", "--yes", "--timeout", STEP, "-o", "json"];
            let receipt = world.outboard(&destroy).await?.ended(Exit::Success)?.last()?["result"].clone();
            same("the volume that is kept", &receipt["keptVolumes"][0]["volume"], &json!(volume))?;
            world.outboard(&["env", "restore", "qa", "--timeout", STEP]).await?.ended(Exit::Success)?;
            Ok(())
        })
        .await?;
        world.ready("qa", SOON).await?;
        let orders = world.orders("qa").await?;
        ensure!(orders.contains(&first) && orders.contains(&second), "orders are lost: {orders:?}");
        forgotten(world).await?;

        over(world, first).await
    })
    .await
}

/// The class of `qa` keeps volumes for so long.
async fn keep_for(world: &World, length: &str) -> Result<()> {
    world
        .apply(|spec| {
            spec["components"]["web"]["scale"] = json!({"min": 1});
            spec["classes"]["qa"]["keepVolumes"] = json!(length);
        })
        .await?;
    Ok(())
}

/// Destroys `qa`; answers with the volume that its rows are in.
async fn destroyed_and_kept(world: &World) -> Result<String> {
    let receipt = world.outboard(&["env", "destroy", "qa", "--yes", "-o", "json"]).await?;
    let receipt = receipt.ended(Exit::Success)?.last()?["result"].clone();
    println!("{receipt:#}");
    let kept_volume = &receipt["keptVolumes"][0];
    same("the claim that is kept", &kept_volume["claim"], &json!("data-db-0"))?;
    same("volumes that went", &receipt["volumes"], &json!([]))?;
    same("what else is left", &receipt["remaining"], &json!([]))?;
    let until_then = kept_volume["until"].as_str().context("no end")?.to_owned();
    let volume = kept_volume["volume"].as_str().context("no volume")?.to_owned();

    let found = volumes(world).get(&volume).await?;
    same("its date", &found.annotations().get(marks::KEPT_UNTIL), &Some(&until_then))?;
    same("its policy", &policy(&found), &Some("Retain".to_owned()))?;
    let left = kept(world).await?;
    ensure!(left.len() == 4, "record, password with what it belongs to, and volume: {left:?}");
    let none = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what is left behind", &none["orphans"], &json!([]))?;
    let fresh = world.outboard(&["env", "create", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
    contains(&fresh.stdout, "this one begins with empty ones")?;
    Ok(volume)
}

/// Restores `qa`, after it was refused for good reasons.
async fn restored(world: &World, volume: &str, order: u64) -> Result<()> {
    world.outboard(&["env", "restore", "nobody"]).await?.ended(Exit::NotFound)?;
    world.outboard(&["env", "restore", "qa", "--revision", "9"]).await?.ended(Exit::NotFound)?;
    claimed_in(world, volume, "elsewhere").await?;
    let taken = world.outboard(&["env", "restore", "qa"]).await?.ended(Exit::Conflict)?;
    contains(&taken.stderr, "was taken by elsewhere/data-db-0")?;
    claimed_in(world, volume, &world.namespace("qa")).await?;
    let plan = world.outboard(&["env", "restore", "qa", "--dry-run"]).await?.ended(Exit::Success)?;
    contains(&plan.stdout, "the server with what data-db-0 held when it was destroyed")?;
    ensure!(!world.namespace_exists("qa").await?, "a plan made something");

    let restored = world.outboard(&["env", "restore", "qa"]).await?.ended(Exit::Success)?;
    println!("restored after {:.1} s", restored.took.as_secs_f32());
    let orders = world.orders("qa").await?;
    ensure!(orders.contains(&order), "order {order} is lost: {orders:?}");
    let found = volumes(world).get(volume).await?;
    same("its policy", &policy(&found), &Some("Delete".to_owned()))?;
    forgotten(world).await?;
    same("jobs that ran", &jobs(world).await?, &vec![])?;
    world.outboard(&["env", "restore", "qa"]).await?.ended(Exit::Conflict)?;

    // The next revision has jobs again, and what they did to these rows is done.
    world.outboard(&["env", "set", "qa", "--set", "web=2"]).await?.ended(Exit::Success)?;
    same("jobs that ran", &jobs(world).await?, &vec![])?;
    ensure!(world.orders("qa").await?.contains(&order), "order {order} is lost");
    Ok(())
}

/// Volumes are kept for a moment only; then nothing of them is there.
async fn over(world: &World, order: u64) -> Result<()> {
    keep_for(world, "20s").await?;
    world.outboard(&["env", "update", "qa"]).await?.ended(Exit::Success)?;
    // While there is no operator that would give it up, somebody does.
    let volume = destroyed(world).await?;
    without_operator(&world.client, async || by_hand(world, &volume).await).await?;
    forgotten(world).await?;
    let refused = world.outboard(&["env", "restore", "qa"]).await?.ended(Exit::NotFound)?;
    contains(&refused.stderr, "--without-data")?;
    world.outboard(&["env", "restore", "qa", "--without-data"]).await?.ended(Exit::Success)?;
    let orders = world.orders("qa").await?;
    ensure!(!orders.contains(&order), "where does order {order} come from? {orders:?}");
    destroyed(world).await?;
    // One that was off meanwhile finds what is due when it comes.
    restart_operator(&world.client).await?;
    forgotten(world).await?;
    same("what is left", &leftovers(world).await?, &vec![])
}

/// Destroys `qa`; answers with the volume that is kept.
async fn destroyed(world: &World) -> Result<String> {
    let destroyed = world.outboard(&["env", "destroy", "qa", "--yes", "-o", "json"]).await?;
    let receipt = destroyed.ended(Exit::Success)?.last()?["result"].clone();
    same("the claim that is kept", &receipt["keptVolumes"][0]["claim"], &json!("data-db-0"))?;
    Ok(receipt["keptVolumes"][0]["volume"].as_str().context("no volume")?.to_owned())
}

/// `gc` finds it once its time is up, and gives it up by its name.
async fn by_hand(world: &World, volume: &str) -> Result<()> {
    until("its time is up", SOON, async || {
        let found = world.outboard(&["gc", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
        Ok((found["orphans"][0]["name"] == json!(volume)).then_some(()))
    })
    .await?;
    let swept = world.outboard(&["gc", volume, "--yes", "-o", "json"]).await?.ended(Exit::Success)?.last()?;
    same("what became of it", &swept["orphans"][0]["outcome"], &json!("deleting"))?;
    until("the volume gone", SOON, async || Ok(volumes(world).get_opt(volume).await?.is_none().then_some(())))
        .await
}

async fn forgotten(world: &World) -> Result<()> {
    until("nothing kept any more", SOON, async || Ok(kept(world).await?.is_empty().then_some(()))).await
}

fn volumes(world: &World) -> Api<PersistentVolume> {
    Api::all(world.client.clone())
}

fn policy(volume: &PersistentVolume) -> Option<String> {
    volume.spec.as_ref()?.persistent_volume_reclaim_policy.clone()
}

/// Somebody else writes to whom the volume is promised.
async fn claimed_in(world: &World, volume: &str, namespace: &str) -> Result<()> {
    let patch = json!({"spec": {"claimRef": {"namespace": namespace}}});
    volumes(world).patch(volume, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}

/// Records, passwords and volumes that are kept of this world's environments.
async fn kept(world: &World) -> Result<Vec<String>> {
    let ours = ListParams::default().labels(&format!("{}={}", marks::CONTROL_NAMESPACE, world.name));
    let records = ListParams::default().labels(&format!("{}={VOLUMES}", marks::REVISION_OF));
    let client = || world.client.clone();
    let records = Api::<ControllerRevision>::namespaced(client(), &world.name).list(&records).await?;
    let anchors = Api::<ConfigMap>::namespaced(client(), HOME).list(&ours).await?;
    let passwords = Api::<Secret>::namespaced(client(), HOME).list(&ours).await?;
    let volumes = volumes(world).list(&ours).await?;
    let named = |kind: &str, names: Vec<String>| -> Vec<String> {
        names.into_iter().map(|name| format!("{kind} {name}")).collect()
    };
    Ok([
        named("record", records.iter().map(ResourceExt::name_any).collect()),
        named("ConfigMap", anchors.iter().map(ResourceExt::name_any).collect()),
        named("password", passwords.iter().map(ResourceExt::name_any).collect()),
        named("volume", volumes.iter().map(ResourceExt::name_any).collect()),
    ]
    .concat())
}

async fn jobs(world: &World) -> Result<Vec<String>> {
    let jobs = Api::<Job>::namespaced(world.client.clone(), &world.namespace("qa"));
    // Those of schedules have an owner.
    let own = |job: &&Job| job.owner_references().is_empty();
    Ok(jobs.list(&ListParams::default()).await?.iter().filter(own).map(ResourceExt::name_any).collect())
}

/// Does something while operators are killed again and again.
async fn under_kills(world: &World, act: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().context("SEED is not a number")?,
        Err(_) => rand::rng().random_range(0..u64::from(u32::MAX)),
    };
    println!("SEED={seed}");
    without_operator(&world.client, async || {
        let (stop, stopped) = watch::channel(false);
        let acting = async {
            let done = act().await;
            // Whatever happened: nobody needs an operator any more.
            let _ = stop.send(true);
            done
        };
        let (kills, done) = tokio::join!(kill(world, seed, stopped), acting);
        done?;
        let kills = kills?;
        println!("{kills} kills");
        ensure!(kills >= 3, "only {kills} kills");
        Ok(())
    })
    .await
}

async fn kill(world: &World, seed: u64, mut stopped: watch::Receiver<bool>) -> Result<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = 0;
    loop {
        let operator = HostOperator::begin(world)?;
        let lifetime = Duration::from_millis(random.random_range(200..LONGEST));
        tokio::select! {
            () = tokio::time::sleep(lifetime) => {
                operator.kill()?;
                kills += 1;
            }
            // Also when the sender is gone.
            _ = stopped.wait_for(|stop| *stop) => {
                operator.stop().await?;
                return Ok(kills);
            }
        }
    }
}
