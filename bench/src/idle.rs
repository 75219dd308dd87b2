//! What the operator asks and uses while nothing has to be done.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::asked::{Asked, OPERATOR, count};
use crate::light::{AT_ONCE, outboard};
use crate::scene;
use crate::scrape::{Scrape, for_passes};
use crate::setting;
use crate::table::Table;
use crate::tools::side_by_side;

const NAME: &str = "bench-idle";
/// What goes on after the last environment is ready may take so long to end.
const SETTLE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(5);

pub fn run() -> anyhow::Result<()> {
    let environments = setting("ENVIRONMENTS", 50);
    let asked = Asked::know(&["outboard"])?;
    let quiet = scene::with(NAME, &scene::light(1)?, |scene| {
        side_by_side(environments, AT_ONCE, |number| outboard(scene, &asked, &format!("idle-{number}")))?;
        let settled = settle()?;
        println!("settled: {settled}");
        window()
    })?;
    print!("\n{}", quiet.table(environments));
    Ok(())
}

/// Waits until the operator asks nothing for a while; whether it came to that.
pub fn settle() -> anyhow::Result<bool> {
    let begun = Instant::now();
    let mut before = Scrape::operator()?.requests()?;
    while begun.elapsed() < SETTLE {
        std::thread::sleep(LOOK);
        let now = Scrape::operator()?.requests()?;
        if now <= before {
            return Ok(true);
        }
        before = now;
    }
    Ok(false)
}

/// What was asked and used in a window of time.
pub struct Quiet {
    pub seconds: f64,
    /// By verb and resource.
    questions: BTreeMap<String, f64>,
    /// As the API server counts them, everything included; none where nobody asked it to.
    served: f64,
    pub looks: f64,
    pub cpu: f64,
    pub api_server_cpu: f64,
    pub resident_mib: f64,
}

/// Measures for `WINDOW` seconds.
pub fn window() -> anyhow::Result<Quiet> {
    let length = Duration::from_secs(setting("WINDOW", 60) as u64);
    let (api_before, before, begun) = (Scrape::api_server()?, Scrape::operator()?, Instant::now());
    std::thread::sleep(length);
    let (after, seconds, api_after) =
        (Scrape::operator()?, begun.elapsed().as_secs_f64(), Scrape::api_server()?);
    let (mut questions, earlier) = (after.questions()?, before.questions()?);
    for (labels, value) in &mut questions {
        *value -= earlier.get(labels).unwrap_or(&0.0);
    }
    questions.retain(|_, value| *value > 0.0);
    Ok(Quiet {
        seconds,
        questions,
        served: count(&api_after, OPERATOR) - count(&api_before, OPERATOR),
        looks: after.looks() - before.looks(),
        cpu: after.cpu() - before.cpu(),
        api_server_cpu: api_after.cpu() - api_before.cpu(),
        resident_mib: after.resident_mib(),
    })
}

impl Quiet {
    /// Requests without beginning watches and renewing the lease: what passes with nothing to do cost.
    pub fn requests(&self) -> f64 {
        for_passes(&self.questions)
    }

    /// The verbs and resources, the most frequent first.
    pub fn questions(&self) -> String {
        let mut all: Vec<_> = self.questions.iter().collect();
        all.sort_by(|a, b| b.1.total_cmp(a.1));
        let word = |labels: &str, name: &str| {
            let rest = labels.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let words = all
            .iter()
            .map(|(labels, value)| format!("{} {} {value}", word(labels, "verb"), word(labels, "resource")));
        words.collect::<Vec<_>>().join(", ")
    }

    fn table(&self, environments: usize) -> Table {
        let mut table = Table::new(&["what", "figure", "aim"]);
        let mut row =
            |what: &str, figure: String, aim: &str| table.row([what.to_owned(), figure, aim.to_owned()]);
        row("environments, settled", environments.to_string(), "");
        row("measured for", format!("{:.0} s", self.seconds), "");
        row("requests of the operator, without watches and lease", self.requests().to_string(), "0");
        row("… all of them, by its own count", self.questions(), "");
        row("… all of them, by the API server's count", self.served.to_string(), "");
        row("looks at environments", self.looks.to_string(), "");
        row(
            "CPU of the operator",
            format!("{:.2} s ({:.2} %)", self.cpu, self.cpu / self.seconds * 100.0),
            "",
        );
        row("CPU of the API server, everybody's requests", format!("{:.2} s", self.api_server_cpu), "");
        row("operator resident memory", format!("{:.1} MiB", self.resident_mib), "");
        table
    }
}
