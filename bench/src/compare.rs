//! One whole environment of examples/shop: `env create` beside kubectl applying the very same objects.

use std::time::Duration;

use anyhow::Context;

use crate::table::{Table, percentile};
use crate::{ours, peer, scene, setting};

/// Rounds of each; the median counts.
const ROUNDS: usize = 5;
const WAYS: [&str; 3] = ["`outboard env create`", "kubectl in stages", "kubectl all at once"];

pub fn run() -> anyhow::Result<()> {
    clean()?;
    let measured = rounds(setting("ROUNDS", ROUNDS));
    let memory = ours::operator_memory();
    let cleaned = clean();
    print!("\n{}", table(&measured?));
    println!("\noperator resident memory {:.1} MiB", memory? / 1024.0 / 1024.0);
    cleaned
}

/// Seconds of each way, round by round.
fn rounds(rounds: usize) -> anyhow::Result<[Vec<f64>; 3]> {
    let mut seconds: [Vec<f64>; 3] = Default::default();
    for round in 1..=rounds {
        let name = format!("bench-{round}");
        // One after the other and interleaved, so that whatever else the machine does falls on all alike.
        let (took, objects) = ours::create(&name).context("outboard env create")?;
        ours::destroy(&name)?;
        let staged = peer::run(&format!("peer-{round}-staged"), &objects, peer::Order::Staged)?;
        let at_once = peer::run(&format!("peer-{round}-once"), &objects, peer::Order::AtOnce)?;
        let took = [took, staged, at_once].map(|time: Duration| time.as_secs_f64());
        println!("round {round}: {:.2} s, {:.2} s, {:.2} s", took[0], took[1], took[2]);
        for (all, one) in seconds.iter_mut().zip(took) {
            all.push(one);
        }
    }
    Ok(seconds)
}

fn table(seconds: &[Vec<f64>; 3]) -> Table {
    let of = |way: usize, percent| percentile(&mut seconds[way].clone(), percent);
    let mut table =
        Table::new(&["seconds to answering through the gateway", "min", "median", "max", "ratio"]);
    for (way, name) in WAYS.iter().enumerate() {
        let ratio = if way == 0 { "–".to_owned() } else { format!("{:.2}", of(0, 50) / of(way, 50)) };
        let figures = [0, 50, 100].map(|percent| format!("{:.2}", of(way, percent)));
        table.row([vec![(*name).to_owned()], figures.to_vec(), vec![ratio]].concat());
    }
    table
}

fn clean() -> anyhow::Result<()> {
    scene::clear(ours::CONTROL)?;
    scene::remove_namespaces("peer-")
}
