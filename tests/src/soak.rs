//! The soak: many short lives of light environments, lane beside lane, while the operator and the API server are
//! killed at random moments. `SEED=…` draws the same moments again.

mod cycle;
mod killing;
mod outages;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use rand::RngExt;
use tokio::sync::watch;

use crate::{World, leftovers, light, story, without_operator};
use cycle::Lane;
use outages::Outages;

/// Lives that are lived side by side.
const LANES: usize = 5;

/// What all of a soak's tasks share.
struct Soak<'a> {
    world: &'a World,
    outages: &'a Outages,
    /// Cycles that were begun.
    begun: AtomicUsize,
    cycles: usize,
    repeated: AtomicUsize,
    /// Answers that were right only some time after an outage.
    late: AtomicUsize,
    /// End states that were not as asked.
    wrong: Mutex<Vec<String>>,
}

/// Lives so many cycles; fails if one ended otherwise than asked, or if anything is left of them.
pub async fn soak(cycles: usize) -> Result<()> {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().context("SEED is not a number")?,
        Err(_) => rand::rng().random_range(0..u64::from(u32::MAX)),
    };
    println!("SEED={seed}");
    story(async |world| {
        // The installed operator stores the project; from then on there are only those that are killed.
        world.write(|spec| *spec = light())?;
        world.outboard(&["project", "apply"]).await?.ended(api::Exit::Success)?;
        without_operator(&world.client, async || Box::pin(live(world, cycles, seed)).await).await
    })
    .await
}

async fn live(world: &World, cycles: usize, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let outages = Outages::default();
    let soak = Soak {
        world,
        outages: &outages,
        begun: AtomicUsize::new(0),
        cycles,
        repeated: AtomicUsize::new(0),
        late: AtomicUsize::new(0),
        wrong: Mutex::default(),
    };
    let (stop, stopped) = watch::channel(false);
    let living = async {
        join_all((0..LANES.min(cycles)).map(|number| Lane { soak: &soak, number }.live())).await;
        // Nobody needs killing any more. The receivers may have ended before.
        let _ = stop.send(true);
    };
    let (operators, servers, ()) = tokio::join!(
        killing::operators(world, seed, stopped.clone()),
        killing::api_servers(seed, &outages, stopped),
        living
    );
    let (operators, servers) = (operators?, servers?);
    let left = leftovers(world).await?;
    let wrong = soak.wrong.into_inner().unwrap_or_default();
    println!(
        "soak: {cycles} cycles in {LANES} lanes, {operators} kills of the operator, {servers} of the API server, \
         {} commands repeated, {} answers late after an outage, {} wrong end states, {} leftovers, {} s, SEED={seed}",
        soak.repeated.into_inner(),
        soak.late.into_inner(),
        wrong.len(),
        left.len(),
        begun.elapsed().as_secs(),
    );
    ensure!(wrong.is_empty() && left.is_empty(), "wrong: {wrong:#?}\nleft: {left:#?}");
    ensure!(operators > 0 && servers > 0, "nobody was killed: the lives were too short");
    Ok(())
}

impl Soak<'_> {
    /// The number of the next cycle, as long as there is one to live.
    fn next(&self) -> Option<usize> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        (number < self.cycles).then_some(number)
    }

    fn went_wrong(&self, what: String) {
        println!("WRONG: {what}");
        if let Ok(mut wrong) = self.wrong.lock() {
            wrong.push(what);
        }
    }
}
