//! The operator is killed at random moments through whole lives of environments. `SEED=…` tells it again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::Exit;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use stories::{HostOperator, World, leftovers, millis, same, story, without_operator};
use tokio::sync::watch;

const LIVES: usize = 5;
const KILLS: usize = 50;
/// Every step, with all its kills.
const STEP: &str = "150s";
/// Should lives be much faster than kills.
const MOST_LIVES: usize = 12;
/// Milliseconds an operator lives at most before the next kill.
const LONGEST: u64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the testbed"]
async fn an_operator_killed_at_any_moment_leaves_nothing_undone_and_nothing_over() -> Result<()> {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().context("SEED is not a number")?,
        Err(_) => rand::rng().random_range(0..u64::from(u32::MAX)),
    };
    println!("SEED={seed}");
    story(async |world| without_operator(&world.client, async || lives(world, seed).await).await).await
}

async fn lives(world: &World, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let kills = AtomicUsize::new(0);
    let (stop, stopped) = watch::channel(false);
    let living = async {
        let lived = live_on(world, &kills).await;
        // Whatever happened: nobody needs an operator any more. The receiver may have ended before.
        let _ = stop.send(true);
        lived
    };
    let (killed, lived) = tokio::join!(kill_again_and_again(world, seed, &kills, stopped), living);
    let lives = lived?;
    killed?;
    let kills = kills.load(Ordering::Relaxed);
    println!("{kills} kills in {lives} lives, {} s", begun.elapsed().as_secs());
    ensure!(kills >= KILLS, "only {kills} kills: lives were too short");
    same("what is left", &leftovers(world).await?, &vec![])
}

/// One life after the other, until there were enough kills.
async fn live_on(world: &World, kills: &AtomicUsize) -> Result<usize> {
    // One replica, so that a life is short.
    world.apply(|spec| spec["components"]["web"]["scale"] = json!({"min": 1})).await?;
    for life in 0..MOST_LIVES {
        let done = kills.load(Ordering::Relaxed);
        if life >= LIVES && done >= KILLS {
            return Ok(life);
        }
        let begun = Instant::now();
        live(world, life).await.with_context(|| format!("life {life}, {done} kills before it"))?;
        println!("life {life}: {} ms, {} kills so far", millis(begun), kills.load(Ordering::Relaxed));
    }
    Ok(MOST_LIVES)
}

/// Create → set → destroy.
async fn live(world: &World, life: usize) -> Result<()> {
    let name = format!("qa-{life}");
    let create = ["env", "create", &name, "--timeout", STEP];
    world.outboard(&create).await?.ended(Exit::Success)?;
    same("the first version", &world.get(&name, "/version").await?.version, &Some("1".to_owned()))?;
    let order = world.order(&name).await?;
    let set = ["env", "set", &name, "--set", "web=2", "--set", "migrate=2", "--timeout", STEP];
    world.outboard(&set).await?.ended(Exit::Success)?;
    same("the second version", &world.get(&name, "/version").await?.version, &Some("2".to_owned()))?;
    ensure!(world.orders(&name).await?.contains(&order), "the order is gone");
    let destroy = ["env", "destroy", &name, "--yes", "--timeout", STEP];
    world.outboard(&destroy).await?.ended(Exit::Success)?;
    ensure!(!world.namespace_exists(&name).await?, "the namespace is still there");
    Ok(())
}

/// Starts operators and kills them after random times; the one after the last kill is stopped in peace.
async fn kill_again_and_again(
    world: &World,
    seed: u64,
    kills: &AtomicUsize,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let operator = HostOperator::begin(world)?;
        let lifetime = Duration::from_millis(random.random_range(50..LONGEST));
        let enough = kills.load(Ordering::Relaxed) >= KILLS;
        tokio::select! {
            () = tokio::time::sleep(lifetime), if !enough => {
                operator.kill()?;
                kills.fetch_add(1, Ordering::Relaxed);
            }
            // Also when the sender is gone.
            _ = stopped.wait_for(|stop| *stop) => return operator.stop().await,
        }
    }
}
