//! Following the logs of many containers that number their lines: `outboard logs -f` beside stern, one after the other,
//! each as it is by default and its output read by us.
//!
//! CPU is counted from when every container has been heard until the end, so that opening many connections is not in it.

mod listener;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::scene::{self, Scene};
use crate::setting;
use crate::table::{Table, percentile};
use crate::tools::{outboard, outboard_program};
use listener::{Heard, Listener};

const NAME: &str = "bench-logs";
/// Containers, and lines a second of each.
const LOADS: [(usize, u32); 8] =
    [(1, 100), (1, 5000), (10, 50), (10, 500), (50, 20), (50, 100), (200, 5), (200, 25)];
const SYSTEMS: [&str; 2] = ["outboard", "stern"];
/// Every container has to be heard by then.
const PATIENCE: Duration = Duration::from_secs(60);

struct Row {
    containers: usize,
    rate: u32,
    heard: [Heard; 2],
}

pub fn run() -> anyhow::Result<()> {
    let most = setting("CONTAINERS", 200);
    let seconds = u64::try_from(setting("SECONDS", 20))?;
    let rows = scene::with(NAME, &spec(1, 1), |scene| {
        let mut rows = Vec::new();
        for (containers, rate) in LOADS.into_iter().filter(|(containers, _)| *containers <= most) {
            rows.push(measure(scene, containers, rate, Duration::from_secs(seconds))?);
        }
        Ok(rows)
    })?;
    print!("\n{}", table(&rows));
    println!(
        "\nEach line of about 100 bytes carries its number and when it was written; latency is from there to our reading it. stern runs \
         with --max-log-requests, since it ends at more than 50 containers without. {seconds} s each."
    );
    Ok(())
}

fn spec(containers: usize, rate: u32) -> Value {
    json!({
        "components": {"app": {
            "image": "registry.testbed:5000/testbed/chatter", "version": "1",
            "command": ["/usr/bin/chatter", "write", "-rate", rate.to_string()],
            "resources": {"cpu": "1m", "memory": "16Mi"},
            "scale": {"min": containers},
            "stop": {"drain": "0s", "grace": "2s"},
        }},
        "classes": {"qa": {}},
    })
}

fn measure(scene: &Scene, containers: usize, rate: u32, length: Duration) -> anyhow::Result<Row> {
    let environment = format!("c{containers}-r{rate}");
    scene.store(&spec(containers, rate))?;
    outboard(&["-n", NAME, "env", "create", &environment, "--project", NAME, "--timeout", "10m"])?;
    let namespace = format!("{NAME}-{environment}");
    let listen = |system: &str| {
        let heard = listen(system, &environment, &namespace, containers, length);
        let heard = heard.with_context(|| format!("{system}, {containers} containers"))?;
        println!("{containers} × {rate}/s by {system}: {} lines, {:.2} s of CPU", heard.lines, heard.cpu);
        anyhow::Ok(heard)
    };
    let row = Row { containers, rate, heard: [listen(SYSTEMS[0])?, listen(SYSTEMS[1])?] };
    scene.empty()?;
    Ok(row)
}

fn listen(
    system: &str,
    environment: &str,
    namespace: &str,
    containers: usize,
    length: Duration,
) -> anyhow::Result<Heard> {
    let (program, arguments) = match system {
        "outboard" => (
            outboard_program(),
            vec!["-n", NAME, "logs", environment, "--project", NAME, "--follow", "--since", "1s"],
        ),
        _ => (
            "stern".to_owned(),
            vec![".", "-n", namespace, "--since", "1s", "--color", "never", "--max-log-requests", "250"],
        ),
    };
    let listener = Listener::begin(&program, &arguments)?;
    let begun = Instant::now();
    while listener.sources() < containers {
        ensure!(begun.elapsed() < PATIENCE, "only {} of {containers} were heard", listener.sources());
        std::thread::sleep(Duration::from_millis(50));
    }
    listener.measure(length)
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "containers",
        "lines/s of each",
        "by",
        "lines",
        "lost",
        "twice",
        "CPU s per million lines",
        "ratio",
        "p50",
        "p99",
        "memory",
    ]);
    for row in rows {
        let cost = |heard: &Heard| heard.cpu / heard.lines as f64 * 1e6;
        let ours = cost(&row.heard[0]);
        for (system, heard) in SYSTEMS.iter().zip(&row.heard) {
            let mut latencies = heard.latencies.clone();
            let ratio = ours / cost(heard);
            table.row([
                row.containers.to_string(),
                row.rate.to_string(),
                (*system).to_owned(),
                heard.lines.to_string(),
                heard.lost.to_string(),
                heard.twice.to_string(),
                format!("{:.1}", cost(heard)),
                // Below one: outboard needs less than this one.
                if *system == "outboard" { "–".to_owned() } else { format!("{ratio:.2}") },
                format!("{:.0} ms", percentile(&mut latencies, 50)),
                format!("{:.0} ms", percentile(&mut latencies, 99)),
                format!("{} MiB", heard.memory / 1024),
            ]);
        }
    }
    table
}
