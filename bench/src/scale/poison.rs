//! Some environments that can never be well among many that are: the good ones must not feel it. Fails if they do.

mod kinds;

use std::time::Duration;

use anyhow::{bail, ensure};
use kube::Client;
use tokio::task::spawn_blocking;

use super::fleet::Fleet;
use super::{Size, creation, drift, interrupted};
use crate::idle::{self, Quiet};
use crate::scene::{self, Scene};
use crate::setting;
use crate::table::{Table, percentile};
use kinds::{Kind, Poison};

const NAME: &str = "bench-poison";
/// What 99 of 100 edits of good environments may take until they are undone.
const SLOWEST: Duration = Duration::from_secs(1);
/// Share of one core that all of the poison together may keep the operator busy with.
const BUSIEST: f64 = 0.05;

struct Measured {
    /// Without and with the poison.
    quiet: [Quiet; 2],
    drift: [Vec<f64>; 2],
    poison: Vec<Poison>,
}

pub fn run() -> anyhow::Result<()> {
    let size = Size {
        environments: setting("ENVIRONMENTS", 200),
        components: setting("COMPONENTS", 2),
        edits: setting("EDITS", 120),
    };
    // In this order, so that they end in the other: the fake nodes are needed to clean up.
    let _fleet = Fleet::raise(NAME)?;
    let runtime = tokio::runtime::Runtime::new()?;
    kinds::sweep(NAME)?;
    let measured = scene::with(NAME, &scene::light(size.components)?, |scene| {
        let measured = runtime.block_on(async {
            tokio::select! {
                measured = measure(scene, &size) => measured,
                () = interrupted() => bail!("interrupted; cleaning up"),
            }
        });
        // Else some of the poison would be in the way of its own removal.
        kinds::sweep(NAME)?;
        measured
    })?;
    print!("\n{}", table(&size, &measured));
    judge(&measured)
}

async fn measure(scene: &Scene, size: &Size) -> anyhow::Result<Measured> {
    let client = Client::try_default().await?;
    let created = creation::run(&client, &scene.name, size.environments).await?;
    println!("all ready after {:.1} s", created.ready.as_secs_f64());
    let (before, drift_before) = look(&client, scene, size).await?;
    let mut poison = Vec::new();
    for kind in Kind::ALL {
        let made = kinds::make(&client, &scene.name, kind).await?;
        println!("{}: {}", kind.words(), made.verdict);
        poison.push(made);
    }
    let (after, drift_after) = look(&client, scene, size).await?;
    Ok(Measured { quiet: [before, after], drift: [drift_before, drift_after], poison })
}

/// What the operator does while nobody asks anything of it, and how long it takes to undo edits of good ones.
async fn look(client: &Client, scene: &Scene, size: &Size) -> anyhow::Result<(Quiet, Vec<f64>)> {
    let quiet = spawn_blocking(|| anyhow::Ok((idle::settle()?, idle::window()?))).await??.1;
    let drift = drift::run(client, &scene.name, size).await?;
    Ok((quiet, drift.into_iter().map(|(_, took)| took).collect()))
}

fn table(size: &Size, measured: &Measured) -> Table {
    let mut table = Table::new(&["what", "without", "with the poison", "aim"]);
    let mut row = |what: &str, figures: [String; 2], aim: &str| {
        let [without, with] = figures;
        table.row([what.to_owned(), without, with, aim.to_owned()]);
    };
    let good = size.environments.to_string();
    row("good environments", [good.clone(), good], "");
    row("poisoned ones", [String::from("0"), measured.poison.len().to_string()], "");
    let millis = |of: usize| {
        let mut both = measured.drift.clone();
        [0, 1].map(|side| format!("{:.0} ms", percentile(&mut both[side], of) * 1000.0))
    };
    row(&format!("drift of good ones undone, {} edits: p50", size.edits), millis(50), "");
    row("… p99", millis(99), "under 1 s");
    row("… longest", millis(100), "");
    let quiet = |figure: &dyn Fn(&Quiet) -> String| [figure(&measured.quiet[0]), figure(&measured.quiet[1])];
    row(
        "idle CPU of the operator",
        quiet(&|quiet| format!("{:.2} %", share(quiet) * 100.0)),
        "at most 5 % more",
    );
    row("looks a second", quiet(&|quiet| format!("{:.2}", quiet.looks / quiet.seconds)), "");
    row(
        "requests a second, without watches and lease",
        quiet(&|q| format!("{:.2}", q.requests() / q.seconds)),
        "",
    );
    table
}

fn share(quiet: &Quiet) -> f64 {
    quiet.cpu / quiet.seconds
}

fn judge(measured: &Measured) -> anyhow::Result<()> {
    let p99 = percentile(&mut measured.drift[1].clone(), 99);
    ensure!(p99 < SLOWEST.as_secs_f64(), "drift of good environments took {p99:.2} s (p99)");
    let more = share(&measured.quiet[1]) - share(&measured.quiet[0]);
    ensure!(more <= BUSIEST, "the poison keeps the operator busy for {:.1} % of a core", more * 100.0);
    for poison in &measured.poison {
        ensure!(poison.told, "{}: nothing is told, but: {}", poison.kind.words(), poison.verdict);
    }
    Ok(())
}
