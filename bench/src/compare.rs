//! One whole environment of examples/shop: `env create` beside kubectl applying the very same objects.

use std::time::Duration;

use anyhow::Context;

use crate::{ours, peer};

/// Rounds of each; the median counts.
const ROUNDS: usize = 5;

pub fn run() -> anyhow::Result<()> {
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let (mut create, mut staged, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let name = format!("bench-{round}");
        // One after the other and interleaved, so that whatever else the machine does falls on all alike.
        let (took, objects) = ours::create(&name).context("outboard env create")?;
        create.push(took);
        ours::destroy(&name)?;
        staged.push(peer::run(&format!("peer-{round}-staged"), &objects, peer::Order::Staged)?);
        at_once.push(peer::run(&format!("peer-{round}-once"), &objects, peer::Order::AtOnce)?);
        println!(
            "round {round}: outboard {:.2} s, kubectl in stages {:.2} s, kubectl all at once {:.2} s",
            create[round - 1].as_secs_f64(),
            staged[round - 1].as_secs_f64(),
            at_once[round - 1].as_secs_f64(),
        );
    }
    println!();
    println!(
        "environment of examples/shop, warm images, {rounds} rounds, seconds to answering through the gateway"
    );
    println!("{:<28} {:>8} {:>8} {:>8}", "", "min", "median", "max");
    for (name, times) in
        [("outboard env create", &create), ("kubectl in stages", &staged), ("kubectl all at once", &at_once)]
    {
        let (min, median, max) = spread(times);
        println!("{name:<28} {min:>8.2} {median:>8.2} {max:>8.2}");
    }
    println!("ratio to kubectl in stages   {:>8.2}", spread(&create).1 / spread(&staged).1);
    println!("ratio to kubectl all at once {:>8.2}", spread(&create).1 / spread(&at_once).1);
    println!("operator resident memory     {:>8.1} MiB", ours::operator_memory()? / 1024.0 / 1024.0);
    Ok(())
}

fn spread(times: &[Duration]) -> (f64, f64, f64) {
    let mut seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let at = |index: usize| seconds.get(index).copied().unwrap_or(f64::NAN);
    (at(0), at(seconds.len() / 2), at(seconds.len().saturating_sub(1)))
}
