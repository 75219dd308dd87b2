//! A thousand environments of ten components on nodes that KWOK plays: creation, memory, idling, restart, drift.

pub mod creation;
mod drift;
mod fleet;
mod operator;
pub mod poison;
mod report;
mod resync;

use std::time::Instant;

use anyhow::bail;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{block_in_place, spawn_blocking};

use crate::asked::Asked;
use crate::idle::{self, Quiet};
use crate::scene::{self, Scene};
use crate::setting;
use creation::Created;
use drift::Edit;
pub use fleet::Fleet;
pub use operator::Operator;
use resync::Resync;

const NAME: &str = "bench-scale";
/// The label that strangers put on objects.
const DRIFT: &str = "bench.outboard.dev/drift";

pub struct Size {
    pub environments: usize,
    pub components: usize,
    pub edits: usize,
}

/// A Deployment of one of the environments.
pub struct Place {
    pub namespace: String,
    pub name: String,
}

impl Size {
    fn asked_for() -> Self {
        Self {
            environments: setting("ENVIRONMENTS", 1000),
            components: setting("COMPONENTS", 10),
            edits: setting("EDITS", 200),
        }
    }

    fn place(&self, control: &str, draw: &mut dyn FnMut(usize) -> usize) -> Place {
        let namespace = format!("{control}-{}", environment(draw(self.environments)));
        Place { namespace, name: format!("app-{}", 1 + draw(self.components)) }
    }
}

/// What the environment of that number is called.
pub fn environment(number: usize) -> String {
    format!("scale-{number}")
}

pub struct Measured {
    created: Created,
    settled: bool,
    quiet: Quiet,
    resync: Resync,
    drift: Vec<(Edit, f64)>,
}

pub fn run() -> anyhow::Result<()> {
    let size = Size::asked_for();
    // In this order, so that they end in the other: the operator and the fake nodes are needed to clean up.
    let _asked = Asked::know(&[])?;
    let _fleet = Fleet::raise(NAME)?;
    let operator = Operator::with_room()?;
    let runtime = tokio::runtime::Runtime::new()?;
    scene::with(NAME, &scene::light(size.components)?, |scene| {
        runtime.block_on(async {
            tokio::select! {
                done = measure(scene, &size, &operator) => done,
                () = interrupted() => bail!("interrupted; cleaning up"),
            }
        })
    })
}

async fn measure(scene: &Scene, size: &Size, operator: &Operator) -> anyhow::Result<()> {
    let client = Client::try_default().await?;
    let created = creation::run(&client, &scene.name, size.environments).await?;
    println!("all ready after {:.1} s; settling", created.ready.as_secs_f64());
    let (settled, quiet) = spawn_blocking(|| anyhow::Ok((idle::settle()?, idle::window()?))).await??;
    println!("restarting the operator");
    let resync = resync::run(&client, &scene.name, size, operator).await?;
    println!("editing");
    let drift = drift::run(&client, &scene.name, size).await?;
    // Before the removal, which is the longest and may be cut short.
    report::print(size, &Measured { created, settled, quiet, resync, drift }, operator.usual_limit());
    let begun = Instant::now();
    block_in_place(|| scene.empty())?;
    println!("all destroyed, namespaces gone: {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Once somebody wants this to end.
pub async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
