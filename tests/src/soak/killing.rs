//! Who is killed, and when: the moments are drawn from the seed.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::outages::Outages;
use crate::{HostOperator, World, kubeconfig_file};

/// Milliseconds that an operator lives before it is killed.
const OPERATOR: std::ops::Range<u64> = 50..8_000;
/// Milliseconds between two deaths of the API server. After one, Kubernetes' own controllers come back after up to
/// half a minute: more often, and little would be done but waiting for them.
const API_SERVER: std::ops::Range<u64> = 20_000..90_000;
/// Before the first: also a short soak has one.
const FIRST: std::ops::Range<u64> = 5_000..20_000;

/// One operator after the other, each killed but the last; how many were.
pub async fn operators(world: &World, seed: u64, mut stopped: watch::Receiver<bool>) -> Result<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = 0;
    loop {
        let operator = HostOperator::begin(world)?;
        let lifetime = Duration::from_millis(random.random_range(OPERATOR));
        tokio::select! {
            () = tokio::time::sleep(lifetime) => operator.kill()?,
            // Also when the sender is gone.
            _ = stopped.wait_for(|stop| *stop) => return operator.stop().await.map(|()| kills),
        }
        kills += 1;
    }
}

/// Kills the testbed's API server and brings it back, again and again; how often.
pub async fn api_servers(seed: u64, outages: &Outages, mut stopped: watch::Receiver<bool>) -> Result<usize> {
    ensure!(
        kubeconfig_file()? == testbed::kubeconfig_path()?,
        "the API server is killed on the testbed only"
    );
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(1));
    let mut kills = 0;
    loop {
        let range = if kills == 0 { FIRST } else { API_SERVER };
        let pause = Duration::from_millis(random.random_range(range));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => return Ok(kills),
        }
        outages.begin();
        let restarted = spawn_blocking(|| testbed::restart(&testbed::Cache::open()?, "apiserver")).await;
        outages.end();
        println!("API server away for {:.1} s", restarted??.as_secs_f32());
        kills += 1;
    }
}
