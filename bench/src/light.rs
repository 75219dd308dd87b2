//! Many small environments at once: `env create` beside `helm install --wait` and `kubectl apply` of the same objects.

use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;

use crate::asked::Asked;
use crate::chart::Objects;
use crate::meter::{Cost, Meter};
use crate::scene::{self, Scene};
use crate::setting;
use crate::table::Table;
use crate::tools::{outboard_program, run_as, side_by_side};

const NAME: &str = "bench-light";
/// How the rivals' namespaces begin.
const RIVALS: &str = "rival-";
/// Programs that run at the same time, of each side.
pub const AT_ONCE: usize = 10;
const SYSTEMS: [&str; 3] = ["outboard", "helm", "kubectl"];

pub fn run() -> anyhow::Result<()> {
    let most = setting("ENVIRONMENTS", 50);
    let counts: Vec<usize> = [1, 10, 50].into_iter().filter(|count| *count < most).chain([most]).collect();
    scene::remove_namespaces(RIVALS)?;
    let asked = Asked::know(&SYSTEMS)?;
    let measured = scene::with(NAME, &scene::light(1)?, |scene| rounds(scene, &asked, &counts));
    let cleaned = scene::remove_namespaces(RIVALS);
    print!("\n{}", table(&measured?));
    println!(
        "\nRequests are counted by the API server, by user. The operator's CPU time and requests are in outboard's line alone; \
         those of Kubernetes' own controllers, the same for all, in nobody's."
    );
    cleaned
}

type Round = (usize, [Cost; 3]);

fn rounds(scene: &Scene, asked: &Asked, counts: &[usize]) -> anyhow::Result<Vec<Round>> {
    // The first one brings the image to the node and shows what is rendered.
    outboard(scene, asked, "sample")?;
    let objects = Objects::of(&scene.name, "sample")?;
    scene.empty()?;
    let chart = TempDir::new()?;
    objects.write_chart(chart.path())?;
    let mut rounds = Vec::new();
    for &count in counts {
        let ours = measure("outboard", count, |name| outboard(scene, asked, name))?;
        scene.empty()?;
        let helm = measure("helm", count, |name| helm(asked, chart.path(), name))?;
        scene::remove_namespaces(RIVALS)?;
        let kubectl = measure("kubectl", count, |name| apply(asked, &objects, name))?;
        scene::remove_namespaces(RIVALS)?;
        rounds.push((count, [ours, helm, kubectl]));
    }
    Ok(rounds)
}

fn measure(
    system: &str,
    count: usize,
    make: impl Fn(&str) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Cost> {
    let meter = Meter::begin(system)?;
    side_by_side(count, AT_ONCE, |number| make(&format!("light-{number}")))
        .with_context(|| format!("{system}, {count} environments"))?;
    let cost = meter.end()?;
    println!("{count} by {system}: {:.2} s", cost.wall.as_secs_f64());
    Ok(cost)
}

/// Ends when the environment is ready.
pub fn outboard(scene: &Scene, asked: &Asked, name: &str) -> anyhow::Result<()> {
    let arguments = ["-n", &scene.name, "env", "create", name, "--project", &scene.name, "--timeout", "10m"];
    run_as(&asked.kubeconfig("outboard"), &outboard_program(), &arguments, None).map(drop)
}

fn helm(asked: &Asked, chart: &Path, name: &str) -> anyhow::Result<()> {
    let (chart, namespace) = (chart.to_string_lossy(), rival("helm", name));
    let arguments = [
        "install",
        name,
        &chart,
        "--namespace",
        &namespace,
        "--create-namespace",
        "--wait",
        "--timeout",
        "10m",
    ];
    run_as(&asked.kubeconfig("helm"), "helm", &arguments, None).map(drop)
}

fn apply(asked: &Asked, objects: &Objects, name: &str) -> anyhow::Result<()> {
    let (config, namespace) = (asked.kubeconfig("kubectl"), rival("kubectl", name));
    run_as(&config, "kubectl", &["apply", "--server-side", "-f", "-"], Some(&objects.list(&namespace)))?;
    for name in objects.deployments() {
        let deployment = format!("deployment/{name}");
        let arguments = ["-n", &namespace, "rollout", "status", &deployment, "--timeout=10m"];
        run_as(&config, "kubectl", &arguments, None)?;
    }
    Ok(())
}

fn rival(system: &str, name: &str) -> String {
    format!("{RIVALS}{system}-{name}")
}

fn table(rounds: &[Round]) -> Table {
    let mut table = Table::new(&[
        "environments",
        "by",
        "wall",
        "ratio",
        "requests of the tool",
        "… of the operator",
        "CPU of the tool",
        "… of the operator",
        "… of the API server",
    ]);
    for (count, costs) in rounds {
        for (system, cost) in SYSTEMS.iter().zip(costs) {
            let ours = *system == "outboard";
            let only_ours = |text: String| if ours { text } else { "–".to_owned() };
            table.row([
                count.to_string(),
                (*system).to_owned(),
                format!("{:.2} s", cost.wall.as_secs_f64()),
                // Below one: outboard is quicker than this one.
                if ours {
                    "–".to_owned()
                } else {
                    format!("{:.2}", costs[0].wall.as_secs_f64() / cost.wall.as_secs_f64())
                },
                cost.tool_requests.to_string(),
                only_ours(cost.operator_requests.to_string()),
                format!("{:.2} s", cost.tools),
                only_ours(format!("{:.2} s", cost.operator)),
                format!("{:.2} s", cost.api_server),
            ]);
        }
    }
    table
}
